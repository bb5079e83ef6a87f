"""Aligned level diagram: pristine, defective and passivated slab on one energy axis.

`diagram_columns` puts records and a trap report into plain data; `draw_level_diagram` draws them.
Classes differ in colour (Okabe-Ito palette, safe for colour-blind readers), line style and letter, so
that the figure also reads in grey.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from peropass.records import GapState, LevelSet, LevelsRecord, SiteRecord, TrapReport

SHOWN_BEYOND_EDGE_EV = 0.8
LETTER_STEP = 0.04  # of the energy range
KIND_TITLES = {
    "scalar": "without spin-orbit coupling",
    "soc": "with spin-orbit coupling",
    "hse_soc": "HSE06 with spin-orbit coupling",
}
BAND = "#b0b0b0"
# label -> colour, line style, line width, letter
STYLES = {
    "band": ("#404040", "solid", 0.8, ""),
    "host-like": ("#404040", "solid", 1.4, "h"),
    "surface-resonance": ("#0072b2", (0, (6, 1.5)), 1.6, "r"),
    "shallow": ("#56b4e9", (0, (3, 1)), 1.8, "s"),
    "localised-trap": ("#d55e00", "solid", 3.0, "T"),
    "ligand-level": ("#009e73", (0, (5, 1, 1, 1)), 3.0, "L"),
}
MEANINGS = {
    "host-like": "host-like",
    "surface-resonance": "surface resonance",
    "shallow": "shallow",
    "localised-trap": "localised trap",
    "ligand-level": "ligand level",
}
SVG_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "peropass", "font.size": 9}


@dataclass(frozen=True)
class DrawnLevel:
    """One horizontal line: energy above the pristine valence edge, filling 0..1, class."""

    energy_eV: float
    filling: float
    label: str
    character: str = ""


@dataclass(frozen=True)
class Column:
    """Levels of one slab."""

    name: str
    levels: list[DrawnLevel] = field(default_factory=list)


@dataclass(frozen=True)
class Panel:
    """Columns of one level of theory and the gap of the pristine slab at that level."""

    kind: str
    gap_eV: float
    columns: list[Column]

    def as_data(self) -> dict:
        """Plain dictionaries and lists, ready for JSON."""
        return asdict(self)


def diagram_panels(
    pristine: LevelsRecord, socket: LevelsRecord, loaded: LevelsRecord, report: TrapReport
) -> list[Panel]:
    """Panels of the figure: the lower levels of theory that the report has, then the deciding one.

    Shifts and classes come from the report; nothing is classified here.
    """
    slabs = (pristine, socket, loaded)
    panels = []
    for kind in ("scalar", "soc"):
        gap = getattr(report, f"gap_{kind}_pristine_eV")
        if gap is not None:
            states = tuple(getattr(report, f"states_{when}_{kind}") for when in ("before", "after"))
            panels.append(_panel(kind, gap, slabs, report, states))
    states = (report.states_before, report.states_after)
    return [*panels, _panel(report.levels, report.gap_pristine_eV, slabs, report, states)]


def site_panels(pristine: LevelsRecord, system: LevelsRecord, record: SiteRecord) -> list[Panel]:
    """The same for a slab against the pristine one alone, from its site record."""
    panels = []
    for kind, gap, states in (
        ("scalar", record.gap_scalar_pristine_eV, record.states_scalar),
        ("soc", record.gap_soc_pristine_eV, record.states_soc),
        (record.levels, record.gap_pristine_eV, record.states),
    ):
        if gap is None:
            continue
        zero = valence_edge(getattr(pristine, kind))
        loaded = record.address.candidate != "none"
        names = ("pristine", "with ligand" if loaded else record.address.site)
        columns = [Column(names[0], _levels(getattr(pristine, kind), zero, gap, []))]
        if loaded or record.address.site != "pristine":
            shifted = zero + (record.alignment_eV or 0.0)
            columns.append(Column(names[1], _levels(getattr(system, kind), shifted, gap, states)))
        panels.append(Panel(kind=kind, gap_eV=gap, columns=columns))
    return panels


def draw_level_diagram(panels: list[Panel], title: str = "") -> Figure:
    """Figure with one set of axes per panel, sharing the energy axis."""
    with rc_context(SVG_SETTINGS):
        figure = Figure(figsize=(1.2 + 2.9 * len(panels), 3.9), layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        high = max(panel.gap_eV for panel in panels) + SHOWN_BEYOND_EDGE_EV
        for ax, panel in zip(axes, panels, strict=True):
            _draw_panel(ax, panel, high)
        axes[0].set_ylabel("energy above the valence edge\nof the pristine slab (eV)")
        if title:
            figure.suptitle(title)
        used = {level.label for p in panels for c in p.columns for level in c.levels}
        handles = [
            figure.axes[0].plot(
                [], [], color=c, linestyle=s, linewidth=w, label=f"{letter}  {text}"
            )[0]
            for label, text in MEANINGS.items()
            if label in used
            for c, s, w, letter in [STYLES[label]]
        ]
        marks = [
            figure.axes[0].plot([], [], "ko", markersize=4, markerfacecolor=face, label=text)[0]
            for face, text in (("k", "filled"), ("w", "empty"))
        ]
        figure.legend(
            handles=[*handles, *marks], loc="outside lower center", ncols=4, frameon=False
        )
    return figure


def level_diagram_svg(
    pristine: LevelsRecord,
    socket: LevelsRecord,
    loaded: LevelsRecord,
    report: TrapReport,
    title: str = "",
) -> str:
    """The diagram as SVG text for a page: same input, same text."""
    return figure_svg(draw_level_diagram(diagram_panels(pristine, socket, loaded, report), title))


def save_level_diagram(
    path: str | Path,
    pristine: LevelsRecord,
    socket: LevelsRecord,
    loaded: LevelsRecord,
    report: TrapReport,
    title: str = "",
) -> Path:
    """Write the diagram in the format of the file's suffix (pdf, svg, png)."""
    figure = draw_level_diagram(diagram_panels(pristine, socket, loaded, report), title)
    return save_figure(figure, path)


def figure_svg(figure: Figure, dpi: float = 100) -> str:
    """SVG element of a figure, without XML prologue, date or other things that change; `dpi` of the images in it."""
    stream = io.StringIO()
    with rc_context(SVG_SETTINGS):
        figure.savefig(stream, format="svg", dpi=dpi, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure by its suffix; PDF and SVG carry no date, so that reruns give equal files."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    dated = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    with rc_context(SVG_SETTINGS):
        figure.savefig(path, dpi=200, metadata=dated.get(path.suffix))
    return path


def _panel(
    kind: str,
    gap: float,
    records: tuple[LevelsRecord, LevelsRecord, LevelsRecord],
    report: TrapReport,
    states: tuple[list[GapState], list[GapState]],
) -> Panel:
    edge = valence_edge(getattr(records[0], kind))
    shifts = (0.0, report.alignment_before_eV or 0.0, report.alignment_eV)
    names = ("pristine", "defect", "passivated")
    columns = [
        Column(name, _levels(getattr(record, kind), edge + shift, gap, found))
        for name, record, shift, found in zip(names, records, shifts, ([], *states), strict=True)
    ]
    return Panel(kind=kind, gap_eV=gap, columns=columns)


def valence_edge(levels: LevelSet) -> float:
    """Energy of the highest filled state (eV), on the calculation's own scale."""
    return max(e for e, f in zip(levels.energies_eV, levels.filling, strict=True) if f > 0.5)


def spin_polarised(record: LevelsRecord | None) -> bool:
    """Whether the levels without spin-orbit coupling, which alone have a spin, come in two."""
    return record is not None and record.scalar is not None and len(set(record.scalar.spin)) > 1


def _levels(levels, zero_eV: float, gap: float, states: list[GapState]) -> list[DrawnLevel]:
    """Band levels around the gap, one line per degenerate level, then the classified ones inside."""
    drawn: dict[float, DrawnLevel] = {}
    for energy, filling in zip(levels.energies_eV, levels.filling, strict=True):
        above = energy - zero_eV
        inside = 1e-3 < above < gap - 1e-3
        if inside or not -SHOWN_BEYOND_EDGE_EV <= above <= gap + SHOWN_BEYOND_EDGE_EV:
            continue
        drawn.setdefault(round(above, 2), DrawnLevel(round(above, 4), filling, "band"))
    found = [
        DrawnLevel(round(s.energy_above_vbm_eV, 4), s.filling, s.label, s.character) for s in states
    ]
    return sorted([*drawn.values(), *found], key=lambda level: level.energy_eV)


def _draw_panel(ax, panel: Panel, high: float) -> None:
    low = -SHOWN_BEYOND_EDGE_EV
    ax.axhspan(low, 0.0, color=BAND, alpha=0.35, linewidth=0)
    ax.axhspan(panel.gap_eV, high, color=BAND, alpha=0.35, linewidth=0)
    for x, column in enumerate(panel.columns):
        for level in column.levels:
            _draw_level(ax, x, level)
        lettered = [level for level in column.levels if STYLES[level.label][3]]
        _letter_levels(ax, x, lettered, LETTER_STEP * (high - low))
    ax.set_xlim(-0.55, len(panel.columns) - 0.45)
    ax.set_ylim(low, high)
    ax.set_xticks(range(len(panel.columns)), [c.name for c in panel.columns])
    ax.tick_params(axis="x", length=0)
    ax.set_title(
        f"{KIND_TITLES[panel.kind]}\ngap of the pristine slab {panel.gap_eV:.2f} eV", fontsize=9
    )
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _draw_level(ax, x: float, level: DrawnLevel) -> None:
    colour, style, width, letter = STYLES[level.label]
    ax.plot(
        [x - 0.36, x + 0.36], [level.energy_eV] * 2, color=colour, linestyle=style, linewidth=width
    )
    if level.label == "band":
        return
    face = colour if level.filling > 0.8 else "white" if level.filling < 0.2 else "#f0e442"
    ax.plot(x, level.energy_eV, "o", markersize=4, color=colour, markerfacecolor=face)


def _letter_levels(ax, x: float, levels: list[DrawnLevel], step_eV: float) -> None:
    """One letter right of each level, pushed up where it would cover the one below."""
    previous = float("-inf")
    for level in levels:
        colour, *_, letter = STYLES[level.label]
        height = max(level.energy_eV, previous + step_eV)
        ax.annotate(letter, (x + 0.39, height), color=colour, va="center", fontsize=8)
        previous = height
