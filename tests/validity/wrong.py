"""All submissions of the class that have one mistake."""

from tests.validity import leaked, wrong_images, wrong_mass, wrong_species
from tests.validity.model import Case


def cases() -> list[Case]:
    """Each with its fault."""
    return [*wrong_species.cases(), *wrong_mass.cases(), *wrong_images.cases(), *leaked.cases()]
