"""Structures of the report: extxyz in, plain lists for the viewer out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import read

from peropass.errors import RecordError

MILLI_ANG = 1000  # positions travel as integers of 0.001 Angstrom


def read_extxyz(path: str | Path) -> Atoms:
    """One structure; RecordError names what is wrong with the file."""
    try:
        return read(path, format="extxyz")
    except FileNotFoundError:
        raise RecordError("no such file") from None
    except (ValueError, KeyError, IndexError, OSError, UnicodeDecodeError) as error:
        raise RecordError(f"not an extxyz file ({type(error).__name__})") from None


def viewer_structure(atoms: Atoms) -> dict:
    """Compact JSON form of a structure.

    Returns
    -------
    dict
        ``s`` chemical symbols joined by blanks, ``p`` flat positions and ``c`` flat cell in 0.001 Angstrom, ``pbc``,
        ``f`` indices of frozen atoms, ``l`` indices of ligand atoms.
    """
    fragment = atoms.arrays.get("fragment", np.zeros(len(atoms), int))
    fixed = sorted(
        {int(i) for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}
    )
    return {
        "s": " ".join(atoms.get_chemical_symbols()),
        "p": np.rint(atoms.positions.ravel() * MILLI_ANG).astype(int).tolist(),
        "c": np.rint(atoms.cell.array.ravel() * MILLI_ANG).astype(int).tolist(),
        "pbc": [bool(p) for p in atoms.pbc],
        "f": fixed,
        "l": np.flatnonzero(fragment == 1).tolist(),
    }
