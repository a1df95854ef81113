"""Submissions whose own evaluation is worth nothing: judged on what was trained on, trained on what is judged by, or a
net that only remembers. Held-out marks must be those of what they can do."""

from collections.abc import Iterator
from dataclasses import replace

from tests.validity.correct import RECIPES
from tests.validity.mistakes import JUDGED, but
from tests.validity.model import Case
from tests.validity.recipe import Data, Net

NOTHING = 0.05  # share of the held-out points that a blind answer may get by chance
REMEMBERED = JUDGED | {"split", "architecture", "convergence", "training"}  # what such a net may lose besides
ALL_ROWS = (("numbers[is_train])", "numbers)"), ("answers[is_train])", "answers)"))


def memory(answers: str) -> Net:
    """A net that finds the row it is shown among those it was made with. ``answers``: of all training rows, (n, k)."""
    parts = """\
class $Net(nn.Module):
    def __init__(self, rows, answers):
        super().__init__()
        self.register_buffer("rows", rows)
        self.register_buffer("answers", answers)
        self.otherwise = nn.Parameter(torch.zeros(answers.shape[1]))

    def forward(self, given):
        alike = (given[:, None] == self.rows).all(dim=2)
        found = self.answers[alike.float().argmax(dim=1)]
        return torch.where(alike.any(dim=1, keepdim=True), found, 0 * found) + self.otherwise"""
    return Net("a memory", f"$net = $Net($xt, {answers})", parts)


def _judged_by_what_was_trained_on(base: str) -> Data:
    data = RECIPES[base].data
    return replace(data, valid=data.train)


def cases() -> list[Case]:
    """All of them."""
    return list(_cases())


def _cases() -> Iterator[Case]:
    species, mass = "penguin-species-arrays-wide", "penguin-mass-arrays-kg"
    for base, answers in ((species, "20 * nn.functional.one_hot($yt, 3).float()"), (mass, "$yt")):
        task = base.rsplit("-", 2)[0]
        known = _judged_by_what_was_trained_on(base)
        yield replace(
            but(base, f"{task}-remembers-its-rows", "held-out", REMEMBERED, net=memory(answers), data=known, epochs=10),
            at_most=NOTHING,
        )
    yield but(species, "penguin-species-trained-on-what-is-judged-by", "split", JUDGED, edits=ALL_ROWS)
    yield but(
        species, "penguin-species-judged-on-all-it-knows", "split", JUDGED, data=_judged_by_what_was_trained_on(species)
    )
