"""Dispersion corrections and the part of them that comes from pairs with caesium.

D3(BJ): 10.1002/jcc.21759. Pairwise D3 treats Cs+ with the C6 of a neutral-like atom and overrates it
(10.1002/cphc.201100521), so the Cs share is stored beside every energy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from peropass.errors import EngineError
from peropass.units import BOHR_ANG, HARTREE_EV

OVERRATED_CATION = "Cs"


@dataclass(frozen=True)
class DispersionResult:
    """Energy (eV), share of pairs that contain Cs (eV), forces (n, 3) in eV/Angstrom."""

    energy_eV: float
    cs_pairs_eV: float
    forces: np.ndarray


def evaluate(atoms: Atoms, method: str, functional: str, pairs: bool = False) -> DispersionResult:
    """Dispersion energy, forces and, if `pairs`, the share of Cs pairs.

    Raises
    ------
    EngineError
        Zero-height cell (D3 would return NaN) or an unknown method.
    """
    if method == "none":
        return DispersionResult(0.0, 0.0, np.zeros((len(atoms), 3)))
    if method not in ("d3bj", "d4"):
        raise EngineError(f"dispersion method {method!r} is unknown; allowed: none, d3bj, d4")
    if atoms.pbc.any() and abs(np.linalg.det(atoms.cell.array)) < 1e-6:
        raise EngineError("dispersion needs a cell of finite volume, also along the vacuum axis")
    return _d3(atoms, functional, pairs) if method == "d3bj" else _d4(atoms, functional)


def _d3(atoms: Atoms, functional: str, pairs: bool) -> DispersionResult:
    from dftd3.interface import DispersionModel, RationalDampingParam

    model = DispersionModel(
        atoms.numbers,
        atoms.positions / BOHR_ANG,
        atoms.cell.array / BOHR_ANG if atoms.pbc.any() else None,
        atoms.pbc if atoms.pbc.any() else None,
    )
    damping = RationalDampingParam(method=functional.lower())
    result = model.get_dispersion(damping, grad=True)
    energy = float(result["energy"]) * HARTREE_EV
    forces = -np.asarray(result["gradient"]) * HARTREE_EV / BOHR_ANG
    return DispersionResult(energy, _cs_share(model, damping, atoms) if pairs else 0.0, forces)


def _cs_share(model, damping, atoms: Atoms) -> float:
    pairwise = np.asarray(model.get_pairwise_dispersion(damping)["additive pairwise energy"])
    is_cs = np.array([symbol == OVERRATED_CATION for symbol in atoms.get_chemical_symbols()])
    touches = is_cs[:, None] | is_cs[None, :]
    return float(pairwise[touches].sum()) * HARTREE_EV


def _d4(atoms: Atoms, functional: str) -> DispersionResult:
    from dftd4.interface import DampingParam, DispersionModel

    model = DispersionModel(
        atoms.numbers,
        atoms.positions / BOHR_ANG,
        lattice=atoms.cell.array / BOHR_ANG if atoms.pbc.any() else None,
        periodic=atoms.pbc if atoms.pbc.any() else None,
    )
    result = model.get_dispersion(DampingParam(method=functional.lower()), grad=True)
    return DispersionResult(
        float(result["energy"]) * HARTREE_EV,
        0.0,
        -np.asarray(result["gradient"]) * HARTREE_EV / BOHR_ANG,
    )
