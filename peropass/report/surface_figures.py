"""Figures over the chemical potential window: vacancies and surface energies."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from peropass.report.electronic_figures import COLOURS, DASHES
from peropass.report.level_diagram import SVG_SETTINGS


def window_figure(
    dmu_eV: np.ndarray,
    curves: dict[str, np.ndarray],
    *,
    salt: str,
    ylabel: str,
    poor_phase: str,
    rich_phase: str,
    title: str = "",
) -> Figure:
    """Lines over dmu = mu(AX) - E(AX), with the phases that end the window named at its sides.

    Parameters
    ----------
    dmu_eV : array (n,)
        Across the window.
    curves : dict of array (n,)
        Name -> formation energies (eV) or surface energies (J/m^2), as `ylabel` says.
    salt : str
        Formula of the A-site salt, e.g. `CsBr`.
    poor_phase, rich_phase : str
        Formulas of the phases at the lower and the upper end.
    """
    with rc_context(SVG_SETTINGS):
        figure = Figure(figsize=(4.6, 3.4), layout="constrained")
        ax = figure.subplots()
        for i, (name, values) in enumerate(curves.items()):
            ax.plot(dmu_eV, values, DASHES[i % 4], color=COLOURS[i % 8], label=name)
        ax.axhline(0.0, color="#808080", linewidth=0.6)
        ax.set_xlim(float(dmu_eV[0]), float(dmu_eV[-1]))
        ax.set_xlabel(f"\u0394\u03bc({salt}) (eV)")
        ax.set_ylabel(ylabel)
        for x, phase, side in ((0.0, poor_phase, "left"), (1.0, rich_phase, "right")):
            ax.text(x, 1.01, phase, transform=ax.transAxes, ha=side, va="bottom", fontsize=8)
        ax.legend(fontsize=8, frameon=False)
        if title:
            ax.set_title(title, fontsize=9, pad=16)
    return figure
