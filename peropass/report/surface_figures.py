"""Figures over the chemical potential window: vacancies and surface energies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from peropass.report.electronic_figures import COLOURS, DASHES
from peropass.report.level_diagram import SVG_SETTINGS

MARGIN = 0.06  # of the range, beyond the outermost phases
CROWDED = 0.035  # of the range: phases nearer to each other share a label


def window_figure(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    limits_eV: Mapping[str, float],
    *,
    window_eV: tuple[float, float] | None,
    salt: str,
    ylabel: str,
    note: str = "",
) -> Figure:
    """Lines over dmu = mu(AX) - E(AX), the limit of each phase as a dotted line, the allowed window shaded.

    Parameters
    ----------
    curves
        Name -> (dmu, values), arrays (n,): formation energies (eV) or surface energies (J/m^2), as `ylabel` says.
    limits_eV
        Phase -> dmu at which it is in equilibrium with the host.
    window_eV
        Lowest and highest dmu that no phase forbids; None where there is none.
    salt
        Formula of the A-site salt, e.g. `CsBr`.
    note
        What a reader must know of the window, e.g. that it is empty; stands above the axes.
    """
    with rc_context(SVG_SETTINGS):
        figure = Figure(figsize=(5.2, 3.8), layout="constrained")
        ax = figure.subplots()
        low, high = min(limits_eV.values()), max(limits_eV.values())
        margin = MARGIN * ((high - low) or 1.0)
        ax.set_xlim(low - margin, high + margin)
        if window_eV is not None:
            ax.axvspan(*window_eV, color="#f0e442", alpha=0.3, linewidth=0, label="window")
        for i, (name, (dmu, values)) in enumerate(curves.items()):
            ax.plot(
                dmu,
                values,
                DASHES[i % 4],
                color=COLOURS[i % 8],
                marker=".",
                linewidth=1.3,
                label=name,
            )
        if ax.get_ylim()[0] < 0:
            ax.axhline(0.0, color="#808080", linewidth=0.6)
        _mark_phases(ax, limits_eV)
        ax.set_xlabel(f"\u0394\u03bc({salt}) (eV)")
        ax.set_ylabel(ylabel)
        figure.legend(loc="outside lower center", ncols=2, fontsize=7, frameon=False)
        if note:
            figure.suptitle(note, fontsize=8, wrap=True)
    return figure


def _mark_phases(ax: Axes, limits_eV: Mapping[str, float]) -> None:
    """A dotted line at each limit, the names above the axes; limits that lie close share one."""
    low, high = ax.get_xlim()
    groups: list[list[str]] = []
    for phase in sorted(limits_eV, key=lambda p: limits_eV[p]):
        ax.axvline(limits_eV[phase], color="#808080", linewidth=0.8, linestyle=":")
        near = groups and limits_eV[phase] - limits_eV[groups[-1][0]] <= CROWDED * (high - low)
        if near:
            groups[-1].append(phase)
        else:
            groups.append([phase])
    for group in groups:
        at = float(np.mean([limits_eV[phase] for phase in group]))
        ax.annotate(
            ", ".join(group),
            (at, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            rotation=35,
            ha="left",
            va="bottom",
            fontsize=8,
        )
