"""Dispersion energies of finished structures by several models, so that a reaction shows how far they differ.

D3(BJ) and D4 of a relaxed structure take less than a second; nothing of a finished calculation changes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ase.io import read

from peropass.engine import dispersion
from peropass.records import CalculationRecord, EosRecord, StructureRef

MODELS = ("d3bj", "d4")


def of_record(record: CalculationRecord | EosRecord | None, folder: Path) -> dict[str, float]:
    """Dispersion energy of the final structure of `record` by model, eV; empty where there is none.

    The model that the energy itself contains is taken from the record, with the toy engine nothing is computed.
    """
    if record is None or record.toy or record.energy is None:
        return {}
    ref = _final(record)
    if ref is None or not (folder / ref.file).exists():
        return {}
    own = record.settings.get("dispersion", "none")
    found = {}
    for model in MODELS:
        if model == own:
            found[model] = record.energy.dispersion_eV
            continue
        energy = _evaluate(
            str(folder / ref.file), ref.hash, model, record.settings.get("xc", "PBE")
        )
        if energy is not None:
            found[model] = energy
    return found


def _final(record: CalculationRecord | EosRecord) -> StructureRef | None:
    return record.structure if isinstance(record, EosRecord) else record.final


@lru_cache(maxsize=256)
def _evaluate(file: str, _structure: str, model: str, xc: str) -> float | None:
    """Energy of one file; None where the model has no parameters for the functional or an element."""
    try:
        found = dispersion.evaluate(read(file, format="extxyz"), model, xc).energy_eV
    except RuntimeError:  # what both libraries raise for unknown functionals and elements
        return None
    return round(found, 8)
