"""Placement of a neutral set by one motif: many orientations at once, lifted out of clashes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from peropass.chemistry.model import LigandModel, LigandPart
from peropass.surfaces.contacts import covalent_sums, lift, soft_limits, with_images
from peropass.surfaces.geometry import SiteGeometry
from peropass.surfaces.motifs import Motif, Step
from peropass.surfaces.orientations import (
    even_angles,
    even_rotations,
    rotation_onto,
    rotations_about,
)

# ASSUME a zwitterion bridges two holes if the distance of its ends differs from that of the holes by
# less than this; relaxation bends the rest.
SPAN_TOLERANCE_ANG = 1.5
DIRECTIONS = 12
ANCHOR_CONTACT = 0.9
LARGEST_CONTACT_ANG = 4.0  # above every sum of contact radii that soft_limits returns


@dataclass
class Batch:
    """Placed samples of one motif: positions (m, n, 3) in the ligand's atom order."""

    motif: Motif
    positions: np.ndarray
    conformers: np.ndarray
    rises: np.ndarray
    slab_swap: np.ndarray | None = None
    tilt_deg: np.ndarray = field(default_factory=lambda: np.empty(0))


def place_motif(
    socket: Atoms,
    model: LigandModel,
    motif: Motif,
    site: SiteGeometry,
    seed: int,
    orientations: int,
) -> Batch | None:
    """All samples of one motif, or None if a span does not fit.

    Ligand positions come in the order of the parts, each anchor at the place that its step names;
    `orientations` samples where a part has a shape, fewer where only bonds have a direction.
    """
    sizes = [len(part.symbols) for part in model.parts]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rigid = [s.part for s in motif.steps if sizes[s.part] > 1]
    m = orientations if rigid else DIRECTIONS if motif.samples_directions else 1
    main = max(rigid, key=lambda p: sizes[p]) if rigid else -1
    conformers = _conformer_choice(model, motif, m)
    if conformers is None:
        return None
    positions = np.zeros((m, starts[-1], 3))
    rises, tilt = np.zeros(m), np.full(m, np.nan)
    radius = max(
        (
            np.linalg.norm(c.positions - c.positions.mean(axis=0), axis=1).max()
            for part in model.parts
            for c in part.conformers
        ),
        default=0.0,
    )
    images, source = with_images(socket.positions, socket.cell.array, 2 * radius + 6.0)
    done: list[int] = []
    for number, step in enumerate(motif.steps):
        part = model.parts[step.part]
        here = slice(starts[step.part], starts[step.part + 1])
        if step.bonded_to is not None:
            base = positions[:, starts[step.bonded_to]]
            positions[:, here] = base[:, None] + _bond_vectors(step, site, m, seed)[:, None]
        elif sizes[step.part] == 1 and not step.rises:
            positions[:, here] = step.point
        else:
            placed = _turned(part, step, site, m, seed + 101 * number, conformers[step.part])
            near = _within_reach(images, placed, step)
            obstacles, limits = _obstacles(
                socket, images[near], source[near], model, positions, starts, done, part, step
            )
            rise = lift(placed, obstacles, limits)
            placed[..., 2] += rise[:, None]
            positions[:, here] = placed
            if step.part == main:
                rises, tilt = rise, _tilt(part, step, placed)
        done.append(step.part)
    batch = Batch(motif, positions, conformers[main] if main >= 0 else np.zeros(m, int), rises)
    batch.tilt_deg = tilt
    if motif.swap is not None:
        metal = starts[motif.swap]
        batch.slab_swap = positions[:, metal].copy()
        batch.positions[:, metal] = socket.positions[motif.swap_with]
    return batch


def _conformer_choice(model: LigandModel, motif: Motif, m: int) -> dict[int, np.ndarray] | None:
    """Conformer of each part for each sample; for a bridge only those whose span fits."""
    choice = {}
    for step in motif.steps:
        part = model.parts[step.part]
        allowed = np.arange(len(part.conformers))
        if step.second is not None:
            gap = np.linalg.norm(step.second[1] - step.point)
            spans = np.array([_span(c.positions, step) for c in part.conformers])
            allowed = allowed[np.abs(spans - gap) <= SPAN_TOLERANCE_ANG]
            if not len(allowed):
                return None
        choice[step.part] = allowed[np.arange(m) % len(allowed)]
    return choice


def _span(positions: np.ndarray, step: Step) -> float:
    assert step.second is not None
    first = positions[list(step.anchor.atoms)].mean(axis=0)
    return float(np.linalg.norm(positions[list(step.second[0].atoms)].mean(axis=0) - first))


def _turned(
    part: LigandPart, step: Step, site: SiteGeometry, m: int, seed: int, conformers: np.ndarray
) -> np.ndarray:
    """Positions (m, n, 3) of a part, its anchor at its place, in m orientations of the site's frame."""
    bodies = np.array([c.positions for c in part.conformers])[conformers]
    anchor = bodies[:, list(step.anchor.atoms)].mean(axis=1)
    if step.second is None:
        turns = site.frame @ even_rotations(m, seed)
        order = np.random.default_rng(seed).permutation(m)
        return np.einsum("mij,mnj->mni", turns[order], bodies - anchor[:, None]) + step.point
    other = bodies[:, list(step.second[0].atoms)].mean(axis=1)
    along = step.second[1] - step.point
    spins = rotations_about(along, even_angles(m, seed))
    placed = np.empty_like(bodies)
    for k in range(m):
        middle = (anchor[k] + other[k]) / 2
        turn = (
            spins[k] @ _upright(along) @ rotation_onto(other[k] - anchor[k], np.array([1.0, 0, 0]))
        )
        placed[k] = (bodies[k] - middle) @ turn.T + step.point + along / 2
    return placed


def _upright(along: np.ndarray) -> np.ndarray:
    """Axes (3, 3) with `along` first and the second in the plane of the surface."""
    x = along / np.linalg.norm(along)
    y = np.cross([0.0, 0.0, 1.0], x)
    y /= np.linalg.norm(y)
    return np.column_stack([x, y, np.cross(x, y)])


def _bond_vectors(step: Step, site: SiteGeometry, m: int, seed: int) -> np.ndarray:
    azimuth = even_angles(m, seed) + 2 * np.pi * step.turn
    polar = np.radians(step.polar_deg)
    local = np.column_stack(
        [
            np.sin(polar) * np.cos(azimuth),
            np.sin(polar) * np.sin(azimuth),
            np.full(m, np.cos(polar)),
        ]
    )
    return step.length * local @ site.frame.T


def _within_reach(images: np.ndarray, placed: np.ndarray, step: Step) -> np.ndarray:
    """Which slab atoms any of the turned bodies can touch on its way up."""
    across = np.linalg.norm(placed[..., :2] - step.point[:2], axis=-1).max()
    return np.linalg.norm(images[:, :2] - step.point[:2], axis=1) < across + LARGEST_CONTACT_ANG


def _obstacles(
    socket: Atoms,
    images: np.ndarray,
    source: np.ndarray,
    model: LigandModel,
    positions: np.ndarray,
    starts: np.ndarray,
    done: list[int],
    part: LigandPart,
    step: Step,
) -> tuple[np.ndarray, np.ndarray]:
    """Slab with images and parts placed before, with the distance that each atom keeps from them."""
    own = part.conformers[0].numbers
    slab = socket.numbers[source]
    limits = soft_limits(own, slab)
    anchors = list(step.anchor.atoms) + (list(step.second[0].atoms) if step.second else [])
    limits[anchors] = np.minimum(
        limits[anchors], ANCHOR_CONTACT * covalent_sums(own[anchors], slab)
    )
    if not done:
        return images, limits
    before = np.concatenate([np.arange(starts[p], starts[p + 1]) for p in done])
    numbers = np.concatenate([model.parts[p].conformers[0].numbers for p in done])
    shared = np.broadcast_to(images, (len(positions), *images.shape))
    points = np.concatenate([shared, positions[:, before]], axis=1)
    return points, np.concatenate([limits, soft_limits(own, numbers)], axis=1)


def _tilt(part: LigandPart, step: Step, placed: np.ndarray) -> np.ndarray:
    """Angle between the axis from anchor to the rest and the normal, degrees; NaN if compact."""
    anchors = list(step.anchor.atoms)
    rest = np.setdiff1d(np.arange(placed.shape[1]), anchors)
    if step.second is not None or not len(rest):
        return np.full(len(placed), np.nan)
    heavy = rest[part.conformers[0].numbers[rest] > 1]
    rest = heavy if len(heavy) else rest
    axis = placed[:, rest].mean(axis=1) - placed[:, anchors].mean(axis=1)
    lengths = np.linalg.norm(axis, axis=1)
    angle = np.degrees(np.arccos(np.clip(axis[:, 2] / np.maximum(lengths, 1e-9), -1, 1)))
    return np.where(lengths < 0.5, np.nan, angle)
