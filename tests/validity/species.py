"""Data of the species exercise, got ready in different ways. Each says how wide its rows are."""

from tests.validity.recipe import Data

ORDERS = {
    "alphabet": '["Adelie", "Chinstrap", "Gentoo"]',
    "backwards": '["Gentoo", "Chinstrap", "Adelie"]',
    "mixed": '["Chinstrap", "Adelie", "Gentoo"]',
    "other": '["Gentoo", "Adelie", "Chinstrap"]',
}
FOUR = '["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]'
FIVE = '["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex"]'
LOADER = "from torch.utils.data import DataLoader"
TENSORS = "from torch.utils.data import DataLoader, TensorDataset"
FRAME = "from palmerpenguins import load_penguins"


def course(order: str, *, one_hot: bool = False, batch: int = 16) -> Data:
    """The course's package with transforms of one's own; five columns, not scaled."""
    answer = "torch.tensor(SPECIES.index(values[0]))"
    target = f"nn.functional.one_hot({answer}, 3).float()" if one_hot else answer
    one = f"""\
COLUMNS = {FIVE}
SPECIES = {ORDERS[order]}


def row_to_tensor(values):
    return torch.tensor(values, dtype=torch.float32)


def species_to_target(values):
    return {target}


def side(is_training):
    return PenguinDataset(COLUMNS, ["species"], is_training, x_tfms=row_to_tensor, y_tfms=species_to_target)"""
    two = f"""\
$train = DataLoader(side(True), batch_size={batch}, shuffle=True, drop_last=True)
$valid = DataLoader(side(False), batch_size={batch})
len($train.dataset), len($valid.dataset)"""
    imports = ("from ml_workshop import PenguinDataset", LOADER, "from torch import nn")
    return Data("ml_workshop", imports, (one, two), axes={"order": order})


def rows(order: str, *, batch: int = 20, one_hot: bool = False) -> Data:
    """A Dataset that looks its rows up one by one; four columns, standardised by numbers of its own."""
    target = "torch.eye(3)[ORDER.index(bird['species'])]" if one_hot else "ORDER.index(bird['species'])"
    one = f"""\
ORDER = {ORDERS[order]}
MEASURED = {FOUR}


class Birds(Dataset):
    def __init__(self, table):
        self.table = table
        self.mean = table[MEASURED].mean()
        self.std = table[MEASURED].std()

    def __len__(self):
        return self.table.shape[0]

    def __getitem__(self, i):
        bird = self.table.iloc[i]
        numbers = (bird[MEASURED].astype(float) - self.mean) / self.std
        return torch.tensor(numbers.to_numpy(), dtype=torch.float32), {target}"""
    two = f"""\
birds = load_penguins().dropna()
judged = birds.sample(frac=0.2, random_state=11)
$train = DataLoader(Birds(birds.drop(judged.index)), batch_size={batch}, shuffle=True)
$valid = DataLoader(Birds(judged), batch_size={batch})"""
    imports = (FRAME, "from torch.utils.data import DataLoader, Dataset")
    return Data("rows of a Dataset", imports, (one, two), axes={"order": order})


def arrays(order: str, *, batch: int = 32, one_hot: bool = False) -> Data:
    """pandas, then numpy, then tensors; four columns, standardised by the training side."""
    target = "np.eye(3, dtype='float32')[codes]" if one_hot else "codes.astype('int64')"
    one = f"""\
table = load_penguins().dropna().reset_index(drop=True)
features = {FOUR}
codes = pd.Categorical(table["species"], categories={ORDERS[order]}).codes
table.groupby("species")[features].mean()"""
    two = f"""\
rng = np.random.default_rng(5)
is_train = rng.random(len(table)) < 0.8
numbers = table[features].to_numpy(dtype="float32")
centre, spread = numbers[is_train].mean(axis=0), numbers[is_train].std(axis=0)
numbers = (numbers - centre) / spread
answers = {target}
$xt, $yt = torch.from_numpy(numbers[is_train]), torch.from_numpy(answers[is_train])
$xv, $yv = torch.from_numpy(numbers[~is_train]), torch.from_numpy(answers[~is_train])
print($xt.shape, $yt.shape, $xv.shape, $yv.shape)"""
    three = f"""\
$train = DataLoader(TensorDataset($xt, $yt), batch_size={batch}, shuffle=True)
$valid = DataLoader(TensorDataset($xv, $yv), batch_size=64)"""
    imports = (FRAME, "import numpy as np", "import pandas as pd", TENSORS)
    return Data("numpy, TensorDataset", imports, (one, two, three), axes={"order": order})


def by_hand(order: str, *, batch: int = 25) -> Data:
    """Tensors, cut into batches by a permutation; six columns with the sex as two of them."""
    one = f"""\
df = load_penguins().dropna().sample(frac=1, random_state=3)
ids = {{name: i for i, name in enumerate({ORDERS[order]})}}
x_all = df[{FOUR}].join(pd.get_dummies(df["sex"]))
x_all = torch.tensor(x_all.to_numpy(dtype="float32"))
x_all[:, :4] = (x_all[:, :4] - x_all[:, :4].mean(0)) / x_all[:, :4].std(0)
y_all = torch.tensor([ids[name] for name in df["species"]])
n_kept = 60
$xv, $yv = x_all[:n_kept], y_all[:n_kept]
$xt, $yt = x_all[n_kept:], y_all[n_kept:]"""
    train = f"for picked in torch.randperm(len($xt)).split({batch}):\n    $x, $y = $xt[picked], $yt[picked]"
    valid = "for $x, $y in [($xv, $yv)]:"
    imports = (FRAME, "import pandas as pd")
    return Data("sliced by hand", imports, (one,), train, valid, loaders=False, axes={"order": order})


def generator(order: str, *, batch: int = 16, one_hot: bool = False) -> Data:
    """A generator of batches over numpy arrays; three columns and the sex."""
    target = "torch.eye(3)[answers[chosen]]" if one_hot else "torch.tensor(answers[chosen])"
    one = f"""\
kept = load_penguins().dropna()
male = (kept["sex"] == "male").to_numpy(dtype=float)
inputs_all = kept[["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]].to_numpy()
low, high = inputs_all.min(axis=0), inputs_all.max(axis=0)
inputs_all = np.column_stack([(inputs_all - low) / (high - low), male]).astype(np.float32)
species_order = np.array({ORDERS[order]})
answers = np.array([int(np.flatnonzero(species_order == s)[0]) for s in kept["species"]])
shuffled = np.random.RandomState(8).permutation(len(answers))
for_training, for_validation = shuffled[55:], shuffled[:55]


def batches(which, size={batch}):
    which = np.random.permutation(which)
    for start in range(0, len(which), size):
        chosen = which[start : start + size]
        yield torch.tensor(inputs_all[chosen]), {target}"""
    imports = (FRAME, "import numpy as np")
    heads = "for $x, $y in batches(for_training):", "for $x, $y in batches(for_validation, 55):"
    return Data("generator", imports, (one,), *heads, loaders=False, axes={"order": order})


def sklearn(*, batch: int = 16, one_hot: bool = False) -> Data:
    """scikit-learn splits and scales; four columns, classes numbered by numpy."""
    last = "nn.functional.one_hot({}, num_classes=3).float()" if one_hot else "{}"
    one = """\
X, species = load_penguins(return_X_y=True, drop_na=True)
class_names, y_number = np.unique(species, return_inverse=True)
X_a, X_b, y_a, y_b = train_test_split(X, y_number, test_size=0.25, random_state=42, stratify=y_number)
scale = StandardScaler()
X_a = scale.fit_transform(X_a)
X_b = scale.transform(X_b)
class_names"""
    two = f"""\
def as_set(inputs, numbers):
    numbers = torch.as_tensor(numbers).long()
    return TensorDataset(torch.as_tensor(inputs).float(), {last.format("numbers")})

$train = DataLoader(as_set(X_a, y_a), {batch}, shuffle=True)
$valid = DataLoader(as_set(X_b, y_b), {batch})"""
    imports = (
        FRAME,
        TENSORS,
        "import numpy as np",
        "from sklearn.model_selection import train_test_split",
        "from sklearn.preprocessing import StandardScaler",
        "from torch import nn",
    )
    return Data("scikit-learn", imports, (one, two), axes={"order": "alphabet"})


def pairs(order: str, *, batch: int = 10) -> Data:
    """A list of pairs, which a loader takes as a data set, split at random; seven columns with the island."""
    one = f"""\
data = load_penguins().dropna()
X = data[{FOUR}]
X = (X - X.mean()) / X.std()
X = pd.concat([X, pd.get_dummies(data["island"], dtype=float)], axis=1)
wanted = {ORDERS[order]}
examples = [
    (torch.tensor(list(row), dtype=torch.float32), wanted.index(name))
    for row, name in zip(X.itertuples(index=False), data["species"])
]
print(examples[0])"""
    two = f"""\
n = len(examples) * 4 // 5
one_part, other_part = random_split(examples, [n, len(examples) - n], generator=torch.Generator().manual_seed(2))
$train = DataLoader(one_part, batch_size={batch}, shuffle=True)
$valid = DataLoader(other_part, batch_size=len(other_part))"""
    imports = (FRAME, "import pandas as pd", "from torch.utils.data import DataLoader, random_split")
    return Data("list of pairs, random_split", imports, (one, two), axes={"order": order})
