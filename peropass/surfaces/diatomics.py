"""Halogen molecules as data: elements, published bond length, source."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from ase import Atoms
from pydantic import Field, ValidationError

from peropass.errors import InputError
from peropass.surfaces.hosts import STRUCTURES, Closed, Source

FOLDER = STRUCTURES / "molecules"


class Diatomic(Closed):
    """A molecule of two equal atoms at its published bond length, the start of a relaxation."""

    name: str
    element: str
    bond_ang: float = Field(gt=0.5, lt=5)
    source: Source
    note: str = ""

    @property
    def atoms(self) -> Atoms:
        """Along the space diagonal, so that no axis of the box is special."""
        along = self.bond_ang / 3**0.5
        return Atoms(f"{self.element}2", positions=[[0, 0, 0], [along, along, along]])


def diatomic_names(folder: Path = FOLDER) -> list[str]:
    """Names of all molecules that have a file in `folder`."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


@cache
def load_diatomic(name: str, folder: Path = FOLDER) -> Diatomic:
    """Read one molecule from ``folder/name.yaml``.

    Raises
    ------
    InputError
        There is no such file, or it violates the schema; names the file and the key.
    """
    where = f"structures/{folder.name}/{name}.yaml"
    if name not in diatomic_names(folder):
        raise InputError(f"structures/{folder.name}", repr(name), ", ".join(diatomic_names(folder)))
    try:
        found = Diatomic.model_validate(
            yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(file)"
        raise InputError(f"{where}: {key}", f"{first.get('input')!r:.60}", first["msg"]) from None
    if found.name != name or name != f"{found.element}2":
        raise InputError(f"{where}: name", found.name, f"{name}, two atoms of its element")
    return found
