"""Honest students who sit among the attackers: five small correct submissions, handed in by four students each."""

from nets import HONEST

FILE = "01_penguin_classification.py"
KINDS = {
    "plain": HONEST,
    "wide": HONEST.replace("16", "24"),
    "slow": HONEST.replace("lr=0.01", "lr=0.003"),
    "two-features": HONEST.replace(
        '"bill_depth_mm", "flipper_length_mm", "body_mass_g"]', '"flipper_length_mm"]'
    ).replace("Linear(4", "Linear(2"),
    "short": HONEST.replace("range(40)", "range(2)"),
}
COPIES = 4


def names(kind: str) -> list[str]:
    """The students who handed in this kind."""
    return [f"honest-{kind}-{number}" for number in range(COPIES)]
