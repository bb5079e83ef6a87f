"""docs/controls.md: the controls of the trap analysis as they came out, from the records of campaign `controls`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from peropass.analysis.controls import deepest_trap, may_survive, survives
from peropass.errors import RecordError
from peropass.records import ControlRow, ControlsRecord, PotentialPoint, SiteRecord, read_record

Pairs = list[tuple[ControlRow, SiteRecord | None]]
WINDOW_WORDS = {"surface": "Surface energies", "formation": "Formation energies of the defects"}
FOLDER = Path("results/reference/controls")
PAGE = Path("docs/controls.md")
HEAD = """# Controls of the trap analysis

Made from the records in `results/reference/controls` by `peropass docs`. `make controls` runs the campaign
(`config/controls.yaml`) or resumes it; rules and thresholds stand in [traps.md](traps.md). No threshold was changed to make
a control come out: what differs, is undecided or was not run stands here as such. The report of the campaign, with levels, densities
of states and slices of every site, is `results/reference/controls/report.html`.
"""
LIMITS = """
## What these models can decide

Cells of 11 to 16 atoms (34 with F4TCNQ), three layers with one frozen, Gamma of the folded cell. A level of the defect is a band here, and nearly all atoms are
neighbours of the defect, so a filled level deep in the gap can be no more local than the band edge beside it: such rows are undecided. Hybrid eigenvalues are those of PBE
orbitals, not self-consistent, and Gamma alone opens the gap by 0.12 eV more than a 2 x 2 mesh does ([traps.md](traps.md), section 5). An outcome at this level says that the analysis does what it should and where to look; the column `decided by` of the
campaign file names the setting that would settle it.
"""


def controls_page(folder: Path = FOLDER) -> str | None:
    """Text of the page; None where no campaign of controls is committed."""
    file = folder / "controls.json"
    if not file.exists():
        return None
    record = read_record(file, ControlsRecord)
    known = [row for row in record.rows if row.expected != "survey"]
    survey = [row for row in record.rows if row.expected == "survey"]
    sites = {row.name: _site(folder, row) for row in record.rows}
    return "\n".join(
        [
            HEAD,
            f"Settings: {_settings(record)}.",
            "",
            f"Outcomes: {_counts(known)}.",
            "",
            "## Known from elsewhere",
            "",
            "| control | slab | expected (source) | found | outcome |",
            "|---|---|---|---|---|",
            *(_known(row) for row in known),
            "",
            "## Survey: which site has a level that survives spin-orbit coupling",
            "",
            f"{_counts(survey)}.",
            "",
            "| slab | found |",
            "|---|---|",
            *(f"| {_slab(row)} | {_cell(row.found)} |" for row in survey),
            "",
            *_survivors([(row, sites[row.name]) for row in _unique(record.rows)]),
            "",
            "## Alignment and gaps",
            "",
            "Energies in eV; shift against the pristine slab by the atomic potentials of the frozen layer, by the vacuum level below the slab and by",
            "the semicore levels; error as the verdict uses it; gaps of the functional, of it with spin-orbit coupling, and of HSE06 with it; the same of the pristine slab.",
            "",
            "| slab | potentials | spread | vacuum | semicore | error | margin | gap | gap of the pristine slab | largest force |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *(_numbers(row, sites[row.name]) for row in _unique(record.rows) if sites[row.name]),
            "",
            "## Formation and surface energies",
            "",
            *_thermo([(row, sites[row.name]) for row in _unique(record.rows)]),
            *_pictures(folder),
            LIMITS.strip("\n"),
            "",
        ]
    )


def _unique(rows: list[ControlRow]) -> list[ControlRow]:
    return list({row.record: row for row in reversed(rows) if row.record}.values())[::-1]


def _site(folder: Path, row: ControlRow) -> SiteRecord | None:
    if not row.record:
        return None
    try:
        return read_record(folder / row.record, SiteRecord)
    except RecordError:
        return None


def _settings(record: ControlsRecord) -> str:
    energy, slab = record.settings, record.slab
    return (
        f"protocol {record.address.protocol}, {energy['xc']} with {energy['dispersion']}, plane waves to {energy['ecut_eV']:g} eV, "
        f"{slab['lateral']} cell, {slab['layers']} layers of which {slab['frozen_layers']} frozen, height {slab['height_ang']:g} Angstrom, "
        f"settings hash `{record.settings_hash}`"
    )


def _counts(rows: list[ControlRow]) -> str:
    counts = Counter(row.outcome for row in rows)
    return ", ".join(f"{number} {outcome}" for outcome, number in counts.items())


def _slab(row: ControlRow) -> str:
    ligand = f" with {row.candidate}" if row.candidate else ""
    return f"{row.host} {row.termination} {row.site}{ligand}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _known(row: ControlRow) -> str:
    expected = f"{row.expected}: {row.because} ({row.source})"
    found = row.found
    if row.outcome in ("differs", "undecided", "no result") and row.decided_by:
        found += f". Would be decided by: {row.decided_by}"
    cells = (row.name, _slab(row), expected, found, f"**{row.outcome}**")
    return "| " + " | ".join(_cell(text) for text in cells) + " |"


def _survivors(pairs: Pairs) -> list[str]:
    """Every slab with its counts without and with spin-orbit coupling, then the sites whose level survives, deepest first."""
    lines = [
        "Orbitals that are traps inside the gap of the pristine slab (of a pristine slab: edges of its own that are localised levels), at each level of theory.",
        "The last of them that was computed decides; its count is the range within the error of the alignment. Deepest trap: distance to the nearer edge, at that level.",
        "",
        "| slab | functional | with spin-orbit coupling | HSE06 with spin-orbit coupling | deepest trap | survives |",
        "|---|---|---|---|---|---|",
    ]
    judged = [(row, site) for row, site in pairs if site is not None and site.n_traps is not None]
    for row, site in judged:
        trap = deepest_trap(site)
        depth = (
            "-"
            if trap is None
            else f"{trap.depth_eV:.2f} eV ({100 * trap.depth_fraction:.0f} %), {trap.character}"
        )
        word = "yes" if survives(site) else "undecided" if may_survive(site) else "no"
        lines.append(
            f"| {_slab(row)} | {' | '.join(_counted(row, site))} | {_cell(depth)} | {word} |"
        )
    return [*lines, "", *_named(judged)]


def _counted(row: ControlRow, site: SiteRecord) -> tuple[str, str, str]:
    """Traps without coupling, with it, and of hybrid levels with it; the deciding count as a range."""
    # edges of a pristine slab are looked at on the deciding level only
    own = row.site == "pristine" and not row.candidate
    without, coupled = (
        "-" if own or count is None else f"{count}"
        for count in (site.n_traps_scalar, site.n_traps_soc)
    )
    low, high = site.n_traps_low, site.n_traps_high
    decides = f"{low}" if low == high else f"{low} to {high}"
    return (without, coupled, decides) if site.levels == "hse_soc" else (without, decides, "-")


def _named(judged: list[tuple[ControlRow, SiteRecord]]) -> list[str]:
    def depth(site: SiteRecord) -> float:
        trap = deepest_trap(site)
        return trap.depth_fraction if trap else 0.0

    sure = sorted((p for p in judged if survives(p[1])), key=lambda p: -depth(p[1]))
    unsure = [row for row, site in judged if may_survive(site)]
    lines = [
        "Sites with a localised level that survives spin-orbit coupling in every variant of the alignment, deepest first: "
        f"{_slabs([row for row, _ in sure])}."
        if sure
        else "No site that was run has a localised level that survives spin-orbit coupling in every variant of the alignment."
    ]
    if unsure:
        lines.append(f"Undecided in these cells: {_slabs(unsure)}.")
    return lines


def _slabs(rows: list[ControlRow]) -> str:
    return ", ".join(f"`{row.termination} {row.site}` ({row.host})" for row in rows)


def _pictures(folder: Path) -> list[str]:
    """Figures over the chemical potentials that are committed with the campaign, by their names."""
    found = sorted((folder / "figures").glob("window.*.svg"))
    lines = [f"![{_title(file)}](../{FOLDER}/figures/{file.name})" for file in found]
    return [*lines, ""] if lines else []


def _title(file: Path) -> str:
    _, host, what, _ = file.name.split(".")
    return f"{WINDOW_WORDS[what]} of {host} over the chemical potential of its A-site salt"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _numbers(row: ControlRow, site: SiteRecord | None) -> str:
    cells = [
        _slab(row),
        _number(site.alignment_eV),
        _number(site.alignment_spread_eV),
        _number(site.vacuum_alignment_eV),
        _number(site.semicore_alignment_eV),
        _number(site.alignment_error_eV),
        _number(site.margin_eV),
        _gaps(site, site.gap_scalar_eV, site.gap_soc_eV, site.gap_eV),
        _gaps(site, site.gap_scalar_pristine_eV, site.gap_soc_pristine_eV, site.gap_pristine_eV),
        _number(site.fmax_eV_per_ang),
    ]
    return "| " + " | ".join(cells) + " |"


def _gaps(site: SiteRecord, *by_level: float | None) -> str:
    """Gaps without coupling, with it, and hybrid; the last one given is that of the deciding level."""
    without, coupled, decides = (_number(gap, 2) for gap in by_level)
    return (
        f"{without}, {coupled}, {decides}"
        if site.levels == "hse_soc"
        else f"{without}, {decides}, -"
    )


def _formation(point: PotentialPoint) -> str:
    """A number, or the range from halide-poor to halide-rich with the phases that end it."""
    ends = point.halide
    if ends is None:
        return _number(point.formation_eV, 2)
    return (
        f"{ends.poor_formation_eV:.2f} ({ends.poor_phase}, mu({ends.rich_phase.rstrip('2')}) {ends.poor_mu_eV:.2f}) "
        f"... {ends.rich_formation_eV:.2f} ({ends.rich_phase}, 0)"
    )


def _thermo(pairs: Pairs) -> list[str]:
    lines = [
        "At each phase that ends the chemical potentials (section 7 of [traps.md](traps.md)); defects per cell, pristine slabs in J/m2 as the mean of",
        "a relaxed and a frozen face. A defect that lacks or adds halogens beyond neutral salts has a range: the chemical potential of the halogen runs from where a metal",
        "precipitates to where the halogen evolves as a gas; the phases at either end stand beside the numbers.",
        "",
        "| slab | in equilibrium with | mu(AX) - E(AX) / eV | inside the window | formation / eV | surface / J/m2 |",
        "|---|---|---|---|---|---|",
    ]
    notes = []
    for row, site in pairs:
        if site is None:
            continue
        for point in site.points:
            inside = {True: "yes", False: "no", None: "not known"}[point.inside]
            lines.append(
                f"| {_slab(row)} | {point.phase} | {point.dmu_eV:.3f} | {inside} | "
                f"{_formation(point)} | {_number(point.surface_J_per_m2)} |"
            )
        if site.thermo_note:
            notes.append(f"- {_slab(row)}: {site.thermo_note}")
    return [*lines, "", *(["Left out or limited:", "", *notes, ""] if notes else [])]
