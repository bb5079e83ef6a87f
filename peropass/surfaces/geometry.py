"""Places of one site next to each other, and axes that turn with the slab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from peropass.surfaces.defects import Holes, handedness
from peropass.surfaces.neighbours import counter_ions, ion_roles, minimum_image, openness
from peropass.surfaces.pockets import pockets_of

NEAR_ANG = 6.5
EXPOSED_BY_HOLE_ANG = 4.2


@dataclass(frozen=True)
class SiteGeometry:
    """Places of one site as lateral images next to each other, and the site's own axes.

    `frame` (3, 3) has the in-plane direction from A to X place as its first column and +z as its
    last, so that sampled orientations turn with the slab. Absent places are None; `pockets` (m, 3) are off the centre of the A place.
    """

    frame: np.ndarray
    a_hole: np.ndarray | None
    x_hole: np.ndarray | None
    metal: np.ndarray | None
    metal_normal: np.ndarray
    metal_index: int
    halides: np.ndarray
    a_tops: np.ndarray
    pockets: np.ndarray
    numbers: dict[str, int]


def read_geometry(socket: Atoms, holes: Holes) -> SiteGeometry:
    """Choose one place of each kind, nearest to each other, independent of where the slab lies."""
    cell = socket.cell.array
    a_holes, x_holes = holes["A-hole"], holes["X-hole"]
    first, second = _nearest_pair(socket, a_holes, x_holes)
    if first is None and second is None:
        if len(holes["Pb"]):
            origin = _best(socket, holes["Pb"])
            towards = None
        else:
            origin, other = _nearest_pair(socket, holes["A-top"], holes["halide"])
            if origin is None or other is None:
                origin = socket.positions[np.argmax(socket.positions[:, 2])]
                towards = None
            else:
                towards = other - origin
    else:
        origin = second if second is not None else first
        towards = second - first if first is not None and second is not None else None
    assert origin is not None
    if towards is None or np.linalg.norm(towards[:2]) < 0.5:
        towards = _direction(socket, origin)
    metal, normal, index = _exposed_metal(socket, holes, origin, second)
    roles, symbols = ion_roles(socket), socket.get_chemical_symbols()
    numbers = {
        role: atomic_numbers[symbols[int(np.flatnonzero(roles == role)[0])]]
        for role in "ABX"
        if np.any(roles == role)
    }
    return SiteGeometry(
        frame=_frame(towards),
        a_hole=first,
        x_hole=second,
        metal=metal,
        metal_normal=normal,
        metal_index=index,
        halides=_near(holes["halide"], origin, cell),
        a_tops=_near(holes["A-top"], origin, cell),
        pockets=np.empty((0, 3)) if first is None else pockets_of(socket, first),
        numbers=numbers,
    )


def _frame(towards: np.ndarray) -> np.ndarray:
    x = np.array([towards[0], towards[1], 0.0])
    x /= np.linalg.norm(x)
    z = np.array([0.0, 0.0, 1.0])
    return np.column_stack([x, np.cross(z, x), z])


def _near(places: np.ndarray, origin: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Images of `places` next to `origin`, nearest first."""
    if not len(places):
        return places
    moved = origin + minimum_image(places - origin, cell)
    return moved[np.argsort(np.linalg.norm(moved - origin, axis=1).round(3), kind="stable")]


def _nearest_pair(
    socket: Atoms, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The nearest pair of two kinds of places; equal distances are told apart by handedness."""
    if not len(first) or not len(second):
        return (
            _best(socket, first) if len(first) else None,
            _best(socket, second) if len(second) else None,
        )
    cell = socket.cell.array
    pairs = []
    for a in first:
        vectors = minimum_image(second - a, cell)
        for vector in vectors:
            hand = handedness(socket, a, vector)
            pairs.append((round(float(np.linalg.norm(vector)), 1), -round(hand, 2), a, a + vector))
    best = min(pairs, key=lambda p: (p[0], p[1]))
    return best[2], best[3]


def _best(socket: Atoms, places: np.ndarray) -> np.ndarray:
    """The most open of some places; equally open ones are told apart by handedness."""
    keys = []
    for place in places:
        vectors = minimum_image(socket.positions - place, socket.cell.array)
        lengths = np.linalg.norm(vectors, axis=1)
        density = float((socket.numbers * np.exp(-lengths / 1.5)).sum())
        keys.append(
            (-round(density, 1), round(handedness(socket, place, _direction(socket, place)), 2))
        )
    return places[max(range(len(places)), key=lambda k: keys[k])]


def _direction(socket: Atoms, origin: np.ndarray) -> np.ndarray:
    """In-plane direction to the most telling neighbour of `origin`."""
    vectors = minimum_image(socket.positions - origin, socket.cell.array)
    lengths = np.linalg.norm(vectors, axis=1)
    across = np.linalg.norm(vectors[:, :2], axis=1)
    near = np.flatnonzero((lengths < NEAR_ANG) & (across > 1.0))
    if not len(near):
        return socket.cell.array[0]
    weights = socket.numbers[near] * np.exp(-lengths[near] / 1.5)
    hands = [handedness(socket, origin, vectors[i]) for i in near]
    order = max(range(len(near)), key=lambda k: (round(float(weights[k]), 1), round(hands[k], 1)))
    return vectors[near[order]]


def _exposed_metal(
    socket: Atoms, holes: Holes, origin: np.ndarray, x_hole: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray, int]:
    """Nearest exposed B ion, its open direction (towards the X hole where there is one), its index."""
    up = np.array([0.0, 0.0, 1.0])
    if not len(holes["Pb"]):
        return None, up, -1
    cell = socket.cell.array
    place = _near(holes["Pb"], origin, cell)[0]
    index = int(np.argmin(np.linalg.norm(minimum_image(socket.positions - place, cell), axis=1)))
    place = origin + minimum_image(socket.positions[index] - origin, cell)
    normal = up
    if x_hole is not None and np.linalg.norm(x_hole - place) < EXPOSED_BY_HOLE_ANG:
        normal = x_hole - place
    else:
        _, vectors = counter_ions(socket, index, ion_roles(socket))
        missing = openness(vectors)
        if missing[2] > 0.2:
            normal = missing
        elif x_hole is not None:  # open sideways only, below the top layer: out of reach from above
            return None, up, -1
    return place, normal / np.linalg.norm(normal), index
