"""The ionic-step journal: one line per finished step, appended, fsynced and checksummed.

The journal is the whole restart state of a relaxation. Positions, energies and forces of every finished
step stand in it, so the optimiser's Hessian is rebuilt by replaying the steps instead of being stored in a
second file that could be torn or out of date. A line that was cut by a kill or a full disk fails its
checksum; it and everything after it are dropped, and the relaxation continues from the step before.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class JournalStep:
    """One finished ionic step. Arrays are (n, 3), in Angstrom and eV/Angstrom."""

    index: int
    positions: np.ndarray
    forces: np.ndarray
    electronic_eV: float
    free_eV: float
    dispersion_eV: float
    scf_iterations: int
    seconds: float
    rung: str
    looseness: float = 1.0

    @property
    def energy_eV(self) -> float:
        return self.electronic_eV + self.dispersion_eV


class Journal:
    """Append-only file of `JournalStep`s for one structure and one set of settings.

    Parameters
    ----------
    path : Path
        File; its header line names `physics_hash`, and a file of another physics is not continued.
    physics_hash : str
        Identity of initial structure + settings + revision.
    writable : bool
        False on all ranks but the first.
    """

    def __init__(self, path: str | Path, physics_hash: str, writable: bool = True) -> None:
        self.path = Path(path)
        self.physics_hash = physics_hash
        self.writable = writable
        self.steps: list[JournalStep] = []
        self.dropped_lines = 0
        self._load()

    def append(self, step: JournalStep) -> None:
        """Write one step; it is on the disk when this returns."""
        self.steps.append(step)
        if not self.writable:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = not self.path.exists()
        with open(self.path, "a", encoding="utf-8") as stream:
            if new:
                stream.write(_line({"physics_hash": self.physics_hash}))
            stream.write(_line(_to_plain(step)))
            stream.flush()
            os.fsync(stream.fileno())

    def _load(self) -> None:
        try:
            whole = self.path.read_bytes()
        except FileNotFoundError:
            return
        good: list[bytes] = []
        for line in whole.split(b"\n"):
            data = _checked(line)
            if data is None or not self._continues(data, header=not good):
                break
            if good:
                self.steps.append(_from_plain(data))
            good.append(line)
        self._cut_to(good, whole)

    def _continues(self, data: dict, header: bool) -> bool:
        """A header of this physics, or the step after the last one."""
        if header:
            return data.get("physics_hash") == self.physics_hash
        return data.get("index") == len(self.steps)

    def _cut_to(self, good: list[bytes], whole: bytes) -> None:
        """Rewrite the file without its torn tail, by rename, so that appending stays valid."""
        text = b"".join(line + b"\n" for line in good)
        if good and whole == text:
            return
        self.dropped_lines = whole.count(b"\n") + (not whole.endswith(b"\n")) - len(good)
        if not self.writable:
            return
        if not good:  # also an empty file: the next append must write the header
            self.path.unlink(missing_ok=True)
            return
        temporary = self.path.with_suffix(".tmp")
        temporary.write_bytes(text)
        os.replace(temporary, self.path)


def _line(data: dict) -> str:
    text = json.dumps(data, separators=(",", ":"))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {text}\n"


def _checked(line: bytes) -> dict | None:
    try:
        checksum, text = line.decode().split(" ", 1)
    except (UnicodeDecodeError, ValueError):
        return None
    if hashlib.sha256(text.encode()).hexdigest()[:16] != checksum:
        return None
    return json.loads(text)


def _to_plain(step: JournalStep) -> dict:
    data = asdict(step)
    data["positions"] = np.asarray(step.positions).tolist()
    data["forces"] = np.asarray(step.forces).tolist()
    return data


def _from_plain(data: dict) -> JournalStep:
    return JournalStep(
        **{**data, "positions": np.array(data["positions"]), "forces": np.array(data["forces"])}
    )
