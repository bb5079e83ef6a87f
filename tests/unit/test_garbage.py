"""The garbage collector is as it was after a block of rare sweeps, and cycles are still freed inside it."""

import gc
import weakref

import pytest

from peropass.garbage import OBJECTS_PER_SWEEP, rare_sweeps


class _Cycle:
    def __init__(self) -> None:
        self.me = self


def _fail_inside() -> None:
    with rare_sweeps():
        assert gc.get_threshold()[0] == OBJECTS_PER_SWEEP
        raise KeyError


def test_settings_come_back_also_after_an_error():
    before = gc.get_threshold()
    with pytest.raises(KeyError):
        _fail_inside()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_cycles_made_inside_are_freed_inside():
    with rare_sweeps():
        first = weakref.ref(_Cycle())
        kept = [[] for _ in range(3 * OBJECTS_PER_SWEEP)]
        assert first() is None
    assert len(kept) == 3 * OBJECTS_PER_SWEEP
