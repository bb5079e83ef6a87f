"""Sites and surfaces for the report: what stands behind each bare slab, its numbers, and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from peropass.analysis.controls import in_words
from peropass.analysis.level_classes import TRAP_LABELS
from peropass.analysis.levels import projected_density, spectrum, state_shares
from peropass.records import ControlsRecord, GapState, LevelsRecord, PotentialPoint, SiteRecord
from peropass.report.electronic_figures import density_figure
from peropass.report.level_diagram import (
    KIND_TITLES,
    Panel,
    draw_level_diagram,
    figure_svg,
    save_figure,
    site_panels,
    spin_polarised,
    valence_edge,
)
from peropass.report.slices import SLICES, Slices, read_slices, shown_states, slice_figure
from peropass.report.surface_figures import window_figure

if TYPE_CHECKING:
    from peropass.report.collect import Reader

SITE_GLOB = "*/*/*/*/*/*/site.record.json"  # protocol/host/termination/site/candidate/pose
CONTROLS_FILE = "controls.json"
LEAST_SHARE = 0.02  # of a state; smaller ones are not listed
DENSITY_POINTS = 200
DENSITY_BEYOND_EV = 1.2
DENSITY_WIDTH_EV = 0.05
WINDOW_FIGURES = {
    "surface": ("surface_J_per_m2", "surface energy (J/m\u00b2)"),
    "formation": ("formation_eV", "formation energy (eV per cell)"),
}
WINDOW_WORDS = {"surface": "Surface energies", "formation": "Formation energies of the defects"}


@dataclass(frozen=True)
class SiteEvidence:
    """A site record with the levels behind it; None where they are missing."""

    file: str
    record: SiteRecord
    levels: LevelsRecord | None = None
    pristine: LevelsRecord | None = None
    slices: Slices | None = None

    @property
    def name(self) -> str:
        a = self.record.address
        ligand = [] if a.candidate == "none" else [a.candidate]
        return " / ".join([a.host, a.termination, a.site, *ligand])

    @property
    def file_stem(self) -> str:
        return self.name.replace(" / ", ".")


@dataclass(frozen=True)
class SiteView:
    """One site as the page shows it: sentence, table of numbers, flags, SVG figures by caption."""

    name: str
    file: str
    status: str
    words: str
    kind: str
    facts: list[tuple[str, str]]
    flags: list[str]
    states: list[dict]
    scalar_states: list[dict]
    figures: list[tuple[str, str]] = field(default_factory=list)


def collect_sites(reader: Reader) -> list[SiteEvidence]:
    """Every site record below the campaign folder that can be read, with what stands beside it."""
    found = []
    for path in sorted(reader.folder.glob(SITE_GLOB)):
        if any(part.startswith("work-") for part in path.parts):
            continue
        record = reader.record(path, SiteRecord)
        if record is None:
            continue
        site = path.parents[2]
        pristine = site.parent / "pristine" / "none" / "none" / "levels.record.json"
        found.append(
            SiteEvidence(
                reader.relative(path),
                record,
                reader.shared(path.with_name("levels.record.json"), LevelsRecord),
                reader.shared(pristine, LevelsRecord),
                read_slices(path.with_name(SLICES)),
            )
        )
    return found


def collect_controls(reader: Reader) -> ControlsRecord | None:
    """The table of controls, where the campaign has one."""
    path = reader.folder / CONTROLS_FILE
    return reader.record(path, ControlsRecord) if path.exists() else None


def window_views(evidence: Sequence[SiteEvidence]) -> list[tuple[str, str]]:
    """Caption and SVG of each figure over the chemical potentials."""
    return [
        (_window_caption(name), figure_svg(figure))
        for name, figure in surface_figures(evidence).items()
    ]


def site_figures(one: SiteEvidence) -> dict[str, Figure]:
    """Name -> figure, those whose data are there: level diagram, densities of states, slices of states."""
    if one.record.n_traps is None or one.levels is None or one.pristine is None:
        return {}
    figures = {"levels": draw_level_diagram(panels_of(one))}
    figures["density"] = densities(
        one.levels,
        one.pristine,
        one.record.levels,
        shift_eV=one.record.alignment_eV,
        gap_eV=one.record.gap_pristine_eV,
        title=one.name,
    )
    if one.slices is not None:
        zero = valence_edge(one.pristine.scalar) + one.record.alignment_eV
        for n in shown_states(one.slices):
            figures[f"state-{n}"] = slice_figure(one.slices, one.levels, n, zero)
    return figures


def panels_of(one: SiteEvidence) -> list[Panel]:
    """Panels of the aligned level diagram: pristine against this slab."""
    return site_panels(one.pristine, one.levels, one.record)


def densities(
    levels: LevelsRecord,
    pristine: LevelsRecord,
    kind: str,
    *,
    shift_eV: float,
    gap_eV: float,
    title: str,
) -> Figure:
    """Layer-resolved and projected densities of states of a slab around the gap of the pristine one."""
    zero = valence_edge(getattr(pristine, kind)) + shift_eV
    grid = np.linspace(zero - DENSITY_BEYOND_EV, zero + gap_eV + DENSITY_BEYOND_EV, DENSITY_POINTS)
    parts = [
        projected_density(levels, kind, by, grid, DENSITY_WIDTH_EV) for by in ("layer", "orbital")
    ]
    return density_figure(grid, *parts, zero_eV=zero, gap_eV=gap_eV, title=title)


def surface_figures(evidence: Sequence[SiteEvidence]) -> dict[str, Figure]:
    """Host -> figures of what the chemical potentials make of its surfaces and defects, where two phases are known."""
    figures: dict[str, Figure] = {}
    for host in sorted({one.record.address.host for one in evidence}):
        records = [
            one.record
            for one in evidence
            if one.record.address.host == host and len(one.record.points) > 1
        ]
        for name, (what, label) in WINDOW_FIGURES.items():
            curves = {k: v for r in records for k, v in _curves(r, what).items()}
            if curves:
                figures[f"{host}.{name}"] = _window(records, curves, label)
    return figures


def _curves(record: SiteRecord, what: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> (dmu, values) of one slab; a defect that needs a halide potential has a line for either end of it."""
    name = f"{record.address.termination} {record.address.site}"
    ordered = sorted(record.points, key=lambda p: p.dmu_eV)
    found = {name: [getattr(p, what) for p in ordered]}
    if what == "formation_eV" and all(p.halide for p in ordered):
        ends = [p.halide for p in ordered]
        poor = ", ".join(dict.fromkeys(end.poor_phase for end in ends))
        found[f"{name}, with {poor}"] = [end.poor_formation_eV for end in ends]
        found[f"{name}, with {ends[0].rich_phase}"] = [end.rich_formation_eV for end in ends]
    dmu = np.array([p.dmu_eV for p in ordered])
    return {k: (dmu, np.array(v)) for k, v in found.items() if None not in v}


def _window(
    records: Sequence[SiteRecord], curves: dict[str, tuple[np.ndarray, np.ndarray]], label: str
) -> Figure:
    """The curves over the window; its limits are those of the host, hence the same in each record."""
    points = records[0].points
    return window_figure(
        curves,
        {p.phase: p.dmu_eV for p in points},
        window_eV=_allowed(points),
        salt=next(p.phase for p in points if p.dmu_eV == 0.0),
        ylabel=label,
        note=records[0].thermo_note,
    )


def _allowed(points: Sequence[PotentialPoint]) -> tuple[float, float] | None:
    """Lowest and highest chemical potential that no known phase forbids."""
    inside = [p.dmu_eV for p in points if p.inside is not False]
    return (min(inside), max(inside)) if inside else None


def _window_caption(name: str) -> str:
    host, what = name.rsplit(".", 1)
    return (
        f"{WINDOW_WORDS[what]} of {host} over the chemical potential of its A-site salt. Dotted: in equilibrium with the phase named; "
        "shaded: no phase that was computed is more stable than the host."
    )


def site_view(one: SiteEvidence, figures: bool = True) -> SiteView:
    """What the page shows of one site."""
    record = one.record
    words = in_words(record) if record.n_traps is not None else f"{record.status}: {record.reason}"
    drawn = site_figures(one) if figures else {}
    return SiteView(
        name=one.name,
        file=one.file,
        status=record.status,
        words=words,
        kind=KIND_TITLES[record.levels],
        facts=_facts(record),
        flags=list(record.flags),
        states=_states(one, record.levels, record.states),
        scalar_states=_states(one, "scalar", record.states_scalar)
        if spin_polarised(one.levels)
        else [],
        figures=[(_caption(name), figure_svg(figure)) for name, figure in drawn.items()],
    )


def _states(one: SiteEvidence, kind: str, states: Sequence[GapState]) -> list[dict]:
    """Rows of the table of states at one level of theory; spin where states of this kind have one."""
    spins = ("up", "down") if kind == "scalar" and spin_polarised(one.levels) else ("", "")
    return [
        {
            "label": s.label,
            "spin": spins[s.spin],
            "trap": s.label in TRAP_LABELS,
            "above": s.energy_above_vbm_eV,
            "depth": s.depth_eV,
            "percent": 100 * s.depth_fraction,
            "filling": s.filling,
            "character": s.character,
            "participation": s.participation_ratio,
            "defect": s.defect_weight,
            "layers": layers,
            "orbitals": orbitals,
            "rule": s.rule,
        }
        for s, (layers, orbitals) in zip(states, _shares(one, kind, states), strict=True)
    ]


def _shares(one: SiteEvidence, kind: str, states: Sequence[GapState]) -> list[tuple[str, str]]:
    """Where each state lives, by layer and by element and orbital, in words; empty without levels."""
    if one.levels is None or getattr(one.levels, kind) is None:
        return [("", "")] * len(states)
    levels = spectrum(one.levels, kind)
    return [
        tuple(
            ", ".join(
                f"{name} {share:.2f}" for name, share in shares.items() if share >= LEAST_SHARE
            )
            for shares in state_shares(one.levels, levels, state.index, state.spin, state.kpoint)
        )
        for state in states
    ]


def _caption(name: str) -> str:
    if name == "levels":
        return "Levels aligned on the pristine slab, without and with spin-orbit coupling."
    if name == "density":
        return "Density of states by layer and by orbital; the gap of the pristine slab is shaded."
    return "Pseudo density of one state on a plane through the atom that holds most of it."


def _facts(record: SiteRecord) -> list[tuple[str, str]]:
    def ev(value: float | None) -> str:
        return "\u2013" if value is None else f"{value:.3f} eV"

    facts = [
        ("composition", " ".join(f"{e}{n}" for e, n in record.composition.items())),
        (
            "gap with spin-orbit coupling",
            f"{ev(record.gap_eV)} (pristine {ev(record.gap_pristine_eV)})",
        ),
        (
            "gap without",
            f"{ev(record.gap_scalar_eV)} (pristine {ev(record.gap_scalar_pristine_eV)})",
        ),
        (
            "ionisation energy",
            f"{ev(record.ionisation_energy_eV)} (pristine {ev(record.ionisation_energy_pristine_eV)})",
        ),
        (
            "alignment",
            f"{ev(record.alignment_eV)}, spread {ev(record.alignment_spread_eV)}; vacuum level "
            f"{ev(record.vacuum_alignment_eV)}, semicore levels {ev(record.semicore_alignment_eV)}; "
            f"margin {ev(record.margin_eV)}",
        ),
    ]
    facts += [_point_fact(point) for point in record.points]
    if record.thermo_note:
        facts.append(("chemical potentials", record.thermo_note))
    return facts


def _point_fact(point: PotentialPoint) -> tuple[str, str]:
    """What a slab costs at one end of the chemical potentials; a range where the halide's own is free."""
    inside = {True: "", False: ", outside the window", None: ""}[point.inside]
    if point.surface_J_per_m2 is not None:
        return (
            f"surface energy with {point.phase}{inside}",
            f"{point.surface_J_per_m2:.3f} J/m\u00b2",
        )
    if point.halide is not None:
        ends = point.halide
        value = (
            f"{ends.poor_formation_eV:.2f} (with {ends.poor_phase}) to {ends.rich_formation_eV:.2f} "
            f"(with {ends.rich_phase}) eV per cell"
        )
    else:
        value = f"{point.formation_eV:.2f} eV per cell"
    return f"formation energy with {point.phase}{inside}", value


def write_site_figures(evidence: Sequence[SiteEvidence], folder: Path) -> list[Path]:
    """The figures of every site and host as SVG and PDF."""
    written = []
    for one in evidence:
        for name, figure in site_figures(one).items():
            written += [
                save_figure(figure, folder / f"site-{name}.{one.file_stem}.{suffix}")
                for suffix in ("svg", "pdf")
            ]
    for name, figure in surface_figures(evidence).items():
        written += [save_figure(figure, folder / f"window.{name}.{s}") for s in ("svg", "pdf")]
    return written
