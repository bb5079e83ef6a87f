"""Figures for papers, by matplotlib: the ranking with its errors, and the aligned level diagrams.

Colour-blind safe (Okabe-Ito), units on every axis, vector formats, no date in the file: the same records give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from peropass.records import RankedRow
from peropass.report.collect import Collection, Evidence
from peropass.report.level_diagram import SVG_SETTINGS, save_figure, save_level_diagram
from peropass.report.sites import densities, write_site_figures

FORMATS = ("svg", "pdf")
MOST_ROWS = 40
MOST_DIAGRAMS = 30
# class -> colour and marker, both different for each
CLASS_STYLES = {
    "ion-pair": ("#0072b2", "o"),
    "X-type": ("#d55e00", "s"),
    "L-type": ("#009e73", "^"),
    "Z-type": ("#cc79a7", "D"),
    "zwitterion": ("#e69f00", "v"),
    "halide-donor": ("#56b4e9", "P"),
    "substitution": ("#000000", "X"),
    "interface": ("#8a8f94", "h"),
}
OTHER_STYLE = ("#8a8f94", "o")
# field, its error, axis label
ENERGIES = (
    ("vs_native_eV", "vs_native_error_eV", "binding\nagainst native (eV)"),
    ("binding_energy_eV", "binding_error_eV", "binding energy\n(eV)"),
    ("lability_eV", "lability_error_eV", "lability,\nfree energy (eV)"),
)


def ranking_figure(evidence: Sequence[Evidence], most: int = MOST_ROWS) -> Figure:
    """Rank intervals and the energies behind them, best on top; at most `most` ranked rows of one socket.

    Raises
    ------
    ValueError
        The rows belong to more than one socket: ranks of different sockets share no axis.
    """
    sockets = {(e.row.host, e.row.termination, e.row.site) for e in evidence}
    if len(sockets) > 1:
        raise ValueError(f"one figure per socket, found {len(sockets)}")
    ranked = sorted(
        (e for e in evidence if e.row.rank is not None), key=lambda e: (e.row.rank, e.row.candidate)
    )[:most]
    rows = [e.row for e in ranked]
    with rc_context(SVG_SETTINGS):
        figure = Figure(figsize=(9.0, 1.3 + 0.24 * max(1, len(rows))), layout="constrained")
        axes = figure.subplots(1, 1 + len(ENERGIES), sharey=True, width_ratios=(1.3, 1, 1, 1))
        _draw_ranks(axes[0], rows)
        for ax, (value, error, label) in zip(axes[1:], ENERGIES, strict=True):
            _draw_energies(ax, rows, value, error, label)
        axes[0].set_yticks(range(len(rows)), [_label(e) for e in ranked])
        axes[0].set_ylim(len(rows) - 0.4, -0.6)
        used = sorted({row.ligand_class for row in rows})
        handles = [
            axes[1].plot([], [], m, color=c, label=name)[0]
            for name in used
            for c, m in [_style(name)]
        ]
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)
        if sockets:
            figure.suptitle(" / ".join(next(iter(sockets))), fontsize=9)
    return figure


def _label(one: Evidence) -> str:
    # No mathtext: a label is data, and a dollar sign in it is a dollar sign.
    text = one.candidate.label if one.candidate is not None else one.row.candidate
    return (text if len(text) <= 38 else text[:37] + "\u2026").replace("$", r"\$")


def _style(ligand_class: str) -> tuple[str, str]:
    return CLASS_STYLES.get(ligand_class, OTHER_STYLE)


def _draw_ranks(ax: Axes, rows: Sequence[RankedRow]) -> None:
    for y, row in enumerate(rows):
        ax.plot(
            [row.rank_low, row.rank_high],
            [y, y],
            color="#8a8f94",
            linewidth=3,
            solid_capstyle="butt",
        )
        ax.plot(row.rank, y, "o", color="black", markersize=4)
    ax.set_xlabel("rank,\n5th to 95th percentile")
    ax.xaxis.get_major_locator().set_params(integer=True)
    _bare(ax)


def _draw_energies(ax: Axes, rows: Sequence[RankedRow], value: str, error: str, label: str) -> None:
    for y, row in enumerate(rows):
        x = getattr(row, value)
        if x is None:
            continue
        colour, marker = _style(row.ligand_class)
        ax.errorbar(
            x,
            y,
            xerr=getattr(row, error),
            fmt=marker,
            color=colour,
            markersize=5,
            capsize=2,
            linewidth=1,
        )
    ax.axvline(0.0, color="black", linewidth=0.6)
    ax.set_xlabel(label)
    _bare(ax)


def _bare(ax: Axes) -> None:
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color="#e6e7e3", linewidth=0.6)
    ax.set_axisbelow(True)


def write_figures(collection: Collection, folder: str | Path) -> list[Path]:
    """The ranking of every socket, level diagrams of its best rows, and the figures of its sites, as SVG and PDF."""
    folder = Path(folder)
    written: list[Path] = []
    sockets: dict[tuple[str, str, str], list[Evidence]] = {}
    for one in collection.evidence:
        sockets.setdefault((one.row.host, one.row.termination, one.row.site), []).append(one)
    for socket, members in sorted(sockets.items()):
        if not any(e.row.rank is not None for e in members):
            continue
        figure = ranking_figure(members)
        written += [
            save_figure(figure, folder / f"ranking.{'.'.join(socket)}.{suffix}")
            for suffix in FORMATS
        ]
    for one in _with_levels(collection)[:MOST_DIAGRAMS]:
        name = ".".join((one.row.host, one.row.termination, one.row.site, one.row.candidate))
        slabs = (one.pristine_levels, one.socket_levels, one.levels)
        title = _label(one)
        written += [
            save_level_diagram(
                folder / f"levels.{name}.{suffix}", *slabs, one.candidate.traps, title
            )
            for suffix in FORMATS
        ]
        traps = one.candidate.traps
        if not getattr(one.levels, traps.levels).weights:
            continue
        figure = densities(
            one.levels,
            one.pristine_levels,
            traps.levels,
            shift_eV=traps.alignment_eV,
            gap_eV=traps.gap_pristine_eV,
            title=title,
        )
        written += [save_figure(figure, folder / f"density.{name}.{suffix}") for suffix in FORMATS]
    return [*written, *write_site_figures(collection.sites, folder)]


def _with_levels(collection: Collection) -> list[Evidence]:
    """Rows whose levels can be drawn, best rank first."""
    complete = [one for one in collection.evidence if one.has_levels]
    return sorted(complete, key=lambda one: (one.row.rank is None, one.row.rank or 0))
