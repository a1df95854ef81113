"""How many inputs are made up for each test: FUZZ_EXAMPLES, else 500."""

import os

from hypothesis import settings

settings.register_profile("fuzz", max_examples=int(os.environ.get("FUZZ_EXAMPLES", "500")))
