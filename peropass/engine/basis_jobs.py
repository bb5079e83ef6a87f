"""How the total energy of an atom of each element hangs on the number of plane waves, measured on small molecules.

Each molecule is computed in one box at two cutoffs beside the one in question; the slope is the difference of its energies over the
difference of ln N. Molecules are taken in an order in which each holds one new element.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule

from peropass.analysis.plane_waves import excess_of_plane_waves
from peropass.engine.electronic import GpawEngine, Setting
from peropass.engine.protocol import Protocol

BOX_ANG = 10.0
OFF_CENTRE_ANG = (0.03, 0.05, 0.07)  # no atom on a grid point
SHARE = 1 / 30  # cutoffs that far below and above

# Small molecules from the G2 set of ASE; halides linear or planar at rounded bond lengths: the slope is that of the atoms, not of their bonds.
G2_MOLECULES = {
    "H": "H2", "B": "BCl3", "C": "CH4", "N": "NH3", "O": "H2O", "F": "HF",
    "Si": "SiH4", "P": "PH3", "S": "SH2", "Cl": "HCl",
}  # fmt: skip
DIATOMICS = {
    "Br": ("H", 1.43), "I": ("H", 1.62), "Li": ("Br", 2.19), "Na": ("Br", 2.52), "K": ("Br", 2.86),
    "Rb": ("Br", 2.97), "Cs": ("Br", 3.10), "Ag": ("Br", 2.40), "In": ("Br", 2.55), "Ga": ("Br", 2.36),
}  # fmt: skip
DIBROMIDES_ANG = {
    "Mg": 2.35, "Ca": 2.6, "Sr": 2.75, "Ba": 2.9, "Zn": 2.2, "Cd": 2.4, "Pb": 2.6, "Sn": 2.5,
    "Mn": 2.35, "Co": 2.25, "Ni": 2.2, "Cu": 2.25,
}  # fmt: skip
TRIBROMIDES_ANG = {"Al": 2.25, "Y": 2.6, "Bi": 2.65, "La": 2.75}
UNPAIRED = {"Mn": 5, "Co": 3, "Ni": 2, "Cu": 1}


@dataclass(frozen=True)
class Slope:
    """What one molecule gave: dE/dlnN of the whole, and of the element that is new in it, eV."""

    element: str
    formula: str
    molecule_eV: float
    element_eV: float


def order(wanted: set[str]) -> list[str]:
    """Elements to measure, those that others need first. Raises KeyError for an element without a molecule."""
    found: dict[str, None] = {}
    for element in sorted(wanted, key=list(known()).index):
        for other in sorted(set(built(element).get_chemical_symbols()), key=list(known()).index):
            if other != element:
                found |= dict.fromkeys(order({other}))
        found[element] = None
    return list(found)


def known() -> dict[str, None]:
    """Elements that have a molecule, those of the G2 set first."""
    return dict.fromkeys([*G2_MOLECULES, *DIATOMICS, *DIBROMIDES_ANG, *TRIBROMIDES_ANG])


def built(element: str) -> Atoms:
    """The molecule that measures an element, in its box."""
    if element in G2_MOLECULES:
        atoms = molecule(G2_MOLECULES[element])
    elif element in DIATOMICS:
        other, length = DIATOMICS[element]
        atoms = Atoms([element, other], [(0, 0, 0), (0, 0, length)])
    elif element in DIBROMIDES_ANG:
        length = DIBROMIDES_ANG[element]
        atoms = Atoms([element, "Br", "Br"], [(0, 0, 0), (0, 0, length), (0, 0, -length)])
    else:
        turns = 2 * np.pi * np.arange(3) / 3
        ring = TRIBROMIDES_ANG[element] * np.c_[np.cos(turns), np.sin(turns), np.zeros(3)]
        atoms = Atoms([element, "Br", "Br", "Br"], [(0, 0, 0), *ring])
    atoms.set_cell([BOX_ANG] * 3)
    atoms.center()
    atoms.translate(OFF_CENTRE_ANG)
    atoms.pbc = True
    if element in UNPAIRED:
        atoms.set_initial_magnetic_moments([UNPAIRED[element]] + [0.0] * (len(atoms) - 1))
    return atoms


def measure(
    protocol: Protocol, ecut_eV: float, elements: list[str], have: Mapping[str, float], logs: Path
) -> Iterator[Slope]:
    """Slopes of elements that `have` lacks, one by one, at a cutoff with the other settings of a protocol.

    Raises
    ------
    EngineError
        The SCF of a molecule did not converge.
    """
    slopes = dict(have)
    for element in order(set(elements)):
        if element in slopes:
            continue
        atoms = built(element)
        whole = _slope_of(atoms, protocol, ecut_eV, element in UNPAIRED, logs)
        symbols = atoms.get_chemical_symbols()
        rest = sum(slopes[other] for other in symbols if other != element)
        slopes[element] = (whole - rest) / symbols.count(element)
        yield Slope(element, atoms.get_chemical_formula(), whole, slopes[element])


def _slope_of(atoms: Atoms, protocol: Protocol, ecut_eV: float, spin: bool, logs: Path) -> float:
    cutoffs = [round(ecut_eV * (1 + sign * SHARE), 3) for sign in (-1, 1)]
    energies = []
    for cutoff in cutoffs:
        energy = {k: v for k, v in protocol.energy.model_dump().items() if k != "grid_spacing_ang"}
        settings = type(protocol.energy)(**{**energy, "ecut_eV": cutoff, "dispersion": "none"})
        setting = Setting(slab=False, kpts=(1, 1, 1), spin_polarised=spin)
        engine = GpawEngine(protocol.model_copy(update={"energy": settings}), setting, logs)
        energies.append(engine.evaluate(atoms, forces=False).electronic_eV)
        engine.close()
    counts = [
        excess_of_plane_waves(atoms.cell.array, (1, 1, 1), c) + 1.5 * np.log(c) for c in cutoffs
    ]
    return float((energies[1] - energies[0]) / (counts[1] - counts[0]))
