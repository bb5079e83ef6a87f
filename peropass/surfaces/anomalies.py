"""What went wrong in a relaxation, from the bond graphs before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from scipy.sparse.csgraph import connected_components

from peropass.surfaces.contacts import CONTACT_RADII
from peropass.surfaces.neighbours import counter_ions, ion_roles, minimum_image

# ASSUME a covalent bond exists below 1.3 times the sum of covalent radii and is broken above 1.5:
# between the two a bond is stretched and keeps its state, so vibrating bonds are not flagged.
BOND_MADE, BOND_BROKEN = 1.3, 1.5
# ASSUME a proton changed its owner if it is nearer to another non-metal, relative to the sums of
# covalent radii, and within 1.3 of that sum. Metals own no protons: their covalent radii are so
# large (Cs 2.44 A) that an ordinary C-H...Cs contact of 3.4 A would pass for a bond.
# ASSUME a ligand is desorbed if no atom of it is within 1.25 of the sum of contact radii of the slab
# (H...Br 3.8 A, O...Pb 3.4 A).
DESORBED_FACTOR = 1.25
# ASSUME a surface ion is pulled out if it rose by 1.8 A and kept at most half of its neighbours:
# rumpling and octahedral tilts move ions by less than 1 A and break no bond to Pb.
PULLED_OUT_ANG = 1.8
LEFT_NEIGHBOURS = 0.5
# ASSUME a ligand atom has entered the crystal if it lies 1.5 A below the mean height of the top
# layer and went down by more than 1.2 A; the holes of a socket are level with that layer.
INTERCALATED_ANG, SANK_ANG = 1.5, 1.2
# ASSUME an anchor sits on another site if it moved by more than 2.5 A along the surface (half the
# distance between A and X sites is 2.1 A) and its nearest slab ions are other ones.
MOVED_ANG = 2.5
COVALENT = frozenset("H B C N O F Si P S Cl Br I Se".split())


def detect_anomalies(
    before: Atoms, after: Atoms, anchors: Sequence[int] | None = None
) -> list[str]:
    """Compare a loaded (or bare) slab before and after relaxation.

    Parameters
    ----------
    before, after : Atoms
        Same atoms in the same order; arrays ``fragment``, ``layer`` and ``ion`` where present.
    anchors : sequence of int, optional
        Indices of the ligand atoms that hold to the surface; by default the ligand's heavy atoms
        nearest to the slab before.

    Returns
    -------
    list of str
        One sentence per anomaly, with what was found next to the threshold; empty if none.

    Raises
    ------
    ValueError
        The two structures do not hold the same atoms in the same order.
    """
    if not np.array_equal(before.numbers, after.numbers):
        raise ValueError("structures before and after relaxation hold different atoms")
    fragment = before.arrays.get("fragment", np.zeros(len(before), int))
    ligand, slab = np.flatnonzero(fragment == 1), np.flatnonzero(fragment != 1)
    moves = minimum_image(after.positions - before.positions, before.cell.array)
    found = _pulled_out(before, after, slab, moves)
    if len(ligand):
        found += _moved_protons(before, after, ligand)
        found += _changed_bonds(before, after, ligand)
        found += _desorbed(before, after, ligand, slab)
        found += _intercalated(before, after, ligand, slab, moves)
        found += _moved_sites(before, after, ligand, slab, moves, anchors)
    return found


def _ratios(atoms: Atoms, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Distances over sums of covalent radii (n, m), lateral images included."""
    radii = covalent_radii[atoms.numbers]
    vectors = atoms.positions[second][None] - atoms.positions[first][:, None]
    lengths = np.linalg.norm(minimum_image(vectors, atoms.cell.array), axis=-1)
    ratios = lengths / (radii[first][:, None] + radii[second][None])
    ratios[first[:, None] == second[None]] = np.inf
    return ratios


def _name(atoms: Atoms, i: int) -> str:
    index = atoms.arrays.get("smiles_index", np.full(len(atoms), -1))[i]
    return f"{atoms.symbols[i]}{index if index >= 0 else i}"


def _skeleton(atoms: Atoms, ligand: np.ndarray) -> np.ndarray:
    """Ligand atoms that form covalent molecules: lone ions are none of them."""
    members = ligand[[atoms.symbols[i] in COVALENT for i in ligand]]
    if not len(members):
        return members
    bonded = (_ratios(atoms, members, members) < BOND_MADE).any(axis=1)
    return members[bonded]


def _proton_owners(atoms: Atoms) -> np.ndarray:
    """Indices of the non-metals other than hydrogen, in the ligand and in the slab."""
    return np.flatnonzero([symbol in COVALENT and symbol != "H" for symbol in atoms.symbols])


def _moved_protons(before: Atoms, after: Atoms, ligand: np.ndarray) -> list[str]:
    """Hydrogens whose nearest non-metal changed: another one of the ligand or of the slab."""
    found = []
    heavy = _proton_owners(before)
    hydrogens = ligand[before.numbers[ligand] == 1]
    if not len(hydrogens):
        return []
    old, new = _ratios(before, hydrogens, heavy), _ratios(after, hydrogens, heavy)
    for row, h in enumerate(hydrogens):
        was, now = int(np.argmin(old[row])), int(np.argmin(new[row]))
        if was != now and new[row, now] < BOND_MADE:
            found.append(
                f"proton transferred: {_name(after, h)} went from {_name(after, heavy[was])} "
                f"({new[row, was]:.2f}) to {_name(after, heavy[now])} ({new[row, now]:.2f} of the sum "
                f"of covalent radii; bond below {BOND_MADE})"
            )
    return found


def _changed_bonds(before: Atoms, after: Atoms, ligand: np.ndarray) -> list[str]:
    """Covalent bonds between heavy atoms of the ligand, or to a lost hydrogen, that opened."""
    members = _skeleton(before, ligand)
    if not len(members):
        return []
    old, new = _ratios(before, members, members), _ratios(after, members, members)
    upper = np.triu(np.ones_like(old, dtype=bool), k=1)
    hydrogen = before.numbers[members] == 1
    heavy = ~hydrogen[:, None] & ~hydrogen[None]
    broken = upper & (old < BOND_MADE) & (new > BOND_BROKEN)
    owners = np.array([not h for h in hydrogen])
    found = []
    for i, j in zip(*np.nonzero(broken), strict=True):
        if not heavy[i, j]:
            h = i if hydrogen[i] else j
            others = _proton_owners(after)
            if _ratios(after, members[[h]], others).min() < BOND_MADE:
                continue  # moved to another atom: reported as a proton transfer
        found.append(
            f"dissociated: {_name(after, members[i])}-{_name(after, members[j])} at {new[i, j]:.2f} "
            f"of the sum of covalent radii > {BOND_BROKEN}"
        )
    made = upper & heavy & (old > BOND_BROKEN) & (new < BOND_MADE) & owners[:, None] & owners[None]
    for i, j in zip(*np.nonzero(made), strict=True):
        found.append(
            f"bond formed: {_name(after, members[i])}-{_name(after, members[j])} at {new[i, j]:.2f} "
            f"of the sum of covalent radii < {BOND_MADE}"
        )
    return found


def _parts(atoms: Atoms, ligand: np.ndarray) -> list[np.ndarray]:
    """Connected parts of the ligand: molecules and lone ions."""
    bonded = _ratios(atoms, ligand, ligand) < BOND_MADE
    count, labels = connected_components(bonded, directed=False)
    return [ligand[labels == k] for k in range(count)]


def _desorbed(before: Atoms, after: Atoms, ligand: np.ndarray, slab: np.ndarray) -> list[str]:
    """Ligand, or a connected part of it, without any contact to the slab."""
    if _least_contact(after, ligand, slab) > DESORBED_FACTOR:
        return [
            f"desorbed: nearest contact {_least_contact(after, ligand, slab):.2f} of the sum of "
            f"contact radii > {DESORBED_FACTOR}"
        ]
    found = []
    for part in _parts(before, ligand):
        others = np.setdiff1d(np.arange(len(after)), part)
        least = _least_contact(after, part, others)
        if least > DESORBED_FACTOR:
            label = _name(after, part[0])
            found.append(
                f"desorbed: part at {label} has its nearest contact at {least:.2f} of the sum of "
                f"contact radii > {DESORBED_FACTOR}"
            )
    return found


def _least_contact(atoms: Atoms, first: np.ndarray, second: np.ndarray) -> float:
    radii = CONTACT_RADII[atoms.numbers]
    vectors = atoms.positions[second][None] - atoms.positions[first][:, None]
    lengths = np.linalg.norm(minimum_image(vectors, atoms.cell.array), axis=-1)
    return float((lengths / (radii[first][:, None] + radii[second][None])).min())


def _pulled_out(before: Atoms, after: Atoms, slab: np.ndarray, moves: np.ndarray) -> list[str]:
    """Slab ions that rose far and lost most of their counter-ions of the slab."""
    found = []
    old, new = before[slab], after[slab]
    old.set_constraint()
    new.set_constraint()
    roles_old, roles_new = ion_roles(old), ion_roles(new)
    for k, i in enumerate(slab):
        if moves[i, 2] < PULLED_OUT_ANG:
            continue
        was, _ = counter_ions(old, k, roles_old)
        now, _ = counter_ions(new, k, roles_new)
        if len(was) and len(now) <= LEFT_NEIGHBOURS * len(was):
            found.append(
                f"surface atom pulled out: {after.symbols[i]}{i} rose by {moves[i, 2]:.2f} A > "
                f"{PULLED_OUT_ANG} and keeps {len(now)} of {len(was)} neighbours"
            )
    return found


def _intercalated(
    before: Atoms, after: Atoms, ligand: np.ndarray, slab: np.ndarray, moves: np.ndarray
) -> list[str]:
    """Heavy ligand atoms that sank below the top layer."""
    layer = before.arrays.get("layer")
    if layer is None:
        return []
    top = after.positions[slab[layer[slab] == 1], 2].mean() if (layer[slab] == 1).any() else None
    if top is None:
        return []
    return [
        f"intercalated: {_name(after, i)} lies {top - after.positions[i, 2]:.2f} A below the top "
        f"layer > {INTERCALATED_ANG} and sank by {-moves[i, 2]:.2f} A > {SANK_ANG}"
        for i in ligand
        if before.numbers[i] > 1
        and top - after.positions[i, 2] > INTERCALATED_ANG
        and -moves[i, 2] > SANK_ANG
    ]


def _moved_sites(
    before: Atoms,
    after: Atoms,
    ligand: np.ndarray,
    slab: np.ndarray,
    moves: np.ndarray,
    anchors: Sequence[int] | None,
) -> list[str]:
    """Anchors that went along the surface to other slab ions."""
    if anchors is None:
        heavy = ligand[before.numbers[ligand] > 1]
        least = _ratios(before, heavy, slab).min(axis=1) if len(heavy) else np.empty(0)
        anchors = heavy[least < BOND_BROKEN]
    found = []
    for i in anchors:
        along = float(np.linalg.norm(moves[i, :2]))
        rows = np.array([i])
        was = set(np.argsort(_ratios(before, rows, slab)[0])[:2].tolist())
        now = set(np.argsort(_ratios(after, rows, slab)[0])[:2].tolist())
        if along > MOVED_ANG and was != now:
            found.append(
                f"moved to another site: {_name(after, i)} went {along:.2f} A along the surface > "
                f"{MOVED_ANG}"
            )
    return found
