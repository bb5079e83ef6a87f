"""Fewer sweeps of the garbage collector while many records are read.

Records are trees without cycles: counting references frees them. Each sweep walks through all that lives, a quarter of the time of a large analysis.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS_PER_SWEEP = 200_000  # new ones; Python's own number is 700 or 2,000


@contextmanager
def rare_sweeps() -> Iterator[None]:
    """Sweep rarely inside the block, and never through what was there before it."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_PER_SWEEP, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
