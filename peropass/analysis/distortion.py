"""Distortion of the BX6 octahedra of a relaxed slab, and how far its surface moved, against the clean slab.

    bond-length distortion   D        = 1/6 sum |d_i - d| / d             Baur 1974, 10.1107/S0567740874004560
    angle variance           sigma^2  = 1/11 sum_12 (alpha_i - 90)^2      Robinson 1971, 10.1126/science.172.3983.567
    quadratic elongation     lambda   = 1/6 sum (d_i / d_0)^2             Robinson 1971; d_0 of the regular octahedron of equal volume
    tilt                     (180 - <B-X-B>) / 2

d_i are the six B-X distances, d their mean, alpha_i the twelve X-B-X angles near 90 degrees; means over complete octahedra.
Lengths in Angstrom, angles in degrees; D and lambda have no unit, a regular octahedron gives 0, 0 and 1.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from peropass.records import Distortion

# ASSUME an X within 1.25 times the clean slab's median shortest B-X distance is bonded: between the longest bond of a
# tilted octahedron (1.1) and the next shell (1.4 and more).
BOND_FACTOR = 1.25
# ASSUME an atom of the loaded slab is the clean slab's nearest one of its element if that lies within 2.5 A; further off it
# counts as pulled out.
MATCH_LIMIT_ANG = 2.5


@dataclass(frozen=True)
class SlabGeometry:
    """Atoms of a slab, laterally periodic.

    Attributes
    ----------
    symbols : tuple of str, length n
    roles : array of str, shape (n,)
        ``A``, ``B`` or ``X``; ``-`` for other atoms. A halide that a ligand brings is an ``X``.
    positions_ang : array, shape (n, 3)
    cell_ang : array, shape (3, 3)
        The first two vectors are periodic.
    of_slab : array of bool, shape (n,)
        False for atoms of the ligand.
    """

    symbols: tuple[str, ...]
    roles: np.ndarray
    positions_ang: np.ndarray
    cell_ang: np.ndarray
    of_slab: np.ndarray


class CleanSlab:
    """The clean slab, measured once for all slabs that are held against it."""

    def __init__(self, slab: SlabGeometry) -> None:
        self.slab = slab
        self.cutoff_ang = bond_cutoff(slab)
        self.octahedral = _octahedral(slab, self.cutoff_ang)
        self.n_bonded = _coordination(slab, self.cutoff_ang)


def measure(loaded: SlabGeometry, clean: CleanSlab | SlabGeometry) -> Distortion:
    """Distortion of `loaded` with the clean slab's own numbers beside it."""
    if isinstance(clean, SlabGeometry):
        clean = CleanSlab(clean)
    now, before = _octahedral(loaded, clean.cutoff_ang), clean.octahedral
    shift, broken = _damage(loaded, clean)
    return Distortion(
        pb_x_pb_angle_deg=now.get("pb_x_pb_angle_deg"),
        bond_length_distortion=now.get("bond_length_distortion"),
        angle_variance_deg2=now.get("angle_variance_deg2"),
        quadratic_elongation=now.get("quadratic_elongation"),
        tilt_deg=now.get("tilt_deg"),
        max_surface_shift_ang=shift,
        n_octahedra=int(now["n_octahedra"]),
        n_broken=broken,
        clean={k: v for k, v in before.items() if v is not None},
    )


def bond_cutoff(clean: SlabGeometry) -> float:
    """Largest B-X distance that counts as a bond, Angstrom; 0 for a slab without B or X."""
    b, x = np.flatnonzero(clean.roles == "B"), np.flatnonzero(clean.roles == "X")
    if not len(b) or not len(x):
        return 0.0
    lengths = np.linalg.norm(_vectors(clean, b, x), axis=-1).min(axis=(1, 2))
    return BOND_FACTOR * float(np.median(lengths))


def octahedron(vertices: np.ndarray) -> dict[str, float]:
    """D, sigma^2 and lambda of one octahedron.

    Parameters
    ----------
    vertices : array, shape (6, 3)
        Vectors from B to its X, Angstrom.
    """
    lengths = np.linalg.norm(vertices, axis=1)
    units = vertices / lengths[:, None]
    angles = np.degrees(np.arccos(np.clip(units @ units.T, -1, 1))).tolist()
    opposite = _opposite_pairs(angles)
    cis = [angles[i][j] for i, j in itertools.combinations(range(6), 2) if (i, j) not in opposite]
    i, j, k = np.array(list(itertools.product(*opposite))).T
    normals = np.cross(vertices[j], vertices[k])
    volume = sum(abs(float(np.dot(a, b))) / 6 for a, b in zip(vertices[i], normals, strict=True))
    regular = (0.75 * volume) ** (1 / 3)
    return {
        "bond_length_distortion": float(np.mean(np.abs(lengths - lengths.mean())) / lengths.mean()),
        "angle_variance_deg2": float(np.sum((np.array(cis) - 90.0) ** 2) / 11),
        "quadratic_elongation": float(np.mean((lengths / regular) ** 2)),
    }


def _opposite_pairs(angles: list[list[float]]) -> tuple[tuple[int, int], ...]:
    """Three pairs of vertices across the centre: the pairing with the largest sum of angles."""
    best, best_sum = (), -1.0
    for second in range(1, 6):
        rest = [i for i in range(1, 6) if i != second]
        for fourth in rest[1:]:
            last = [i for i in rest[1:] if i != fourth]
            pairs = ((0, second), (rest[0], fourth), (last[0], last[1]))
            total = sum(angles[i][j] for i, j in pairs)
            if total > best_sum:
                best, best_sum = pairs, total
    return best


def _vectors(slab: SlabGeometry, centres: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Vectors to all lateral images within one cell, shape (centres, others, 9, 3)."""
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=2)), float) @ slab.cell_ang[:2]
    plain = slab.positions_ang[others][None] - slab.positions_ang[centres][:, None]
    return plain[:, :, None, :] + shifts


def _bonds(
    slab: SlabGeometry, centres: np.ndarray, others: np.ndarray, cutoff: float
) -> list[np.ndarray]:
    """For each centre the bond vectors, shape (k, 3)."""
    vectors = _vectors(slab, centres, others)
    near = np.linalg.norm(vectors, axis=-1) <= cutoff
    return [vectors[i][near[i]] for i in range(len(centres))]


def _octahedral(slab: SlabGeometry, cutoff: float) -> dict[str, float | None]:
    """Means over the complete octahedra and the B-X-B bridges of a slab."""
    b, x = np.flatnonzero(slab.roles == "B"), np.flatnonzero(slab.roles == "X")
    complete = [octahedron(v) for v in _bonds(slab, b, x, cutoff) if len(v) == 6]
    found: dict[str, float | None] = {"n_octahedra": float(len(complete))}
    for key in ("bond_length_distortion", "angle_variance_deg2", "quadratic_elongation"):
        found[key] = float(np.mean([o[key] for o in complete])) if complete else None
    angles = []
    for bonds in _bonds(slab, x, b, cutoff):
        if len(bonds) == 2:
            units = bonds / np.linalg.norm(bonds, axis=1)[:, None]
            angles.append(np.degrees(np.arccos(np.clip(units[0] @ units[1], -1, 1))))
    mean = float(np.mean(angles)) if angles else None
    found["pb_x_pb_angle_deg"] = mean
    found["tilt_deg"] = None if mean is None else (180.0 - mean) / 2
    return found


def _coordination(slab: SlabGeometry, cutoff: float) -> np.ndarray:
    """Number of X within the cutoff of each atom, images counted separately, shape (n,)."""
    x = np.flatnonzero(slab.roles == "X")
    vectors = _vectors(slab, np.arange(len(slab.symbols)), x)
    return (np.linalg.norm(vectors, axis=-1) <= cutoff).sum(axis=(1, 2))


def _damage(loaded: SlabGeometry, clean_slab: CleanSlab) -> tuple[float | None, int]:
    """Largest move of a slab atom against the clean slab, and the B atoms that lost an X neighbour."""
    clean = clean_slab.slab
    own, reference = np.flatnonzero(loaded.of_slab), np.flatnonzero(clean.of_slab)
    if not len(own) or not len(reference):
        return None, 0
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=2)), float) @ clean.cell_ang[:2]
    plain = loaded.positions_ang[own][:, None] - clean.positions_ang[reference][None]
    distances = np.linalg.norm(plain[:, :, None, :] + shifts, axis=-1).min(axis=-1)
    same = np.array(loaded.symbols)[own][:, None] == np.array(clean.symbols)[reference][None]
    distances = np.where(same, distances, np.inf)
    nearest = distances.argmin(axis=1)
    moved = distances[np.arange(len(own)), nearest]
    known = moved[np.isfinite(moved)]
    largest = float(known.max()) if len(known) else None
    lost = (
        _coordination(loaded, clean_slab.cutoff_ang)[own] < clean_slab.n_bonded[reference[nearest]]
    )
    broken = (loaded.roles[own] == "B") & ((moved > MATCH_LIMIT_ANG) | lost)
    return largest, int(broken.sum())
