"""Figures of densities of states and of single states, from numbers computed elsewhere."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from peropass.report.level_diagram import SVG_SETTINGS

# Okabe-Ito palette with line styles, so that eight curves differ in grey too
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999")
DASHES = ("-", "--", "-.", ":")
# around the plane of a state: height axis, colour bar, lateral axis, title
LEFT_IN, RIGHT_IN, BELOW_IN, ABOVE_IN = 0.5, 0.85, 0.45, 0.5
MOST_HEIGHT_IN = 8.0  # of the plane itself
EDGE_SHARE = 0.05  # of the width: symbols this near to a side are written inside of it


def density_figure(
    grid_eV: np.ndarray,
    by_layer: dict[str, np.ndarray],
    by_orbital: dict[str, np.ndarray],
    *,
    zero_eV: float,
    gap_eV: float,
    title: str = "",
    most: int = 8,
) -> Figure:
    """Layer-resolved density of states (offset curves) above the orbital-projected one.

    Parameters
    ----------
    grid_eV : array (n,)
        Energies on the calculation's own scale.
    by_layer, by_orbital : dict of array (n,)
        Densities in states/eV per cell.
    zero_eV, gap_eV : float
        Valence edge of the pristine slab on the same scale, and its gap: drawn as shading.
    most : int
        Orbitals drawn by name; the rest is summed.
    """
    energy = np.asarray(grid_eV) - zero_eV
    with rc_context(SVG_SETTINGS):
        figure = Figure(figsize=(5.2, 5.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        step = 1.05 * max((float(np.max(d)) for d in by_layer.values()), default=1.0)
        names = sorted(by_layer, key=_from_bottom_to_top)
        for i, name in enumerate(names):
            upper.fill_between(
                energy, i * step, i * step + by_layer[name], color="#0072b2", alpha=0.5
            )
            upper.plot(energy, i * step + by_layer[name], color="#0072b2", linewidth=0.8)
        upper.set_yticks([i * step for i in range(len(names))], names)
        upper.set_title("by layer (same scale)", fontsize=9)
        shown = sorted(by_orbital, key=lambda name: -float(np.sum(by_orbital[name])))
        for i, name in enumerate(shown[:most]):
            lower.plot(
                energy,
                by_orbital[name],
                DASHES[i % 4],
                color=COLOURS[i % 8],
                label=name,
                linewidth=1.2,
            )
        if shown[most:]:
            rest = np.sum([by_orbital[name] for name in shown[most:]], axis=0)
            lower.plot(energy, rest, color="#999999", linewidth=0.8, label="others")
        lower.set_ylabel("states / (eV cell)")
        lower.set_xlabel("energy above the valence edge of the pristine slab (eV)")
        lower.set_title("by element and orbital", fontsize=9)
        lower.legend(fontsize=7, ncols=3, frameon=False)
        for ax in (upper, lower):
            ax.axvspan(0.0, gap_eV, color="#f0e442", alpha=0.25, linewidth=0)
            ax.set_xlim(float(energy[0]), float(energy[-1]))
        if title:
            figure.suptitle(title)
    return figure


def state_figure(
    density_per_ang3: np.ndarray,
    extent_ang: np.ndarray,
    *,
    atoms: list[tuple[str, float, float]] | None = None,
    title: str = "",
    width_in: float = 4.0,
) -> Figure:
    """Pseudo density of one state on a plane, lateral axis across, surface normal up.

    Parameters
    ----------
    density_per_ang3 : array (n, m)
        Along the in-plane lateral axis, along the normal.
    extent_ang : array (2,)
        Lengths of the two axes.
    atoms : list of (symbol, lateral position, height), optional
        Marked with their symbols.
    width_in : float
        Width of the figure; its height follows from the plane.
    """
    ratio = float(extent_ang[1]) / float(extent_ang[0])
    across = width_in - LEFT_IN - RIGHT_IN
    up = min(MOST_HEIGHT_IN, across * ratio)
    across = up / ratio
    height_in = BELOW_IN + up + ABOVE_IN
    edge = EDGE_SHARE * float(extent_ang[0])
    with rc_context(SVG_SETTINGS):
        figure = Figure(figsize=(width_in, height_in))
        bottom, share = BELOW_IN / height_in, up / height_in
        ax = figure.add_axes((LEFT_IN / width_in, bottom, across / width_in, share))
        image = ax.imshow(
            1000.0 * np.asarray(density_per_ang3).T,
            origin="lower",
            extent=(0.0, float(extent_ang[0]), 0.0, float(extent_ang[1])),
            cmap="cividis",
            aspect="auto",
            interpolation="bilinear",
        )
        for symbol, x, z in atoms or []:
            side = "left" if x < edge else "right" if x > float(extent_ang[0]) - edge else "center"
            ax.text(x, z, symbol, color="white", ha=side, va="center", fontsize=7, parse_math=False)
        ax.set_xlabel("along the surface (\u212b)")
        ax.set_ylabel("height (\u212b)")
        beside = ((LEFT_IN + across + 0.1) / width_in, bottom, 0.12 / width_in, share)
        figure.colorbar(
            image,
            cax=figure.add_axes(beside),
            label="pseudo density (10$^{-3}$ \u212b$^{-3}$)",
            ticks=MaxNLocator(5),
        )
        if title:
            figure.text(0.5, 1 - 0.06 / height_in, title, ha="center", va="top", fontsize=9)
    return figure


def _from_bottom_to_top(name: str) -> tuple[int, int]:
    """Sort key: deepest layer first, ligand last."""
    if name == "ligand":
        return (1, 0)
    return (0, -int(name.split()[-1]))
