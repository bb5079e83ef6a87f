"""Ends of a vacancy hop: which halide is missing, which one hops, in a loaded slab and at the same place of the clean one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from scipy.optimize import linear_sum_assignment

from peropass.errors import BuildError

SAME_ATOM_ANG = 3.0  # a slab atom that relaxes further from its place is another one


@dataclass(frozen=True)
class Hop:
    """A hop before its ends are relaxed.

    Attributes
    ----------
    vacancy, hopper : int
        Indices in the slab that it was asked for.
    distance_ang : float
        Between the two, shortest image.
    start, end : Atoms
        Without atom `vacancy`; the hopper at its own place, and in the hole.
    moved : int
        Index of the hopper in `start` and `end`.
    """

    vacancy: int
    hopper: int
    distance_ang: float
    start: Atoms
    end: Atoms
    moved: int


def hop_beside_hole(pristine: Atoms, socket: Atoms, slab: Atoms, element: str) -> Hop:
    """The hop of `element` nearest to the hole that `socket` has in `pristine`, carried over to `slab`.

    Parameters
    ----------
    pristine, socket : Atoms
        Relaxed slabs; the socket is made from the pristine one by removal, atoms in the same order.
    slab : Atoms
        The pristine slab itself, or the socket with a ligand behind its own atoms (array ``fragment`` 1).

    Raises
    ------
    BuildError
        The site is not made by removal alone, `slab` is neither of the two, or fewer than two halides can move.
    """
    kept = _kept(pristine, socket)
    removed = [i for i in range(len(pristine)) if i not in set(kept)]
    holes = [i for i in removed if pristine.symbols[i] == element] or removed
    # ASSUME both slabs hop between the halide places that are nearest to the hole in the pristine slab, so that the ligand is
    # the only difference; where nothing was removed, below the uppermost halide.
    if holes:
        near = pristine.positions[holes[0]]
    else:
        halides = np.flatnonzero(np.array(pristine.get_chemical_symbols()) == element)
        near = pristine.positions[halides[np.argmax(pristine.positions[halides, 2])]]
    common = pristine[kept]
    pair = choose_hop(common, element, near)
    vacancy, hopper = (_carried(index, kept, pristine, common, slab) for index in pair)
    start, end = vacancy_hop(slab, vacancy, hopper)
    distance = float(slab.get_distance(hopper, vacancy, mic=True))
    return Hop(vacancy, hopper, distance, start, end, hopper - (vacancy < hopper))


def _kept(pristine: Atoms, socket: Atoms) -> list[int]:
    """Indices of the atoms of the pristine slab that the socket still has, in its order."""
    from ase.geometry import get_distances

    _, distances = get_distances(
        socket.positions, pristine.positions, cell=pristine.cell, pbc=pristine.pbc
    )
    other = socket.numbers[:, None] != pristine.numbers[None, :]
    rows, columns = linear_sum_assignment(np.where(other, 1e3, distances))
    if len(rows) < len(socket) or (distances + 1e3 * other)[rows, columns].max() > SAME_ATOM_ANG:
        raise BuildError("vacancy hop: the site is not the pristine slab with atoms removed")
    kept = sorted(int(c) for c in columns)
    if list(pristine.numbers[kept]) != list(socket.numbers):
        raise BuildError("vacancy hop: socket and pristine slab list their atoms in another order")
    return kept


def _carried(index: int, kept: list[int], pristine: Atoms, common: Atoms, slab: Atoms) -> int:
    """Index in `slab` of atom `index` of the common atoms."""
    fragment = slab.arrays.get("fragment", np.zeros(len(slab), int))
    own = np.flatnonzero(fragment == 0)
    if list(slab.numbers[own]) == list(common.numbers):
        return int(own[index])
    if list(slab.numbers[own]) == list(pristine.numbers):
        return int(own[kept[index]])
    raise BuildError(
        "vacancy hop: the slab holds other atoms than the socket and the pristine slab"
    )


def vacancy_hop(slab: Atoms, vacancy: int, hopper: int) -> tuple[Atoms, Atoms]:
    """Start and end of a hop: atom `vacancy` is removed, atom `hopper` of the same element moves into its place.

    Neither end is relaxed. Atom order is that of `slab` without `vacancy`.

    Raises
    ------
    BuildError
        The two atoms are the same or of different elements, or the hopper is frozen.
    """
    if vacancy == hopper or slab.numbers[vacancy] != slab.numbers[hopper]:
        raise BuildError(
            f"vacancy hop: atoms {vacancy} ({slab.symbols[vacancy]}) and {hopper} "
            f"({slab.symbols[hopper]}) must be two atoms of one element"
        )
    if hopper in _frozen(slab):
        raise BuildError(f"vacancy hop: atom {hopper} is frozen")
    step = slab.get_distance(hopper, vacancy, mic=True, vector=True)
    start, end = slab.copy(), slab.copy()
    end.positions[hopper] += step
    del start[vacancy], end[vacancy]
    return start, end


def choose_hop(slab: Atoms, element: str, near_ang: Sequence[float]) -> tuple[int, int]:
    """Vacancy and hopper for the hop of `element` closest to a point (Angstrom): its two nearest free atoms.

    The vacancy is the free atom of `element` nearest to the point, e.g. to the ligand's anchor or to the same place on the
    clean slab; the hopper the free atom of `element` nearest to it.

    Raises
    ------
    BuildError
        Fewer than two free atoms of `element`.
    """
    from ase.geometry import get_distances

    free = [
        i
        for i in range(len(slab))
        if slab.symbols[i] == element
        and i not in _frozen(slab)
        and slab.arrays.get("fragment", np.zeros(len(slab)))[i] == 0
    ]
    if len(free) < 2:
        raise BuildError(f"vacancy hop: {len(free)} free {element} atoms, two are needed")
    _, to_point = get_distances(
        slab.positions[free], [list(near_ang)], cell=slab.cell, pbc=slab.pbc
    )
    vacancy = free[int(np.argmin(to_point[:, 0]))]
    others = [i for i in free if i != vacancy]
    hopper = others[int(np.argmin(slab.get_distances(vacancy, others, mic=True)))]
    return vacancy, hopper


def _frozen(atoms: Atoms) -> set[int]:
    return {int(i) for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}
