"""Pockets of an A hole: where a cation goes that is too small for the place of the A ion.

In an outer AX layer the four halides around an A ion leave four pockets between them, along the axes of the lattice. A small
ion leaves the centre for one of them, sinks, and ends with four halides at equal distances: in the lowest minima that are known on the CsBr
face of CsPbBr3 with PBE + D3 these are 3.3-3.4 A for Rb, 3.2-3.3 for K, 2.8-2.9 for Na, 2.5-2.7 for Li (results/reference/second-minimum).
Which pocket is lowest hangs on the tilts that come with it, by 0.05 eV for K; GFN1-xTB on a frozen slab does not order them.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from peropass.chemistry.model import LigandPart
from peropass.chemistry.radii import ionic_radius
from peropass.errors import InputError
from peropass.surfaces.neighbours import ion_roles, minimum_image

POCKET = "off-centre-A"  # the motif; its poses come on top of the wanted number
OFFSET_ANG = 0.7  # from the centre; the known minima lie at 0.7 (Rb, K) to 1.1 A (Li)
# A place this near to that of the A ion is no other one, Angstrom.
SAME_PLACE_ANG = 0.5
ONE_LAYER_ANG = 1.0


def smaller_by_ang(part: LigandPart, a_number: int) -> float:
    """How much smaller a lone ion of charge +1 is than the A ion (Shannon, twelve neighbours), Angstrom; 0 for all others."""
    if len(part.symbols) != 1 or part.charge != 1:
        return 0.0
    try:
        own, host = (
            ionic_radius(symbol, 1, "A").value_ang
            for symbol in (part.symbols[0], chemical_symbols[a_number])
        )
    except InputError:  # the A ion is a molecule
        return 0.0
    return max(0.0, round(host - own, 6))


def pockets_of(slab: Atoms, a_hole: np.ndarray) -> np.ndarray:
    """Places (m, 3) in Angstrom `OFFSET_ANG` off the centre of an A hole, along the axes of the B lattice below it, as high as the hole.

    At most four; the one where the A ion itself would sit (it is off centre too) is left out. None where no four B ions lie around.
    """
    leads = np.flatnonzero(ion_roles(slab) == "B")
    below = slab.positions[leads, 2] < a_hole[2] + ONE_LAYER_ANG
    leads = leads[below]
    if len(leads):
        top = slab.positions[leads, 2].max()
        leads = leads[slab.positions[leads, 2] > top - ONE_LAYER_ANG]
    around = _images(slab, leads, a_hole)
    if len(around) < 4:
        return np.empty((0, 3))
    corners = around[np.argsort(np.linalg.norm(around, axis=1))[:4]]
    centre = corners.mean(axis=0)
    # neighbours on the square of four: the two shorter of the three vectors from its first corner are its sides
    sides = corners[1:] - corners[0]
    sides = sides[np.argsort(np.linalg.norm(sides, axis=1))[:2]]
    directions = sides / np.linalg.norm(sides, axis=1)[:, None]
    offsets = centre + OFFSET_ANG * np.concatenate([directions, -directions])
    offsets = offsets[np.linalg.norm(offsets, axis=1) > SAME_PLACE_ANG]
    return a_hole + np.column_stack([offsets, np.zeros(len(offsets))])


def _images(slab: Atoms, members: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Lateral vectors (k, 2) from `place` to `members` and their images in the cells around."""
    near = minimum_image(slab.positions[members] - place, slab.cell.array)[:, :2]
    cell = slab.cell.array[:2, :2]
    shifts = np.array([i * cell[0] + j * cell[1] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    return (near[:, None] + shifts[None]).reshape(-1, 2)
