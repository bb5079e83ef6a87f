"""Alloys on one sublattice of a bulk cell or slab: special quasirandom structures and enumeration by icet."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from ase import Atoms

from peropass.errors import BuildError, InputError
from peropass.surfaces.hosts import Host
from peropass.surfaces.neighbours import ion_roles, minimum_image

# ASSUME pairs up to 1.05 cubic lattice constants decide how random an alloy is: that is the first
# shells of the A, B and X sublattices.
PAIR_CUTOFF_FACTOR = 1.05
SQS_STEPS = 3000


def alloy_counts(n_sites: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers of atoms nearest to `fractions` (largest remainder), adding up to `n_sites`."""
    if abs(sum(fractions.values()) - 1.0) > 1e-3 or min(fractions.values()) < 0:
        raise InputError("alloy", dict(fractions), "fractions that add up to 1")
    wanted = {element: n_sites * x for element, x in fractions.items()}
    counts = {element: int(np.floor(w + 1e-9)) for element, w in wanted.items()}
    rest = sorted(wanted, key=lambda e: (counts[e] - wanted[e], e))
    for element in rest[: n_sites - sum(counts.values())]:
        counts[element] += 1
    return counts


def make_alloy(
    atoms: Atoms, role: str, fractions: Mapping[str, float], *, a_ang: float, seed: int = 0
) -> Atoms:
    """Special quasirandom decoration of one sublattice of a cell or slab.

    Parameters
    ----------
    atoms : Atoms
        Bulk supercell or slab with the array ``ion``, not yet distorted: the symmetry of the bare
        lattice tells which pairs count together.
    role : str
        Sublattice: ``A``, ``B`` or ``X``.
    fractions : mapping
        Element -> fraction of the sublattice; rounded to whole atoms.
    a_ang : float
        Pseudo-cubic lattice constant, sets the range of pairs.
    seed : int
        Seed of the search; the same seed gives the same structure.

    Returns
    -------
    Atoms
        Same positions, order, constraints and arrays; elements of the sublattice exchanged.
    """
    roles = ion_roles(atoms)
    places = np.flatnonzero(roles == role)
    if not len(places):
        raise InputError("alloy: role", role, "a sublattice of the structure")
    counts = {e: n for e, n in alloy_counts(len(places), fractions).items() if n}
    decorated = atoms.copy()
    if len(counts) == 1:
        decorated.symbols[places] = next(iter(counts))
        return decorated
    if len(places) == sum(counts.values()) == 2:
        decorated.symbols[places] = [e for e, n in counts.items() for _ in range(n)]
        return decorated
    found = _quasirandom(atoms, places, counts, PAIR_CUTOFF_FACTOR * a_ang, seed)
    gaps = np.linalg.norm(
        minimum_image(found.positions[None] - atoms.positions[places][:, None], atoms.cell.array),
        axis=-1,
    )
    nearest = gaps.argmin(axis=1)
    if gaps.min(axis=1).max() > 0.1:
        raise BuildError("alloy: the quasirandom structure does not lie on the sublattice")
    decorated.symbols[places] = [found.symbols[int(k)] for k in nearest]
    return decorated


def make_host_alloy(host: Host, atoms: Atoms, *, a_ang: float, seed: int = 0) -> Atoms:
    """Decorate every mixed sublattice of `host` (its `mixing`) on a cell or slab built from it."""
    for role, fractions in host.mixing.items():
        atoms = make_alloy(atoms, role, fractions, a_ang=a_ang, seed=seed)
    return atoms


def enumerate_alloys(
    atoms: Atoms, role: str, elements: tuple[str, ...], sizes: range | list[int]
) -> list[Atoms]:
    """All symmetry-distinct decorations of one sublattice of a bulk cell, up to given sizes (icet)."""
    from icet.tools import enumerate_structures

    roles = ion_roles(atoms)
    parent = Atoms(atoms.symbols, cell=atoms.cell, positions=atoms.positions, pbc=True)
    allowed = [
        list(elements) if r == role else [s]
        for r, s in zip(roles, atoms.get_chemical_symbols(), strict=True)
    ]
    with _QuietIcet():
        return list(enumerate_structures(parent, sizes, allowed))


def _quasirandom(
    atoms: Atoms, places: np.ndarray, counts: Mapping[str, int], cutoff: float, seed: int
) -> Atoms:
    """Sublattice alone, decorated by simulated annealing of its pair correlations."""
    from icet import ClusterSpace
    from icet.tools.structure_generation import generate_sqs_from_supercells

    elements = list(counts)
    # The other sublattices carry no occupation, so icet sees the alloyed one only. icet wants three
    # periodic directions: the vacuum of a slab keeps images along c out of the cutoff.
    bare = Atoms(
        [elements[0]] * len(places), positions=atoms.positions[places], cell=atoms.cell, pbc=True
    )
    total = sum(counts.values())
    target = {element: n / total for element, n in counts.items()}
    with _QuietIcet():
        space = ClusterSpace(bare, [cutoff], elements, symprec=1e-3)
        return generate_sqs_from_supercells(
            space,
            [bare],
            target,
            n_steps=SQS_STEPS,
            random_seed=seed,
        )


class _QuietIcet:
    """Keep icet's progress lines out of our logs."""

    def __enter__(self) -> None:
        self.logger = logging.getLogger("icet")
        self.level = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self.logger.setLevel(self.level)
