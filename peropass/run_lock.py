"""One run per campaign: a lock that the kernel lets go of with its holder, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from peropass.errors import InputError

LOCK = "run.lock"
HELD = "PEROPASS_HOLDS"  # environment of a Snakemake whose parent holds this folder for it
_held: list[TextIO] = []


@contextmanager
def holding(folder: Path) -> Iterator[int]:
    """Hold a campaign folder; yields the descriptor that a child must inherit to hold it as long as it lives.

    Raises
    ------
    InputError
        Another run holds it, or it cannot be written.
    """
    with _lock(folder) as stream:
        yield stream.fileno()


def hold_while_alive(folder: str) -> None:
    """Hold a campaign folder until this process ends, unless its parent does so already; for a bare `snakemake`."""
    if os.environ.get(HELD) != folder:
        _held.append(_lock(Path(folder)))


def _lock(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = open(folder / LOCK, "w", encoding="utf-8")
    except OSError as error:
        raise InputError(
            str(folder),
            f"a folder that takes no files ({error.strerror})",
            "one that this user may write to, on a disk with room",
        ) from None
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        raise InputError(
            str(folder),
            "another run that works on this campaign",
            "one at a time: wait for it or stop it",
        ) from None
    return stream
