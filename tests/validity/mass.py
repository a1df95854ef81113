"""Data of the mass exercise: inputs got ready in different ways, and targets in different units."""

from tests.validity.recipe import Data
from tests.validity.species import FRAME, LOADER, TENSORS

SCALINGS = {  # of a column of masses, where all of them are at hand
    "standardised": "({0} - {0}.mean()) / {0}.std()",
    "kg": "{0} / 1000",
    "by the mean": "{0} / {0}.mean()",
    "0 to 1": "({0} - {0}.min()) / ({0}.max() - {0}.min())",
    "grams": "{0}",
    "fixed": "({0} - 4200.0) / 800.0",
}
SIZES = '["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]'


def course(scaling: str, *, batch: int = 16) -> Data:
    """The course's package with transforms of one's own; four columns, not scaled."""
    change = {
        "by the mean": "mass / average",
        "standardised": "(mass - average) / float(masses.std())",
        "kg": "mass / 1000",
        "0 to 1": "(mass - float(masses.min())) / float(masses.max() - masses.min())",
    }[scaling]
    one = """\
inputs_used = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "sex"]
masses = PenguinDataset(inputs_used, ["body_mass_g"], train=True).split["body_mass_g"]
average = float(masses.mean())
average"""
    two = f"""\
def tensor(values):
    return torch.tensor(values).float()


def scaled(values):
    mass = tensor(values)
    return {change}


$train, $valid = (
    DataLoader(
        PenguinDataset(inputs_used, ["body_mass_g"], train=flag, x_tfms=tensor, y_tfms=scaled),
        batch_size={batch},
        shuffle=flag,
    )
    for flag in (True, False)
)"""
    imports = ("from ml_workshop import PenguinDataset", LOADER)
    return Data("ml_workshop", imports, (one, two), axes={"scaling": scaling})


def rows(scaling: str, *, batch: int = 24, flat: bool = False) -> Data:
    """A Dataset that looks its rows up one by one; five columns of its own making."""
    column = SCALINGS[scaling].format("self.df['body_mass_g']")
    target = "torch.tensor(self.y.iloc[k], dtype=torch.float)" if flat else "torch.tensor([self.y.iloc[k]]).float()"
    one = f"""\
class MassDataset(Dataset):
    def __init__(self, df):
        self.df = df
        self.y = {column}

    def __len__(self):
        return len(self.df)

    def __getitem__(self, k):
        r = self.df.iloc[k]
        features = [
            (r.bill_length_mm - 44) / 5,
            (r.bill_depth_mm - 17) / 2,
            (r.flipper_length_mm - 200) / 14,
            float(r.sex == "male"),
            float(r.species == "Gentoo"),
        ]
        return torch.tensor(features).float(), {target}"""
    two = f"""\
complete = load_penguins().dropna().sample(frac=1.0, random_state=21)
$train = DataLoader(MassDataset(complete.iloc[60:]), batch_size={batch}, shuffle=True)
$valid = DataLoader(MassDataset(complete.iloc[:60]), batch_size={batch})"""
    imports = (FRAME, "from torch.utils.data import DataLoader, Dataset")
    return Data("rows of a Dataset", imports, (one, two), axes={"scaling": scaling})


def arrays(scaling: str, *, batch: int = 32, flat: bool = False) -> Data:
    """pandas, then numpy, then tensors; three sizes, the sex and the species in columns of their own."""
    shape = "" if flat else "[:, None]"
    one = f"""\
penguins = load_penguins().dropna(ignore_index=True)
sizes = penguins[{SIZES}]
sizes = (sizes - sizes.mean()) / sizes.std()
kinds = pd.get_dummies(penguins[["species", "sex"]], dtype=float)
inputs_table = sizes.join(kinds)
mass = penguins["body_mass_g"]
mass = {SCALINGS[scaling].format("mass")}
inputs_table.describe()"""
    two = f"""\
order = np.random.RandomState(1).permutation(len(penguins))
a, b = order[: len(order) * 3 // 4], order[len(order) * 3 // 4 :]
everything = inputs_table.to_numpy(dtype=np.float32), mass.to_numpy(dtype=np.float32){shape}
$xt, $yt = (torch.from_numpy(part[a]) for part in everything)
$xv, $yv = (torch.from_numpy(part[b]) for part in everything)
$train = DataLoader(TensorDataset($xt, $yt), batch_size={batch}, shuffle=True)
$valid = DataLoader(TensorDataset($xv, $yv), batch_size=100)"""
    imports = (FRAME, TENSORS, "import numpy as np", "import pandas as pd")
    return Data("numpy, TensorDataset", imports, (one, two), axes={"scaling": scaling})


def by_hand(scaling: str, *, batch: int = 30) -> Data:
    """Tensors, cut into batches by a permutation; four columns from 0 to 1."""
    one = f"""\
frame = load_penguins().dropna()
frame["male"] = (frame["sex"] == "male") * 1.0
t = torch.tensor(frame[{SIZES[:-1]}, "male"]].values, dtype=torch.float32)
t = (t - t.amin(0)) / (t.amax(0) - t.amin(0))
grams = torch.tensor(frame["body_mass_g"].values, dtype=torch.float32).view(-1, 1)
goal = {SCALINGS[scaling].format("grams")}
torch.manual_seed(4)
mix = torch.randperm(len(t))
$xt, $yt = t[mix[:220]], goal[mix[:220]]
$xv, $yv = t[mix[220:]], goal[mix[220:]]
$xt.shape, $xv.shape, $yt.mean(), $yt.std()"""
    train = (
        "shuffled = torch.randperm(len($xt))\n"
        f"for start in range(0, len($xt), {batch}):\n"
        f"    which = shuffled[start : start + {batch}]\n"
        "    $x = $xt[which]\n"
        "    $y = $yt[which]"
    )
    valid = "for $x, $y in zip($xv.split(40), $yv.split(40)):"
    return Data("sliced by hand", (FRAME,), (one,), train, valid, loaders=False, axes={"scaling": scaling})


def generator(scaling: str, *, batch: int = 16) -> Data:
    """A generator of batches over lists; six columns."""
    one = f"""\
df = load_penguins().dropna()
number = df[["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "year"]]
number = (number - number.mean()) / number.std()
number["is_male"] = (df["sex"] == "male").astype(float)
number["is_gentoo"] = (df["species"] == "Gentoo").astype(float)
m = df["body_mass_g"].astype(float)
goal = {SCALINGS[scaling].format("m")}
pairs = list(zip(number.values.tolist(), goal.tolist()))
random.Random(0).shuffle(pairs)


def stream(part, size={batch}):
    part = random.sample(part, len(part))
    while part:
        now, part = part[:size], part[size:]
        yield torch.tensor([p[0] for p in now]), torch.tensor([[p[1]] for p in now])"""
    heads = "for $x, $y in stream(pairs[50:]):", "for $x, $y in stream(pairs[:50], 50):"
    return Data("generator", (FRAME, "import random"), (one,), *heads, loaders=False, axes={"scaling": scaling})


def split(scaling: str, *, batch: int = 20) -> Data:
    """One TensorDataset that is split at random; inputs scaled by scikit-learn."""
    one = f"""\
d = load_penguins().dropna()
columns = {SIZES}
X = np.hstack([StandardScaler().fit_transform(d[columns]), OneHotEncoder().fit_transform(d[["sex"]]).toarray()])
w = d["body_mass_g"].to_numpy()
w = {SCALINGS[scaling].format("w")}
both = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(w, dtype=torch.float32).unsqueeze(1))
first, second = random_split(both, [0.8, 0.2])
$train = DataLoader(first, batch_size={batch}, shuffle=True)
$valid = DataLoader(second, batch_size={batch})"""
    imports = (
        FRAME,
        "import numpy as np",
        "from sklearn.preprocessing import OneHotEncoder, StandardScaler",
        "from torch.utils.data import DataLoader, TensorDataset, random_split",
    )
    return Data("random_split", imports, (one,), axes={"scaling": scaling})
