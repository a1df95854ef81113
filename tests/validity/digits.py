"""Data and nets of the digits exercise. ``rounds`` in the data says how many epochs the digits at hand ask for."""

from tests.validity.recipe import Data, Net

MNIST = "from torchvision.datasets import MNIST"
ROUNDS = "rounds"
FUNCTIONAL = ("from torch import nn", "import torch.nn.functional as F")
END = {"": "{}", "log-softmax": "F.log_softmax({}, dim=1)"}


def _rounds(many: int, size: str) -> str:
    return f"rounds = {many} if {size} < 5000 else {max(4, many // 2)}"


def loaders(*, batch: int = 32, many: int = 12) -> Data:
    """torchvision's data set through loaders, normalised."""
    one = f"""\
prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.13,), (0.31,))])
digits_train = MNIST("mnist", train=True, download=True, transform=prepare)
digits_test = MNIST("mnist", train=False, download=True, transform=prepare)
{_rounds(many, "len(digits_train)")}
len(digits_train), len(digits_test), digits_train[0][0].mean()"""
    two = f"""\
$train = DataLoader(digits_train, batch_size={batch}, shuffle=True)
$valid = DataLoader(digits_test, batch_size=200)"""
    imports = (MNIST, "from torchvision import transforms", "from torch.utils.data import DataLoader")
    return Data("torchvision, loaders", imports, (one, two), axes={"scaling": "normalised"})


def coloured(*, batch: int = 40, many: int = 12) -> Data:
    """Grey turned into three colours, turned a little on the training side."""
    one = f"""\
as_rgb = T.Grayscale(num_output_channels=3)
augment = T.Compose([as_rgb, T.RandomAffine(8, translate=(0.04, 0.04)), T.ToTensor()])
train_digits = MNIST(".", transform=augment, download=True)
valid_digits = MNIST(".", train=False, transform=T.Compose([as_rgb, T.ToTensor()]), download=True)
{_rounds(many, "len(train_digits)")}
$train = DataLoader(train_digits, shuffle=True, batch_size={batch}, drop_last=True)
$valid = DataLoader(valid_digits, batch_size=100)
first_batch, first_labels = next(iter($train))
print(first_batch.shape, first_labels)"""
    imports = (MNIST, "import torchvision.transforms as T", "from torch.utils.data import DataLoader")
    return Data("three colours, augmented", imports, (one,), axes={"scaling": "0 to 1"})


def by_hand(*, batch: int = 50, many: int = 12) -> Data:
    """All digits as one tensor, cut into batches by a permutation."""
    one = f"""\
def all_of(train):
    them = MNIST("./data", train=train, download=True)
    return them.data[:, None] / 255.0, them.targets


$xt, $yt = all_of(True)
$xv, $yv = all_of(False)
{_rounds(many, "len($xt)")}
$xt.shape, $xt.max(), $yt[:10]"""
    train = f"for some in torch.randperm(len($xt)).split({batch}):\n    $x, $y = $xt[some], $yt[some]"
    valid = "for $x, $y in zip($xv.split(500), $yv.split(500)):"
    return Data("sliced by hand", (MNIST,), (one,), train, valid, loaders=False, axes={"scaling": "0 to 1"})


def one_hot(*, batch: int = 32, many: int = 12) -> Data:
    """A TensorDataset with one-hot targets."""
    one = f"""\
def tensors(**which):
    d = MNIST(root="d", download=True, **which)
    images = d.data.unsqueeze(1).float()
    return TensorDataset((images - 33.0) / 78.0, torch.eye(10)[d.targets])


a, b = tensors(train=True), tensors(train=False)
{_rounds(many, "len(a)")}
$train, $valid = DataLoader(a, {batch}, shuffle=True), DataLoader(b, 250)"""
    imports = (MNIST, "from torch.utils.data import DataLoader, TensorDataset")
    return Data("TensorDataset, one-hot", imports, (one,), axes={"scaling": "standardised"})


def split(*, batch: int = 32, many: int = 14) -> Data:
    """The training digits alone, split at random."""
    one = f"""\
everything = MNIST("mnist_files", train=True, download=True, transform=ToTensor())
n_valid = len(everything) // 10
part_a, part_b = random_split(everything, [len(everything) - n_valid, n_valid])
{_rounds(many, "len(part_a)")}
$train = DataLoader(part_a, batch_size={batch}, shuffle=True)
$valid = DataLoader(part_b, batch_size=64)"""
    imports = (
        MNIST,
        "from torchvision.transforms import ToTensor",
        "from torch.utils.data import DataLoader, random_split",
    )
    return Data("random_split", imports, (one,), axes={"scaling": "0 to 1"})


def generator(*, batch: int = 32, many: int = 12) -> Data:
    """A generator over numpy arrays."""
    one = f"""\
source = torchvision.datasets.MNIST("digits", train=True, download=True)
judge = torchvision.datasets.MNIST("digits", train=False, download=True)
arrays = {{
    "train": (source.data.numpy().astype("float32") / 127.5 - 1, source.targets.numpy()),
    "valid": (judge.data.numpy().astype("float32") / 127.5 - 1, judge.targets.numpy()),
}}
{_rounds(many, "len(source)")}


def minibatches(which, n={batch}):
    images, labels = arrays[which]
    sequence = np.random.permutation(len(labels)) if which == "train" else np.arange(len(labels))
    for k in range(0, len(labels), n):
        part = sequence[k : k + n]
        yield torch.from_numpy(images[part]).unsqueeze(1), torch.from_numpy(labels[part])"""
    imports = ("import torchvision", "import numpy as np")
    heads = 'for $x, $y in minibatches("train"):', 'for $x, $y in minibatches("valid", 100):'
    return Data("generator", imports, (one,), *heads, loaders=False, axes={"scaling": "-1 to 1"})


def own_dataset(*, batch: int = 32, many: int = 12) -> Data:
    """A Dataset around torchvision's, with a border of two pixels."""
    one = f"""\
class Digits(Dataset):
    def __init__(self, train):
        self.inner = MNIST("files", train=train, download=True)

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, i):
        picture, label = self.inner[i]
        pixels = torch.from_numpy(np.array(picture)).float() / 255
        return F.pad(pixels[None], (2, 2, 2, 2)), label


pool, test_pool = Digits(True), Digits(False)
{_rounds(many, "len(pool)")}
$train = DataLoader(pool, batch_size={batch}, shuffle=True)
$valid = DataLoader(test_pool, batch_size=128)"""
    imports = (
        MNIST,
        "from torch.utils.data import DataLoader, Dataset",
        "import numpy as np",
        "import torch.nn.functional as F",
    )
    return Data("own Dataset, padded", imports, (one,), axes={"scaling": "0 to 1"})


def lenet(*, channels: int = 1, side: int = 28, end: str = "") -> Net:
    """Two convolutions of five by five and three dense layers."""
    left = ((side - 4) // 2 - 4) // 2
    parts = f"""\
class $Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d({channels}, 12, 5)
        self.conv2 = nn.Conv2d(12, 32, 5)
        self.fc1 = nn.Linear(32 * {left} * {left}, 120)
        self.fc2 = nn.Linear(120, 10)
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.drop(F.relu(self.fc1(torch.flatten(x, 1))))
        return {END[end].format("self.fc2(x)")}"""
    return Net("like LeNet", "$net = $Net()", parts, FUNCTIONAL)


def sequential(*, channels: int = 1) -> Net:
    """A ``Sequential`` with batch norm."""
    make = f"""\
def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


$net = nn.Sequential(
    conv({channels}, 16), conv(16, 32), conv(32, 48), nn.Flatten(), nn.Dropout(0.2), nn.Linear(48 * 9, 10)
)
sum(p.numel() for p in $net.parameters())"""
    return Net("sequential, batch norm", make)


def pooled(*, channels: int = 1, end: str = "") -> Net:
    """Convolutions only, and the mean over what they see."""
    parts = f"""\
class $Net(nn.Module):
    def __init__(self, sizes=({channels}, 16, 32, 64)):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(sizes, sizes[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in sizes[1:])
        self.last = nn.Conv2d(sizes[-1], 10, 1)

    def forward(self, picture):
        for c, n in zip(self.convs, self.norms):
            picture = F.max_pool2d(F.leaky_relu(n(c(picture)), 0.1), 2)
        answer = self.last(picture).mean(dim=(2, 3))
        return {END[end].format("answer")}"""
    return Net("convolutions only", "$net = $Net()\n$net", parts, FUNCTIONAL)


def residual(*, channels: int = 1) -> Net:
    """Residual blocks."""
    parts = f"""\
class Skip(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.way = nn.Sequential(
            nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(),
            nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c),
        )

    def forward(self, x):
        return torch.relu(x + self.way(x))


class $Net(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d({channels}, c, 5, stride=2, padding=2), nn.ReLU())
        self.one, self.two = Skip(c), Skip(c)
        self.head = nn.Linear(c * 7 * 7, 10)

    def forward(self, x):
        x = self.two(nn.functional.max_pool2d(self.one(self.stem(x)), 2))
        return self.head(x.reshape(x.shape[0], -1))"""
    return Net("residual", "$net = $Net()", parts)


def separable(*, channels: int = 1) -> Net:
    """Depthwise convolutions with pointwise ones."""
    parts = f"""\
def separable(n_in, n_out):
    return nn.Sequential(
        nn.Conv2d(n_in, n_in, 3, padding=1, groups=n_in), nn.Conv2d(n_in, n_out, 1), nn.BatchNorm2d(n_out), nn.SiLU()
    )


class $Net(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d({channels}, 16, 5, padding=2, stride=2), nn.BatchNorm2d(16), nn.SiLU(),
            separable(16, 48), nn.MaxPool2d(2), separable(48, 64), nn.Flatten(), nn.Linear(64 * 7 * 7, 10),
        )"""
    return Net("depthwise separable", "$net = $Net()", parts)


def transformer() -> Net:
    """Patches of the image as words of a small transformer."""
    parts = """\
class $Net(nn.Module):
    def __init__(self, width=64, heads=4, depth=2):
        super().__init__()
        self.patches = nn.Conv2d(1, width, kernel_size=4, stride=4)
        self.places = nn.Parameter(torch.randn(1, 49, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.answer = nn.Linear(width, 10)

    def forward(self, images):
        words = self.patches(images).flatten(2).transpose(1, 2) + self.places
        return self.answer(self.encoder(words).mean(dim=1))"""
    return Net("transformer", "$net = $Net()", parts)


def dense(*, width: int = 784) -> Net:
    """No convolution at all."""
    make = f"$net = nn.Sequential(nn.Flatten(), nn.Linear({width}, 128), nn.ReLU(), nn.Linear(128, 10))"
    return Net("dense", make)
