"""Records that many candidates share, read once per process for as long as their files stay as they are.

A file is known by its absolute path, its size and the time of its last change; a record that is written anew is read anew.
Memory is bounded: the records used least recently go first.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from peropass.analysis.traps import TrapVerdicts
from peropass.records import LevelsRecord, R, read_record

MOST_RECORDS = 256  # slabs, phases, natives and molecules of one socket are a few dozen
MOST_SOCKETS = 8


class FileState(NamedTuple):
    """A file as it is now: bytes and nanoseconds."""

    path: str
    size: int
    changed_ns: int


def state_of(file: str | Path) -> FileState:
    """Raises FileNotFoundError if there is no such file."""
    found = os.stat(file)
    return FileState(os.path.abspath(file), found.st_size, found.st_mtime_ns)


def shared_record(file: str | Path, kind: type[R], allow_toy: bool = False) -> R | None:
    """The record in `file`, None if it is absent; errors as of `records.read_record`."""
    try:
        return _read(state_of(file), kind, allow_toy)
    except FileNotFoundError:
        return None


def shared_verdicts(pristine: Path, socket: Path, allow_toy: bool = False) -> TrapVerdicts | None:
    """Trap verdicts on one socket from two files of levels; None unless both are there."""
    try:
        return _verdicts(state_of(pristine), state_of(socket), allow_toy)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=MOST_RECORDS)
def _read(state: FileState, kind: type[R], allow_toy: bool) -> R:
    return read_record(state.path, kind, allow_toy=allow_toy)


@lru_cache(maxsize=MOST_SOCKETS)
def _verdicts(pristine: FileState, socket: FileState, allow_toy: bool) -> TrapVerdicts:
    return TrapVerdicts(
        _read(pristine, LevelsRecord, allow_toy), _read(socket, LevelsRecord, allow_toy)
    )
