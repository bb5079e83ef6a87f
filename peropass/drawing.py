"""Side and top views of slabs with matplotlib: cut open at the site, the far side paler, bonds as sticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors

HALF_WIDTH_ANG = 7.6
SIDE_BELOW_ANG, SIDE_ABOVE_ANG = 7.4, 10.8  # of the site's height
CUT_ANG = 1.6  # what stands further than this before the site is taken away
BALL = 0.5  # radius of a ball over the covalent radius
BOND_FACTOR = 1.25
CLEARER_COLOURS = {
    "H": "#ffffff",
    "Cs": "#8a5fc4",
    "Pb": "#4c5663",
    "Br": "#b5452c",
    "S": "#e0b400",
    "Sr": "#62a85b",
    "Cl": "#4fae6a",
    "I": "#7a1f7a",
    "Rb": "#c05a9a",
}


@dataclass(frozen=True)
class Scene:
    """A structure and where to look: `origin` (3,) comes to the middle, `angle_deg` turns it about the normal.

    `empty` lists vacated places: a symbol and a position each.
    """

    title: str
    atoms: Atoms | None
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    angle_deg: float = 45.0
    empty: Sequence[tuple[str, np.ndarray]] = ()
    reason: str = ""


def draw_scenes(scenes: Sequence[Scene], file: Path) -> None:
    """One column per scene, side view above top view, on one scale, with a legend of elements."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    heights = (SIDE_BELOW_ANG + SIDE_ABOVE_ANG, 2 * HALF_WIDTH_ANG)
    width = 2.3
    figure, axes = plt.subplots(
        2,
        len(scenes),
        figsize=(width * len(scenes), width * sum(heights) / heights[1] + 0.72),
        height_ratios=heights,
        squeeze=False,
    )
    for column, scene in zip(axes.T, scenes, strict=True):
        column[0].set_title(scene.title, fontsize=9)
        for axis, view in zip(column, ("side", "top"), strict=True):
            _frame(axis, view)
            if scene.atoms is None:
                text = "\n".join(_wrapped(scene.reason)) if view == "side" else ""
                axis.text(0, 0, text, ha="center", va="center", fontsize=7)
            else:
                _draw(axis, scene, view)
    _legend(figure, scenes)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.925, bottom=0.06, wspace=0.03, hspace=0.02)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=88)
    plt.close(figure)
    _shrink(file)


def _shrink(file: Path) -> None:
    """Store the picture with a palette: a quarter of the size."""
    from PIL import Image

    with Image.open(file) as full:
        small = full.convert("RGB").quantize(160, method=Image.Quantize.MAXCOVERAGE)
    small.save(file, optimize=True)


def _wrapped(text: str) -> list[str]:
    from textwrap import wrap

    return wrap(text, 30)


def _frame(axis, view: str) -> None:
    axis.set_aspect("equal")
    axis.set_xlim(-HALF_WIDTH_ANG, HALF_WIDTH_ANG)
    below, above = (
        (SIDE_BELOW_ANG, SIDE_ABOVE_ANG) if view == "side" else (HALF_WIDTH_ANG, HALF_WIDTH_ANG)
    )
    axis.set_ylim(-below, above)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color("#c8c8c8")


def _draw(axis, scene: Scene, view: str) -> None:
    from matplotlib.patches import Circle

    numbers, points, ligand = _tiled(scene)
    if view == "side":
        kept = ligand | (points[:, 1] > -CUT_ANG)
        across, up, near = points[:, 0], points[:, 2], -points[:, 1]
    else:
        kept = np.ones(len(points), bool)
        across, up, near = points[:, 0], points[:, 1], points[:, 2]
    reach = HALF_WIDTH_ANG + 3.0
    kept &= (np.abs(across) < reach) & (np.abs(up) < reach + 3)
    depth = np.clip((near[kept].max(initial=0.0) - near) / 12.0, 0, 1)
    depth[ligand] = 0.0
    for i, j in _bonds(numbers, points, ligand, kept):
        held = ligand[i] and ligand[j]
        axis.plot(
            across[[i, j]],
            up[[i, j]],
            color=_paler("#303030" if held else "#9a9a9a", min(depth[i], depth[j])),
            linewidth=2.2 if held else 1.1,
            zorder=min(near[i], near[j]) + (40.0 if held else 0.0),
            solid_capstyle="round",
        )
    for i in np.flatnonzero(kept):
        axis.add_patch(
            Circle(
                (across[i], up[i]),
                BALL * covalent_radii[numbers[i]] * (1.25 if ligand[i] else 1.0),
                facecolor=_paler(_colour(numbers[i]), 0.75 * depth[i]),
                edgecolor=_paler("#202020", 0.75 * depth[i]),
                linewidth=0.7,
                zorder=near[i] + (40.1 if ligand[i] else 0.1),
            )
        )
    for symbol, place in scene.empty:
        x, y, z = _turned((place - scene.origin)[None], scene.angle_deg)[0]
        axis.add_patch(
            Circle(
                (x, z if view == "side" else y),
                1.25 * BALL * covalent_radii[chemical_symbols.index(symbol)],
                fill=False,
                edgecolor=_colour(chemical_symbols.index(symbol)),
                linewidth=1.6,
                linestyle=(0, (2.2, 1.4)),
                zorder=200,
            )
        )


def _tiled(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms with their lateral images, turned, origin in the middle; a ligand is shown once, whole."""
    atoms = scene.atoms
    ligand = atoms.arrays.get("fragment", np.zeros(len(atoms), int)) == 1
    span = range(-2, 3)
    numbers, points, owner = [], [], []
    for i in span:
        for j in span:
            chosen = np.ones(len(atoms), bool) if (i, j) == (0, 0) else ~ligand
            shift = i * atoms.cell.array[0] + j * atoms.cell.array[1]
            numbers.append(atoms.numbers[chosen])
            points.append(atoms.positions[chosen] + shift - scene.origin)
            owner.append(ligand[chosen])
    turned = _turned(np.concatenate(points), scene.angle_deg)
    return np.concatenate(numbers), turned, np.concatenate(owner)


def _turned(points: np.ndarray, angle_deg: float) -> np.ndarray:
    angle = np.radians(angle_deg)
    matrix = np.array(
        [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    return points @ matrix.T


def _bonds(
    numbers: np.ndarray, points: np.ndarray, ligand: np.ndarray, kept: np.ndarray
) -> list[tuple[int, int]]:
    """Sticks inside the ligand, and between lead-like ions and their halides or donors."""
    from scipy.spatial import cKDTree

    chosen = np.flatnonzero(kept)
    found = []
    for a, b in cKDTree(points[chosen]).query_pairs(4.0):
        i, j = int(chosen[a]), int(chosen[b])
        length = np.linalg.norm(points[i] - points[j])
        large = (
            max(covalent_radii[numbers[i]], covalent_radii[numbers[j]]) > 2.0
        )  # alkali ions have no sticks
        same = numbers[i] == numbers[j] and not (ligand[i] and ligand[j])
        if not large and not same:
            limit = BOND_FACTOR * (covalent_radii[numbers[i]] + covalent_radii[numbers[j]])
            hydrogen = 1 in (numbers[i], numbers[j]) and not (ligand[i] and ligand[j])
            if length < limit and not hydrogen:
                found.append((i, j))
    return found


def _colour(number: int) -> str:
    from matplotlib.colors import to_hex

    symbol = chemical_symbols[number]
    return CLEARER_COLOURS.get(symbol, to_hex(jmol_colors[number]))


def _paler(colour: str, share: float) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return tuple(1 - (1 - np.array(to_rgb(colour))) * (1 - share))


def _legend(figure, scenes: Sequence[Scene]) -> None:
    from matplotlib.lines import Line2D

    shown = {int(z) for scene in scenes if scene.atoms is not None for z in scene.atoms.numbers}
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            markersize=7,
            markerfacecolor=_colour(z),
            markeredgecolor="#202020",
            label=chemical_symbols[z],
        )
        for z in sorted(shown, reverse=True)
    ]
    if any(scene.empty for scene in scenes):
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker="o",
                markersize=8,
                markerfacecolor="none",
                markeredgecolor="#505050",
                label="taken out",
            )
        )
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=min(len(handles), 12),
        frameon=False,
        fontsize=8,
        handletextpad=0.1,
        columnspacing=1.0,
        borderpad=0.1,
    )
