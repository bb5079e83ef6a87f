"""Work folders: undeclared siblings of a record, keyed by the physics, that survive kills and retries."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from peropass.errors import RecordError
from peropass.records import Record, read_record, write_text

RESULT = "result.record.json"
R = TypeVar("R", bound=Record)

PROGRESS_EVERY_S = 1.0


def work_folder(record: str | Path, physics_hash: str) -> Path:
    """`work-<hash>` beside the record."""
    return Path(record).parent / f"work-{Path(record).name.split('.')[0]}-{physics_hash}"


@contextmanager
def exclusive(folder: Path, active: bool = True) -> Iterator[None]:
    """Hold a work folder: a second process with the same physics waits, then finds the finished result.

    Inactive ranks pass at once. The lock is the kernel's and goes with the process, however it ends.
    """
    if not active:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def finished_result(folder: Path, kind: type[R]) -> R | None:
    """The result that an earlier run left in its work folder; None if there is none or it is torn."""
    try:
        return read_record(folder / RESULT, kind, allow_toy=True)
    except RecordError:
        return None


@dataclass
class Progress:
    """Heartbeat file for the live display: what this job does now. Written by rank 0, at most once a second."""

    path: Path
    stage: str
    active: bool = True
    state: dict = field(default_factory=dict)
    _last: float = 0.0

    def update(self, force: bool = False, **state: object) -> None:
        """Merge `state` (e.g. scf_iteration, energy_eV, fmax_eV_per_ang) and write it if it is time."""
        self.state.update(state)
        now = time.monotonic()
        if not self.active or (not force and now - self._last < PROGRESS_EVERY_S):
            return
        self._last = now
        self.path.parent.mkdir(parents=True, exist_ok=True)
        data = {
            "stage": self.stage,
            "pid": os.getpid(),
            "unix_s": round(time.time(), 1),
            **self.state,
        }
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(data))
        os.replace(temporary, self.path)

    def finish(self) -> None:
        if self.active:
            self.path.unlink(missing_ok=True)


@dataclass
class Stopwatch:
    """Wall, core and memory cost of this process, added to what earlier attempts have left."""

    path: Path
    cores: int = 1
    writable: bool = True
    _start: float = field(default_factory=time.monotonic)
    _earlier: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            earlier = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):  # torn: the cost is lost, nothing else
            return
        self._earlier = earlier if isinstance(earlier, dict) else {}

    @property
    def attempts(self) -> int:
        return int(self._earlier.get("attempts", 0)) + 1

    def read(self) -> dict[str, float]:
        """wall_s, core_s, peak_MB and attempts including this one."""
        wall = time.monotonic() - self._start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "wall_s": round(float(self._earlier.get("wall_s", 0.0)) + wall, 2),
            "core_s": round(float(self._earlier.get("core_s", 0.0)) + wall * self.cores, 2),
            "peak_MB": round(max(float(self._earlier.get("peak_MB", 0.0)), peak * self.cores), 1),
            "attempts": self.attempts,
        }

    def save(self) -> None:
        """Keep the cost so far, so that a killed attempt still counts."""
        if self.writable:
            write_text(self.path, json.dumps(self.read()))
