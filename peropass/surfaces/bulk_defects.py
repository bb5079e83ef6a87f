"""Point defects, pairs and dopants inside a periodic bulk cell, by the names of the surface sites."""

from __future__ import annotations

import re

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from scipy.spatial import cKDTree

from peropass.errors import InputError
from peropass.surfaces.defects import Change, read_site
from peropass.surfaces.neighbours import ion_roles

VOID_STEP_ANG = 0.4  # grid on which the largest void is looked for


def make_bulk_defect(cell: Atoms, name: str) -> Atoms:
    """Bulk supercell with the named defect.

    Parameters
    ----------
    cell : Atoms
        Periodic supercell with the array ``ion``; all ions of a role are taken as equivalent.
    name : str
        As of the surface sites (``V-X``, ``V-CsX``, ``Cs-Pb``, ``ad-X`` = interstitial, ``Bi-Pb-V-Cs``), and
        ``Frenkel-X``, ``Frenkel-Cs``, ``Schottky``.

    Returns
    -------
    Atoms
        Ions that go together are neighbours; interstitials sit in the largest void, of a Frenkel pair in the one
        farthest from the vacancy.

    Raises
    ------
    InputError
        Unknown name.
    """
    if name == "Schottky":
        return _without(cell, _cluster(cell, ("B", "A", "X", "X", "X")))
    if match := re.fullmatch(r"Frenkel-([A-Z][a-z]?)", name):
        change = read_site(f"V-{match[1]}", cell)
        (leaving,) = _cluster(cell, change.vacancies)
        symbol, place = cell.symbols[leaving], cell.positions[leaving]
        return _with_interstitial(_without(cell, [leaving]), symbol, away_from=place)
    change = read_site(name, cell)
    if change == Change():
        return cell.copy()
    if change.add is not None:
        return _with_interstitial(cell, change.add)
    if change.replace is None:
        return _without(cell, _cluster(cell, change.vacancies))
    guest, role = change.replace
    chosen = _cluster(cell, (role, *change.vacancies))
    made = cell.copy()
    made.symbols[chosen[0]] = guest
    own = ion_roles(cell)[cell.symbols == guest]
    made.arrays["ion"][chosen[0]] = own[0] if len(own) else role
    return _without(made, chosen[1:])


def _cluster(cell: Atoms, roles: tuple[str, ...]) -> list[int]:
    """One ion of each role: the first of its kind, then always the nearest to those taken before."""
    kinds, chosen = ion_roles(cell), []
    for role in roles:
        left = np.setdiff1d(np.flatnonzero(kinds == role), chosen)
        if not len(left):
            raise InputError(
                f"bulk defect in {cell.symbols}", f"no {role} ion left", "a larger cell"
            )
        reach = [
            float(np.round(cell.get_distances(i, chosen, mic=True), 2).sum()) if chosen else 0.0
            for i in left
        ]
        chosen.append(int(left[int(np.argmin(reach))]))
    return chosen


def _without(cell: Atoms, indices: list[int]) -> Atoms:
    return cell[np.setdiff1d(np.arange(len(cell)), indices)]


def _with_interstitial(cell: Atoms, symbol: str, away_from: np.ndarray | None = None) -> Atoms:
    counts = np.maximum(np.ceil(cell.cell.lengths() / VOID_STEP_ANG).astype(int), 1)
    grid = np.stack(np.meshgrid(*[np.arange(n) / n for n in counts], indexing="ij"), axis=-1)
    points = grid.reshape(-1, 3) @ cell.cell.array
    images = cell.repeat((3, 3, 3))
    images.positions -= cell.cell.array.sum(axis=0)
    own = covalent_radii[atomic_numbers[symbol]]
    # Room counts in sums of covalent radii: a large neighbour needs more of it.
    room = np.min(
        [
            cKDTree(images.positions[images.numbers == z]).query(points)[0]
            / (own + covalent_radii[z])
            for z in np.unique(images.numbers)
        ],
        axis=0,
    ).round(3)
    score = room.copy()
    if away_from is not None:
        shifts = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
        sources = away_from + shifts @ cell.cell.array
        far = cKDTree(sources).query(points)[0]
        score = np.where(room >= 0.9 * room.max(), far, -1.0)
    added = Atoms(symbol, positions=[points[int(np.argmax(np.round(score, 2)))]])
    kinds = ion_roles(cell)[cell.symbols == symbol]
    added.set_array("ion", np.array([kinds[0] if len(kinds) else "B"], dtype="<U1"))
    return cell + added
