"""All attacks, in the order of the list in docs/security-attacks.md."""

import forging
import learning
import outputs
import reading
import resources

ATTACKS = tuple(
    sorted(
        (*forging.ATTACKS, *reading.ATTACKS, *resources.ATTACKS, *outputs.ATTACKS, *learning.ATTACKS),
        key=lambda attack: (attack.numbers[0], attack.name),
    )
)
