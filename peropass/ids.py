"""Canonical forms and hashes: the same physics always has the same name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from peropass.errors import InputError

NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?$")
POSITION_DECIMALS = 6  # Angstrom; far below any force tolerance, far above float noise
FILE_DECIMALS = 7  # Angstrom; what our structure files keep, see `engine.jobs.write_structure`


def check_name(value: str, where: str) -> str:
    """Return `value` if it may become a folder name, else raise InputError."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise InputError(where, repr(value), "1-64 letters, digits or inner hyphens")
    return value


def canonical(value: object) -> str:
    """One JSON text per meaning: sorted keys, no blanks, 2 and 2.0 alike, no NaN."""
    return json.dumps(_normalise(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _normalise(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _normalise(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normalise(item) for item in value]
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, np.integer):
        return int(value)
    return value


def digest(value: object, length: int = 12) -> str:
    """Short sha256 of the canonical form of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def file_sha256(path: str | Path) -> str:
    """Full sha256 of a file's bytes."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def structure_hash(atoms) -> str:
    """Hash of an `ase.Atoms`: species in order, positions, cell, periodicity, fixed atoms.

    Positions and cell are rounded to what structure files hold and then to 1e-6 Angstrom, so that a number
    near the middle of two steps falls the same way before writing and after reading.
    """
    from ase.constraints import FixAtoms

    fixed = sorted(
        int(i) for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.get_indices()
    )

    def rounded(array) -> list:
        as_in_file = np.round(np.asarray(array, float), FILE_DECIMALS)
        return (np.round(as_in_file, POSITION_DECIMALS) + 0.0).tolist()

    return digest(
        {
            "symbols": atoms.get_chemical_symbols(),
            "positions_ang": rounded(atoms.positions),
            "cell_ang": rounded(atoms.cell.array),
            "pbc": [bool(p) for p in atoms.pbc],
            "fixed": fixed,
        },
        length=16,
    )
