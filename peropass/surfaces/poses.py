"""Starting poses: every motif of a ligand on a site, evenly turned, freed of clashes, without duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from peropass.chemistry.model import LigandModel
from peropass.errors import BuildError
from peropass.records import Filter
from peropass.surfaces.contacts import (
    CONTACT_RADII,
    IMAGE_CONTACT,
    MIN_CONTACT,
    MIN_HEADROOM_ANG,
    NONMETALS,
    covalent_sums,
    image_ratio,
)
from peropass.surfaces.defects import Holes
from peropass.surfaces.geometry import read_geometry
from peropass.surfaces.motifs import enumerate_motifs
from peropass.surfaces.neighbours import ion_roles, minimum_image
from peropass.surfaces.placement import Batch, place_motif
from peropass.surfaces.pockets import POCKET

# ASSUME two poses are the same if no sorted ligand-slab distance below 7 A differs by more than this.
SAME_POSE_ANG = 0.25
FINGERPRINT_REACH_ANG = 7.0
ORIENTATIONS = 96
UPRIGHT_DEG, INVERTED_DEG = 50.0, 110.0
# ASSUME a contact counts as favourable (polar H or metal to halide, O, N, S or halide to A and B ions)
# up to 0.95 of the sum of contact radii, e.g. H...Br 2.9 A; it only orders poses within a motif.
FAVOURABLE_CONTACT = 0.95
ELECTRONEGATIVE = frozenset("N O F S Cl Se Br I".split())


@dataclass(frozen=True)
class PlacedPose:
    """One starting structure.

    `atoms` is the slab followed by the ligand in SMILES order, with the arrays `fragment`, `layer`,
    `smiles_index` and `ion`; `lift_ang` is how far the largest part rose from its anchor's place to
    be free of clashes; `orientation` is upright, flat, inverted or compact.
    """

    id: str
    motif: str
    anchor: str
    conformer: int
    atoms: Atoms
    orientation: str
    lift_ang: float


@dataclass(frozen=True)
class PoseSet:
    """Poses that survived, best spread first, and what each filter took away."""

    poses: list[PlacedPose]
    filters: list[Filter]


def generate_poses(
    socket: Atoms,
    holes: Holes,
    model: LigandModel,
    *,
    n: int,
    seed: int,
    min_contact: float = MIN_CONTACT,
    orientations: int = ORIENTATIONS,
    pockets: bool = False,
) -> PoseSet:
    """Place a neutral set on a site.

    Parameters
    ----------
    socket : Atoms
        Relaxed (or ideal) slab with the site.
    holes : dict
        From `make_site` or `locate_holes`.
    model : LigandModel
    n : int
        Number of poses wanted; fewer come back when fewer differ.
    seed : int
        Seed of the common rotation of the orientation set.
    min_contact : float
        No two atoms come closer than this share of the sum of their covalent radii.
    orientations : int
        Orientations per motif.
    pockets : bool
        Put a cation smaller than the A ion into every pocket of its hole too, beside the `n` poses.

    Raises
    ------
    BuildError
        No motif fits the site, the ligand touches its lateral image in every pose, or less than 8 A
        of vacuum are left above it.
    """
    site = read_geometry(socket, holes)
    motifs = enumerate_motifs(model, site, pockets)
    if not motifs:
        raise BuildError(
            f"ligand {model.ligand}: no motif of {model.motifs or 'its parts'} fits this site"
        )
    numbers = np.concatenate([part.conformers[0].numbers for part in model.parts])
    batches = [
        batch
        for k, motif in enumerate(motifs)
        if (batch := place_motif(socket, model, motif, site, seed + k, orientations)) is not None
    ]
    if not batches:
        raise BuildError(
            f"ligand {model.ligand}: its ends span neither hole pair nor a single hole"
        )
    filters: list[Filter] = []
    total = sum(len(batch.positions) for batch in batches)
    filters.append(Filter(name="placed", before=total, after=total))
    cell = socket.cell.array
    signs = np.concatenate([np.full(len(p.symbols), np.sign(p.charge)) for p in model.parts])
    best = _filter(
        filters,
        "lateral image",
        batches,
        lambda b: image_ratio(b.positions, numbers, cell, signs),
        IMAGE_CONTACT,
    )
    if not any(len(b.positions) for b in batches):
        sides = " x ".join(f"{length:.1f}" for length in socket.cell.lengths()[:2])
        raise BuildError(
            f"ligand {model.ligand}: ligand touches its lateral image in the {sides} A cell; best "
            f"contact {best:.2f} of the sum of contact radii, allowed {IMAGE_CONTACT:.2f}; "
            "take a larger slab.lateral or cut more in truncate"
        )
    closest = _filter(
        filters, "clash", batches, lambda b: _contact_ratio(socket, b, numbers), min_contact
    )
    if not any(len(b.positions) for b in batches):
        raise BuildError(
            f"ligand {model.ligand}: every pose clashes; best contact {closest:.2f} of the sum of "
            f"covalent radii, allowed {min_contact:.2f}"
        )
    room = _filter(filters, "headroom", batches, lambda b: _headroom(socket, b), MIN_HEADROOM_ANG)
    if not any(len(b.positions) for b in batches):
        raise BuildError(
            f"ligand {model.ligand}: {room:.1f} A of vacuum above the ligand, allowed at least "
            f"{MIN_HEADROOM_ANG:.0f} A; raise slab.height_ang by {MIN_HEADROOM_ANG - room:.1f} A"
        )
    return PoseSet(*_select(socket, model, batches, numbers, filters, n))


def _filter(filters: list[Filter], name: str, batches: list[Batch], value, least: float) -> float:
    """Keep the samples whose `value` reaches `least`; returns the largest value seen."""
    before, largest = sum(len(b.positions) for b in batches), -np.inf
    for batch in batches:
        if not len(batch.positions):
            continue
        values = value(batch)
        largest = max(largest, float(values.max()))
        _keep(batch, values >= least)
    after = sum(len(b.positions) for b in batches)
    filters.append(Filter(name=name, before=before, after=after))
    return largest


def _keep(batch: Batch, mask: np.ndarray) -> None:
    batch.positions = batch.positions[mask]
    batch.conformers = batch.conformers[mask]
    batch.rises = batch.rises[mask]
    batch.tilt_deg = batch.tilt_deg[mask]
    if batch.slab_swap is not None:
        batch.slab_swap = batch.slab_swap[mask]


def orientation_name(tilt_deg: float) -> str:
    """upright, flat, inverted; compact where the anchor sits in the middle or both ends hold."""
    if not np.isfinite(tilt_deg):
        return "compact"
    if tilt_deg < UPRIGHT_DEG:
        return "upright"
    return "inverted" if tilt_deg > INVERTED_DEG else "flat"


def _slab_positions(socket: Atoms, batch: Batch) -> np.ndarray:
    """Slab positions (1 or m, k, 3), with a swapped ion where it went."""
    if batch.slab_swap is None:
        return socket.positions[None]
    slab = np.repeat(socket.positions[None], len(batch.positions), axis=0)
    slab[:, batch.motif.swap_with] = batch.slab_swap
    return slab


def _contact_ratio(socket: Atoms, batch: Batch, numbers: np.ndarray) -> np.ndarray:
    """Least distance over the sum of covalent radii: ligand to slab, ligand to itself, and images."""
    cell = socket.cell.array
    slab = _slab_positions(socket, batch)
    vectors = batch.positions[:, :, None] - slab[:, None]
    ratios = np.linalg.norm(minimum_image(vectors, cell), axis=-1)
    least = (ratios / covalent_sums(numbers, socket.numbers)).min(axis=(1, 2))
    own = np.linalg.norm(
        minimum_image(batch.positions[:, :, None] - batch.positions[:, None], cell), axis=-1
    ) / covalent_sums(numbers, numbers)
    own[:, np.arange(len(numbers)), np.arange(len(numbers))] = np.inf
    least = np.minimum(least, own.min(axis=(1, 2)))
    if batch.slab_swap is not None:
        moved = batch.motif.swap_with
        others = np.delete(np.arange(len(socket)), moved)
        gaps = minimum_image(batch.slab_swap[:, None] - socket.positions[None, others], cell)
        sums = covalent_sums(socket.numbers[[moved]], socket.numbers[others])[0]
        least = np.minimum(least, (np.linalg.norm(gaps, axis=-1) / sums).min(axis=1))
    return least


def _headroom(socket: Atoms, batch: Batch) -> np.ndarray:
    top = np.maximum(batch.positions[..., 2].max(axis=1), socket.positions[:, 2].max())
    bottom = np.minimum(batch.positions[..., 2].min(axis=1), socket.positions[:, 2].min())
    return socket.cell[2, 2] - (top - bottom)


def _fingerprints(socket: Atoms, batch: Batch, numbers: np.ndarray) -> np.ndarray:
    """Sorted distances (m, d) by pair of elements: the same for poses that symmetry maps together."""
    cell = socket.cell.array
    slab = _slab_positions(socket, batch)
    to_slab = np.linalg.norm(
        minimum_image(batch.positions[:, :, None] - slab[:, None], cell), axis=-1
    )
    own = np.linalg.norm(
        minimum_image(batch.positions[:, :, None] - batch.positions[:, None], cell), axis=-1
    )
    columns = []
    for first in np.unique(numbers):
        rows = numbers == first
        for table, others in ((to_slab, socket.numbers), (own, numbers)):
            for second in np.unique(others):
                block = table[:, rows][:, :, others == second].reshape(len(batch.positions), -1)
                columns.append(np.sort(np.minimum(block, FINGERPRINT_REACH_ANG), axis=1))
    return np.concatenate(columns, axis=1)


def _favourable(socket: Atoms, batch: Batch, numbers: np.ndarray) -> np.ndarray:
    """Number of favourable contacts between ligand and slab for each sample (m,)."""
    from ase.data import chemical_symbols

    symbols = [chemical_symbols[z] for z in numbers]
    first = batch.positions[0]
    lengths = np.linalg.norm(first[:, None] - first[None], axis=-1)
    donors = [i for i, s in enumerate(symbols) if s in ("N", "O")]
    polar = [s == "H" and any(lengths[i, j] < 1.25 for j in donors) for i, s in enumerate(symbols)]
    positive = np.array([p or s not in NONMETALS for p, s in zip(polar, symbols, strict=True)])
    negative = np.array([s in ELECTRONEGATIVE for s in symbols])
    halide = ion_roles(socket) == "X"
    wanted = (positive[:, None] & halide[None]) | (negative[:, None] & ~halide[None])
    reach = FAVOURABLE_CONTACT * (
        CONTACT_RADII[numbers][:, None] + CONTACT_RADII[socket.numbers][None]
    )
    vectors = batch.positions[:, :, None] - _slab_positions(socket, batch)[:, None]
    gaps = np.linalg.norm(minimum_image(vectors, socket.cell.array), axis=-1)
    return ((gaps < reach) & wanted).sum(axis=(1, 2))


def _held_by_other_atom(socket: Atoms, model: LigandModel, batch: Batch) -> np.ndarray:
    """9 for samples (m,) in which an ambidentate anion turns another donor than its anchor to the B ions, else 0.

    Thiocyanate anchored by S must not start as the N-bound motif: such samples go last.
    """
    metals = socket.positions[ion_roles(socket) == "B"]
    found = np.zeros(len(batch.positions))
    starts = np.concatenate([[0], np.cumsum([len(part.symbols) for part in model.parts])])
    for step in batch.motif.steps:
        part = model.parts[step.part]
        elements = {part.symbols[i] for anchor in part.anchors for i in anchor.atoms}
        if part.role != "anion" or len(elements) < 2 or step.anchor.name == "whole":
            continue
        own = part.symbols[step.anchor.atoms[0]]
        others = [i for anchor in part.anchors for i in anchor.atoms if part.symbols[i] != own]
        reach = []
        for atoms in (step.anchor.atoms, others):
            places = batch.positions[:, starts[step.part] + np.array(atoms)]
            gaps = minimum_image(places[:, :, None] - metals, socket.cell.array)
            reach.append(np.linalg.norm(gaps, axis=-1).min(axis=(1, 2)))
        found[reach[1] < reach[0]] = 9.0
    return found


def _select(
    socket: Atoms,
    model: LigandModel,
    batches: list[Batch],
    numbers: np.ndarray,
    filters: list[Filter],
    n: int,
) -> tuple[list[PlacedPose], list[Filter]]:
    """Drop duplicates, then take turns over motifs and orientations until `n` poses are chosen."""
    before = sum(len(b.positions) for b in batches)
    strata: dict[tuple[int, str], list[int]] = {}
    distinct, n_distinct = np.empty((0, 0)), 0
    for index, batch in enumerate(batches):
        if not len(batch.positions):
            continue
        prints = _fingerprints(socket, batch, numbers)
        if not distinct.size:
            distinct = np.empty((before, prints.shape[1]))
        score = _favourable(socket, batch, numbers)
        # ASSUME within a motif a favourable contact is worth 0.5 A of lift; only the order of the
        # poses depends on it, and with it which ones a small n keeps.
        preference = batch.rises - 0.5 * score + _held_by_other_atom(socket, model, batch)
        order = np.argsort(np.round(preference, 2), kind="stable")
        chosen: list[int] = []
        for k in order:
            gaps = np.abs(distinct[:n_distinct] - prints[k]).max(axis=1)
            if (gaps < SAME_POSE_ANG).any():
                continue
            distinct[n_distinct] = prints[k]
            n_distinct += 1
            chosen.append(int(k))
        for k in chosen:
            strata.setdefault((index, orientation_name(batch.tilt_deg[k])), []).append(k)
    after = sum(len(members) for members in strata.values())
    filters.append(Filter(name="duplicate", before=before, after=after))
    in_pockets = {key: members for key, members in strata.items() if _is_pocket(batches[key[0]])}
    others = {key: members for key, members in strata.items() if key not in in_pockets}
    picked = _take_turns(others, n)
    picked += _take_turns(in_pockets, len({index for index, _ in in_pockets}))  # one per pocket
    filters.append(Filter(name="selected", before=after, after=len(picked)))
    poses = [
        _assemble(socket, model, batches[index], k, name, f"p{number:02d}")
        for number, (index, name, k) in enumerate(picked)
    ]
    return poses, filters


def _is_pocket(batch: Batch) -> bool:
    return batch.motif.name == POCKET


def _take_turns(strata: dict[tuple[int, str], list[int]], n: int) -> list[tuple[int, str, int]]:
    """One pose of each motif in turn; within a motif upright, flat, inverted in turn."""
    ranks = {"compact": 0, "upright": 1, "flat": 2, "inverted": 3}
    queues: dict[int, list[list[tuple[int, str, int]]]] = {}
    for (index, name), members in sorted(strata.items(), key=lambda s: (s[0][0], ranks[s[0][1]])):
        queues.setdefault(index, []).append([(index, name, k) for k in members])
    lines = []
    for groups in queues.values():
        line = []
        for turn in range(max(len(group) for group in groups)):
            line += [group[turn] for group in groups if turn < len(group)]
        lines.append(line)
    picked: list[tuple[int, str, int]] = []
    for turn in range(max((len(line) for line in lines), default=0)):
        picked += [line[turn] for line in lines if turn < len(line)]
    return picked[:n]


def _assemble(
    socket: Atoms, model: LigandModel, batch: Batch, k: int, orientation: str, name: str
) -> PlacedPose:
    """Slab plus ligand with the arrays that travel."""
    slab = socket.copy()
    slab.set_array("ion", ion_roles(socket), dtype="<U1")
    if batch.slab_swap is not None:
        slab.positions[batch.motif.swap_with] = batch.slab_swap[k]
    symbols = [s for part in model.parts for s in part.symbols]
    ligand = Atoms(symbols, positions=batch.positions[k])
    size = len(ligand)
    defaults = {
        "ion": np.full(size, "-", dtype="<U1"),
        "layer": np.zeros(size, int),
        "fragment": np.ones(size, int),
        "smiles_index": np.arange(size),
    }
    for array, values in defaults.items():
        ligand.set_array(array, values)
        if array not in slab.arrays:
            slab.set_array(array, np.full(len(slab), -1 if array == "smiles_index" else 0))
    anchors = []
    starts = np.concatenate([[0], np.cumsum([len(part.symbols) for part in model.parts])])
    for step in batch.motif.steps[:2]:
        if step.bonded_to is None:
            atoms = list(step.anchor.atoms) + (list(step.second[0].atoms) if step.second else [])
            label = "+".join(
                f"{symbols[starts[step.part] + i]}{starts[step.part] + i}" for i in atoms
            )
            anchors.append(label if step.anchor.name != "whole" else f"centre{starts[step.part]}")
    return PlacedPose(
        id=name,
        motif=batch.motif.name,
        anchor="+".join(anchors),
        conformer=int(batch.conformers[k]),
        atoms=slab + ligand,
        orientation=orientation,
        lift_ang=float(batch.rises[k]),
    )
