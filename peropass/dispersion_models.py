"""Dispersion energies of finished structures by several models, so that a reaction shows how far they differ.

Each calculation writes them into its record; for a record without them they are computed from its structure, a third of a
second per slab. Nothing of a finished calculation changes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ase import Atoms
from ase.io import read

from peropass.engine import dispersion
from peropass.records import CalculationRecord, EosRecord, StructureRef

MODELS = ("d3bj", "d4")


def of_structure(atoms: Atoms, own: str, own_eV: float, xc: str) -> dict[str, float]:
    """Dispersion energy of `atoms` by model, eV; that of the model `own` is `own_eV`, as the energy holds it.

    A model without parameters for the functional or an element is left out.
    """
    found = {model: own_eV if model == own else _evaluate(atoms, model, xc) for model in MODELS}
    return {model: energy for model, energy in found.items() if energy is not None}


def of_record(record: CalculationRecord | EosRecord | None, folder: str | Path) -> dict[str, float]:
    """Dispersion energy of the final structure of `record` by model, eV; empty where there is none.

    The model that the energy itself contains is taken from the record, with the toy engine nothing is computed.
    """
    if record is None or record.toy or record.energy is None:
        return {}
    if isinstance(record, CalculationRecord) and record.dispersion_models_eV:
        return dict(record.dispersion_models_eV)
    ref = _final(record)
    if ref is None or not (file := Path(folder) / ref.file).exists():
        return {}
    own, xc = record.settings.get("dispersion", "none"), record.settings.get("xc", "PBE")
    return _of_file(str(file), ref.hash, own, record.energy.dispersion_eV, xc).copy()


def _final(record: CalculationRecord | EosRecord) -> StructureRef | None:
    return record.structure if isinstance(record, EosRecord) else record.final


@lru_cache(maxsize=256)
def _of_file(file: str, _structure: str, own: str, own_eV: float, xc: str) -> dict[str, float]:
    return of_structure(read(file, format="extxyz"), own, own_eV, xc)


def _evaluate(atoms: Atoms, model: str, xc: str) -> float | None:
    """Energy by one model; None where it has no parameters for the functional or an element."""
    try:
        found = dispersion.evaluate(atoms, model, xc).energy_eV
    except RuntimeError:  # what both libraries raise for unknown functionals and elements
        return None
    return round(found, 8)
