"""Where an adatom starts: at bond length from its support, clear of all other atoms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from peropass.errors import BuildError
from peropass.surfaces.neighbours import minimum_image

# ASSUME an adatom starts at 1.15 times the sum of covalent radii, the ratio of bulk CsPbBr3 (1.12)
# rounded up, above the ion that it binds to.
ADATOM_FACTOR = 1.15
CLEAR = 1.0  # distance over sum of covalent radii from which a neighbour no longer pushes
CLASH = 0.75  # the least that any built structure may have
STEPS = 200


def adatom_position(
    slab: Atoms, symbol: str, support: int, normal: np.ndarray, others: Sequence[int]
) -> np.ndarray:
    """Position of an adatom bonded to one atom of the slab, in Angstrom, shape (3,).

    It starts along the outward `normal` of its support and turns about the support, away from every atom of `others` that is
    nearer than the sum of covalent radii, until none is: on a relaxed face the normal of a halide may point at the metal beside it.

    Raises
    ------
    BuildError
        If no direction on the outer side leaves 0.75 of the sum of covalent radii to every atom.
    """
    radius = covalent_radii[atomic_numbers[symbol]]
    length = ADATOM_FACTOR * (radius + covalent_radii[slab.numbers[support]])
    origin, outward = slab.positions[support], np.array([0.0, 0.0, np.sign(normal[2]) or 1.0])
    places = slab.positions[list(others)]
    bonds = radius + covalent_radii[slab.numbers[list(others)]]

    def gaps(towards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        vectors = minimum_image(origin + length * towards - places, slab.cell.array)
        lengths = np.linalg.norm(vectors, axis=1)
        return vectors / lengths[:, None], lengths / bonds

    direction = np.asarray(normal, float) / np.linalg.norm(normal)
    for _ in range(STEPS):
        away, ratios = gaps(direction)
        near = ratios < CLEAR
        if not near.any():
            break
        direction = direction + 0.5 * ((CLEAR - ratios[near])[:, None] * away[near]).sum(axis=0)
        direction /= np.linalg.norm(direction)
    ratios = gaps(direction)[1]
    if ratios.min(initial=np.inf) < CLASH or direction @ outward <= 0:
        worst = slab.symbols[list(others)[int(ratios.argmin())]]
        raise BuildError(
            f"adatom {symbol} on {slab.symbols[support]} {support}: {worst} at {ratios.min():.2f} of the sum of covalent radii; "
            f"allowed >= {CLASH} on the outer side"
        )
    return origin + length * direction
