"""All correct submissions of the class."""

from tests.validity import correct_images, correct_mass, correct_species
from tests.validity.model import Case
from tests.validity.recipe import Recipe
from tests.validity.writing import case_of

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *correct_species.RECIPES,
        *correct_mass.RECIPES,
        *correct_images.DIGITS,
        *correct_images.ELLIPSES,
    )
}


def cases() -> list[Case]:
    """One case for each recipe."""
    return [case_of(recipe) for recipe in RECIPES.values()]
