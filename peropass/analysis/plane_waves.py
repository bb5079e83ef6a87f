"""The term that takes the graininess of a plane-wave basis out of energies of cells that differ.

Below a cutoff a cell holds a whole number N of plane waves, which scatters around the smooth N0 = V Gmax^3 / (6 pi^2) by up to 0.6 % for
boxes of molecules. Total energies hang on it, the more the harder the elements: an oxygen atom at 300 eV by -19 eV per unit of ln N,
so that 0.5 % are 0.1 eV for each. Two cells of one shape cancel it; a molecule in its box and the same molecule on a slab do not.

    E(N0) = E(N) - S ln(N / N0),     S = dE / dlnN = sum over atoms of s(element, cutoff)

The smooth reference is that of Francis and Payne (10.1088/0953-8984/2/19/007), who correct one cell at several volumes by its own slope. Here
the slope is a sum over atoms: what a finite basis misses lies close to the nuclei. `config/plane-wave-basis.yaml` holds s as measured
(`peropass basis`), and docs/validation.md how well the sum holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict

from peropass.config import BASIS_FILE
from peropass.errors import MissingTerm
from peropass.records import CalculationRecord, EosRecord
from peropass.units import BOHR_ANG, HARTREE_EV

# ASSUME bulk cells need no such term: their elements are soft (CsBr -0.04, PbBr2 -1.4 eV per unit of ln N at 300 eV, 10 meV for 0.7 %),
# and the points of an equation of state average over the graininess.
WITHOUT_TERM = ("bulk",)


class BasisTable(BaseModel):
    """Slopes dE/dlnN per atom, eV, by cutoff (eV) and element."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured: dict[str, str | int | float]
    slopes_eV: dict[int, dict[str, float]]


@cache
def basis_table(path: Path = BASIS_FILE) -> BasisTable:
    """The measured slopes; pydantic's error names a broken key."""
    return BasisTable(**yaml.safe_load(path.read_text(encoding="utf-8")))


def excess_of_plane_waves(
    cell_ang: np.ndarray, kpts: tuple[int, int, int], ecut_eV: float
) -> float:
    """Mean over a Gamma-centred mesh of ln(N / N0): how many plane waves more than the smooth number, relative.

    Parameters
    ----------
    cell_ang : array, shape (3, 3)
    ecut_eV : float
        Plane waves with (k + G)^2 / 2 up to this count.
    """
    cell = tuple(np.round(np.asarray(cell_ang, float), 6).ravel().tolist())
    return _excess(cell, tuple(int(n) for n in kpts), float(ecut_eV))


@lru_cache(maxsize=1024)  # some hundred boxes per campaign, asked for by every reaction
def _excess(cell: tuple[float, ...], kpts: tuple[int, ...], ecut_eV: float) -> float:
    vectors = np.array(cell).reshape(3, 3) / BOHR_ANG
    reciprocal = 2 * np.pi * np.linalg.inv(vectors).T
    longest = np.sqrt(2 * ecut_eV / HARTREE_EV)
    most = [
        int(longest * np.linalg.norm(v) / (2 * np.pi)) + 2 for v in vectors
    ]  # Gmax a / 2 pi, and one for k
    axes = [np.arange(-m, m + 1) for m in most]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    smooth = abs(np.linalg.det(vectors)) * longest**3 / (6 * np.pi**2)
    found = []
    for point in np.ndindex(*kpts):
        waves = (grid + np.array(point) / kpts) @ reciprocal
        found.append(np.log((np.einsum("ij,ij->i", waves, waves) <= longest**2).sum() / smooth))
    return float(np.mean(found))


def slope_eV(composition: Mapping[str, float], ecut_eV: float) -> float:
    """S = dE/dlnN of a structure, eV; negative, more plane waves bind.

    Raises
    ------
    MissingTerm
        The cutoff or an element was not measured.
    """
    table = basis_table().slopes_eV.get(round(ecut_eV))
    if table is None or ecut_eV != round(ecut_eV):
        known = ", ".join(map(str, sorted(basis_table().slopes_eV)))
        raise MissingTerm(
            f"no slopes at a cutoff of {ecut_eV:g} eV in config/{BASIS_FILE.name} (there: {known}; `peropass basis` measures them)"
        )
    lacking = sorted(set(composition) - set(table))
    if lacking:
        raise MissingTerm(
            f"no slope of {', '.join(lacking)} at {ecut_eV:g} eV in config/{BASIS_FILE.name} (`peropass basis` measures it)"
        )
    return float(sum(n * table[element] for element, n in composition.items()))


def term_eV(record: CalculationRecord | EosRecord) -> float:
    """What to add to the total energy of a record so that it belongs to the smooth number of plane waves, eV.

    Zero for bulk cells, for atomic orbitals and for the toy engine. Raises MissingTerm as `slope_eV`.
    """
    settings = record.settings
    plane_waves = settings.get("mode", "pw") == "pw" and "ecut_eV" in settings
    if record.toy or not plane_waves or record.kind == "eos" or record.role in WITHOUT_TERM:
        return 0.0
    cutoff = float(settings["ecut_eV"])
    excess = excess_of_plane_waves(record.cell_ang, record.kpts, cutoff)
    return -slope_eV(record.initial.composition, cutoff) * excess


def smooth_total_eV(record: CalculationRecord | EosRecord) -> float:
    """Total energy of a record at the smooth number of plane waves, eV. Raises MissingTerm as `slope_eV`."""
    return record.energy.total_eV + term_eV(record)
