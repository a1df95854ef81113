"""Imported once by the server that workers are forked from: what all of them use then lies in memory once.

Python counts references inside the objects themselves, and its garbage collector writes into them too; what is frozen
here is left alone by the collector, so that more of it stays shared.
"""

import gc
from importlib import import_module

from grader.batch import memory

MODULES = (  # by name: the later stages import this one
    *("grader.pipeline", "grader.execute.kernel"),
    *("pandas", "scipy.special", "skimage.draw", "PIL.PngImagePlugin"),
)

memory.lean()
for name in MODULES:
    import_module(name)
gc.collect()
gc.freeze()
