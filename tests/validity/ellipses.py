"""Data and nets of the ellipse exercise."""

from tests.validity.recipe import Data, Net

COURSE = "from ml_workshop import EllipseDataset"
LOADER = "from torch.utils.data import DataLoader"
FUNCTIONAL = ("from torch import nn", "import torch.nn.functional as F")
TARGETS = {  # of a target (4,) in fractions of the side
    "0 to 1": "torch.tensor(t)",
    "pixels": "128 * torch.tensor(t)",
    "standardised": "(torch.tensor(t) - MIDDLE) / SPREAD",
}
TYPICAL = {
    "standardised": "MIDDLE = torch.tensor([0.5, 0.5, 0.14, 0.14])\nSPREAD = torch.tensor([0.2, 0.2, 0.06, 0.06])"
}


def course(scaling: str = "0 to 1", *, batch: int = 16) -> Data:
    """The course's data set through loaders: new images in every epoch."""
    one = f"""\
{TYPICAL.get(scaling, "")}


def target_of(t):
    return {TARGETS[scaling]}


ellipses = EllipseDataset(input_tfms=ToTensor(), target_tfms=target_of, training=True)
others = EllipseDataset(input_tfms=ToTensor(), target_tfms=target_of, training=False)
image, numbers = ellipses[0]
print(image.shape, numbers)"""
    two = f"""\
$train = DataLoader(ellipses, batch_size={batch}, shuffle=True)
$valid = DataLoader(Subset(others, range(200)), batch_size=50)"""
    imports = (
        COURSE,
        "from torchvision.transforms import ToTensor",
        "from torch.utils.data import DataLoader, Subset",
    )
    return Data("ml_workshop", imports, (one, two), axes={"scaling": scaling})


def fixed(scaling: str = "0 to 1", *, batch: int = 20, items: int = 1500) -> Data:
    """Images drawn once, kept as tensors."""
    one = f"""\
{TYPICAL.get(scaling, "")}


def draw(n, training):
    source = EllipseDataset(training=training)
    images = torch.empty(n, 3, 128, 128)
    goals = torch.empty(n, 4)
    for k in range(n):
        picture, t = source[k % 1000]
        images[k] = torch.as_tensor(picture).permute(2, 0, 1) / 255
        goals[k] = {TARGETS[scaling]}
    return TensorDataset(images, goals)


$train = DataLoader(draw({items}, True), batch_size={batch}, shuffle=True)
$valid = DataLoader(draw(200, False), batch_size=100)"""
    imports = (COURSE, "from torch.utils.data import DataLoader, TensorDataset")
    return Data("drawn once", imports, (one,), axes={"scaling": scaling})


def by_hand(*, batch: int = 16, items: int = 1500) -> Data:
    """Bytes that are made into batches by hand."""
    one = f"""\
def pictures(training, n):
    them = EllipseDataset(training=training)
    found = [them[0] for _ in range(n)]
    return np.stack([a for a, _ in found]).transpose(0, 3, 1, 2), np.stack([b for _, b in found])


$xt, $yt = pictures(True, {items})
$xv, $yv = pictures(False, 200)
$xt.shape, $xt.dtype, $yt.mean(axis=0), $yt.std(axis=0)


def to_tensors(a, b):
    return torch.tensor(a, dtype=torch.float32) / 127.5 - 1, torch.tensor(b)"""
    train = (
        f"for part in np.array_split(np.random.permutation(len($xt)), len($xt) // {batch}):\n"
        "    $x, $y = to_tensors($xt[part], $yt[part])"
    )
    valid = "for part in np.array_split(np.arange(len($xv)), 4):\n    $x, $y = to_tensors($xv[part], $yv[part])"
    return Data(
        "sliced by hand",
        (COURSE, "import numpy as np"),
        (one,),
        train,
        valid,
        loaders=False,
        axes={"scaling": "0 to 1"},
    )


def generator(*, batch: int = 16, steps: int = 70) -> Data:
    """A generator of new images."""
    one = f"""\
def read(picture):
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 255


SETS = {{True: EllipseDataset(read, torch.from_numpy, True), False: EllipseDataset(read, torch.from_numpy)}}


def draw_batches(training, how_many, size={batch}):
    for _ in range(how_many):
        pairs = [SETS[training][j] for j in range(size)]
        yield torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])"""
    heads = f"for $x, $y in draw_batches(True, {steps}):", "for $x, $y in draw_batches(False, 5, 40):"
    return Data("generator", (COURSE,), (one,), *heads, loaders=False, axes={"scaling": "0 to 1"})


def wrapped(*, batch: int = 20) -> Data:
    """A Dataset around the course's that answers in pixels."""
    one = f"""\
class PixelEllipses(Dataset):
    def __init__(self, training, n):
        self.base = EllipseDataset(training=training)
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        img, t = self.base[i]
        return torch.tensor(img).float().permute(2, 0, 1) / 255, torch.tensor(t) * 128


$train = DataLoader(PixelEllipses(True, 1000), batch_size={batch}, shuffle=True)
$valid = DataLoader(PixelEllipses(False, 200), batch_size=50)"""
    imports = (COURSE, "from torch.utils.data import DataLoader, Dataset")
    return Data("own Dataset", imports, (one,), axes={"scaling": "pixels"})


def contrast(*, answers: int = 4, last: str = "{}", scale: str = "") -> Net:
    """How far each pixel is from the background, then convolutions."""
    parts = f"""\
class $Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Linear(64 * 16, 64), nn.ReLU(), nn.Linear(64, {answers}))

    def forward(self, x):
        # the corner never belongs to the ellipse
        x = (x - x[:, :, :1, :1]).abs().sum(dim=1, keepdim=True)
        x = F.avg_pool2d(x, 4)
        x = x / (x.amax(dim=(2, 3), keepdim=True) + 1e-6)
        y = self.head(self.convs(x).flatten(1)){scale}
        return {last.format("y")}"""
    return Net("contrast to the background", "$net = $Net()", parts, FUNCTIONAL)


def normed(*, last: str = "") -> Net:
    """A ``Sequential`` that begins with instance norm on a smaller image."""
    make = f"""\
def layer(a, b, k=3):
    return [nn.Conv2d(a, b, k, stride=2, padding=k // 2), nn.BatchNorm2d(b), nn.LeakyReLU(0.1)]


$net = nn.Sequential(
    nn.AvgPool2d(4), nn.InstanceNorm2d(3), *layer(3, 24, 5), *layer(24, 48), *layer(48, 64),
    nn.Flatten(), nn.Linear(64 * 16, 96), nn.ReLU(), nn.Linear(96, 4),{last}
)
sum(p.numel() for p in $net.parameters())"""
    return Net("sequential, instance norm", make)


def with_places() -> Net:
    """Convolutions that are told where they are."""
    parts = """\
class $Net(nn.Module):
    def __init__(self, n=32):
        super().__init__()
        ramp = torch.linspace(-1, 1, n)
        self.register_buffer("places", torch.stack(torch.meshgrid(ramp, ramp, indexing="ij"))[None])
        sizes = [3, 16, 32, 48, 64]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(sizes, sizes[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in sizes[1:])
        self.dense = nn.Linear(64 * 4, 64)
        self.out = nn.Linear(64, 4)

    def forward(self, images):
        difference = (images - images[..., :1, :1]).pow(2).sum(1, keepdim=True).sqrt()
        shape = F.adaptive_avg_pool2d(difference, 32)
        shape = shape / shape.flatten(1).max(dim=1).values.clamp(min=1e-6)[:, None, None, None]
        h = torch.cat([shape, self.places.expand(len(images), -1, -1, -1)], dim=1)
        for conv, norm in zip(self.convs, self.norms):
            h = F.silu(norm(conv(h)))
        return self.out(F.silu(self.dense(h.flatten(1))))"""
    return Net("told the places", "$net = $Net()", parts, FUNCTIONAL)


def two_heads() -> Net:
    """One head for the centre and one for the radii."""
    parts = """\
class $Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(3, 12, 5, stride=2, padding=2), nn.Conv2d(12, 32, 3, padding=1)
        self.c3 = nn.Conv2d(32, 48, 3, padding=1)
        self.n1, self.n2, self.n3 = nn.BatchNorm2d(12), nn.BatchNorm2d(32), nn.BatchNorm2d(48)
        self.centre = nn.Sequential(nn.Linear(48 * 16, 48), nn.ELU(), nn.Linear(48, 2))
        self.radii = nn.Sequential(nn.Linear(48 * 16, 48), nn.ELU(), nn.Linear(48, 2))

    def forward(self, x):
        x = F.avg_pool2d(x, 4)
        x = x - x[:, :, :1, :1]
        x = x / (x.abs().amax(dim=(1, 2, 3), keepdim=True) + 1e-6)
        x = x.abs()
        x = F.relu(self.n1(self.c1(x)))
        x = F.max_pool2d(F.relu(self.n2(self.c2(x))), 2)
        x = F.max_pool2d(F.relu(self.n3(self.c3(x))), 2).flatten(1)
        return torch.cat([self.centre(x), self.radii(x)], dim=1)"""
    return Net("two heads", "$net = $Net()", parts, FUNCTIONAL)


def dense() -> Net:
    """No convolution: dense layers on a smaller image."""
    make = """\
$net = nn.Sequential(
    nn.AvgPool2d(4), nn.InstanceNorm2d(3), nn.Flatten(),
    nn.Linear(3 * 32 * 32, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 4),
)"""
    return Net("dense", make)
