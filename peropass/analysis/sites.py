"""One slab against the pristine one: its levels inside the gap, and what its defect costs to make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from peropass.analysis import levels as lv
from peropass.analysis.alignment import Alignment
from peropass.analysis.gap_levels import GapLevels, HostGap, SlabPair, own_edge_traps, pair_slabs
from peropass.analysis.level_classes import Thresholds
from peropass.analysis.surface_thermo import (
    EV_PER_ANG2_IN_J_PER_M2,
    Phases,
    chemical_window,
    defect_formation_energy,
    halide_window,
    halides_beyond_salts,
    phases_from_records,
    surface_energy,
)
from peropass.errors import AnalysisRefused, MissingTerm, SettingsMismatch
from peropass.records import (
    CalculationRecord,
    EosRecord,
    HalideEnds,
    LevelsRecord,
    PotentialPoint,
)


def trap_fields(
    pristine: LevelsRecord, system: LevelsRecord, thresholds: Thresholds | None = None
) -> dict:
    """Fields of a `SiteRecord` that follow from levels.

    Hybrid levels decide where both slabs have them, else those of the functional, always with spin-orbit
    coupling; lower levels of theory are listed beside them. The count is repeated with the slab shifted by plus and minus the error of the alignment
    and with the margin not widened: `n_traps_low` and `n_traps_high` are its extremes. Of the pristine slab itself
    those edges are counted that are localised levels, since its own gap holds no level by definition.

    Raises
    ------
    AnalysisRefused
        As `gap_levels.gap_states`.
    """
    limits = thresholds or Thresholds()
    kind: lv.LevelKind = "hse_soc" if pristine.hse_soc and system.hse_soc else "soc"

    host, pair = HostGap(pristine, kind), pair_slabs(pristine, system)
    variants = GapLevels(host, pair, limits).variants
    found, counts = variants[0], [variant.n_all for variant in variants]
    besides = _beside_fields(pristine, system, kind, pair, limits)
    edges = own_edge_traps(pristine, kind=kind, thresholds=limits)
    own = pristine.address == system.address
    if own:  # its window is its own gap: what can be a trap are its edges
        counts = [len(edges)]
    name = "slab"
    return {
        "levels": kind,
        "thresholds": {key: float(value) for key, value in asdict(limits).items()},
        "margin_eV": found.margin_eV,
        **_alignment_fields(found.alignment),
        "gap_pristine_eV": found.gap_pristine_eV,
        "gap_eV": found.gap_eV,
        "ionisation_energy_eV": found.ionisation_energy_eV,
        "ionisation_energy_pristine_eV": host.ionisation_energy_eV,
        "states": found.states,
        "n_traps": len(edges) if own else found.n_traps,
        "n_ligand_levels": found.n_ligand_levels,
        "n_traps_low": min(counts),
        "n_traps_high": max(counts),
        **besides,
        "checks": found.alignment.checks(name),
        "flags": [
            *found.alignment.flags(name),
            *(f"pristine slab: {text}" for text in edges),
            *found.flags,
        ],
    }


def _beside_fields(
    pristine: LevelsRecord,
    system: LevelsRecord,
    deciding: lv.LevelKind,
    pair: SlabPair,
    limits: Thresholds,
) -> dict:
    """Fields for the levels of theory below the deciding one that both slabs have."""
    fields: dict = {}
    for kind in ("scalar", "soc"):
        if kind != deciding and getattr(pristine, kind) and getattr(system, kind):
            found = GapLevels(HostGap(pristine, kind), pair, limits).analyse()
            fields |= {
                f"gap_{kind}_pristine_eV": found.gap_pristine_eV,
                f"gap_{kind}_eV": found.gap_eV,
                f"states_{kind}": found.states,
                f"n_traps_{kind}": found.n_all,
            }
    return fields


def _alignment_fields(alignment: Alignment) -> dict:
    return {
        "alignment_eV": alignment.shift_eV,
        "alignment_spread_eV": alignment.spread_eV,
        "alignment_error_eV": alignment.uncertainty_eV,
        "vacuum_alignment_eV": alignment.vacuum_shift_eV,
        "semicore_alignment_eV": alignment.semicore_shift_eV,
    }


def thermo_fields(
    pristine: CalculationRecord,
    system: CalculationRecord,
    bulk: Sequence[EosRecord | CalculationRecord],
    ions: tuple[str, str, str],
) -> dict:
    """Fields of a `SiteRecord` that follow from energies: at each phase that ends the chemical potentials.

    A phase that is missing or failed gives no point. Defects that are made by removing neutral salts of the host have one
    formation energy at each; others have a range from halide-poor to halide-rich, and are left out with the reason where
    metal B or X2 was not computed.
    """
    removed = removed_atoms(pristine, system)
    fields: dict = {"removed": removed}
    try:
        phases, missing = _phases(bulk, ions)
        points = [
            _point(phase, dmu, inside, pristine, system, removed, ions, phases)
            for phase, dmu, inside in _ends(phases, ions)
        ]
    except (AnalysisRefused, MissingTerm, SettingsMismatch) as refusal:
        return {**fields, "thermo_note": str(refusal)}
    notes = [f"no {', '.join(missing)}"] if missing else []
    if not np.isnan(phases.bx2):
        width = chemical_window(phases).width_eV
        if width < 0:
            notes.append(f"window empty: the host is unstable by {-width:.3f} eV in mu(AX)")
    if phases.a is None and any(point.halide for point in points):
        notes.append(f"no metallic {ions[0]}: the {ions[2]}-poor end is that of {ions[1]} alone")
    return {**fields, "points": points, "thermo_note": "; ".join(notes)}


def removed_atoms(pristine: CalculationRecord, system: CalculationRecord) -> dict[str, int]:
    """Element -> how many atoms fewer than in the pristine slab (negative: more)."""
    here, there = _composition(pristine), _composition(system)
    counts = {e: here[e] - there[e] for e in sorted({*here, *there})}
    return {element: n for element, n in counts.items() if n}


def _composition(record: CalculationRecord) -> Counter:
    structure = record.final or record.initial
    return Counter(structure.composition if structure else {})


def _phases(
    bulk: Sequence[EosRecord | CalculationRecord], ions: tuple[str, str, str]
) -> tuple[Phases, list[str]]:
    """Phases from the records that are usable; BX2 may be missing, host and AX may not."""
    usable = [r for r in bulk if r.status == "ok" and r.energy is not None]
    missing = [
        f"{r.address.candidate if r.address.candidate != 'none' else r.kind} ({r.status})"
        for r in bulk
        if r not in usable
    ]
    try:
        return phases_from_records(usable, ions), missing
    except MissingTerm as refusal:
        host = _per_unit(usable, dict(zip(ions, (1, 1, 3), strict=True)))
        salt = _per_unit(usable, {ions[0]: 1, ions[2]: 1})
        if host is None or salt is None:
            raise refusal from None
        return Phases(host=host, ax=salt, bx2=float("nan")), [*missing, f"{ions[1]}{ions[2]}2"]


def _per_unit(records: Sequence[EosRecord | CalculationRecord], formula: dict) -> float | None:
    for record in records:
        if isinstance(record, EosRecord) and record.composition == formula:
            return record.energy.total_eV
    return None


def _ends(phases: Phases, ions: tuple[str, str, str]) -> list[tuple[str, float, bool | None]]:
    """(phase, dmu in eV, inside the window) of each phase that is known, from rich to poor in AX."""
    a, b, x = ions
    names = {
        "AX": f"{a}{x}",
        "BX2": f"{b}{x}2",
        "A4BX6": f"{a}4{b}{x}6",
        "AB2X5": f"{a}{b}2{x}5",
    }
    if np.isnan(phases.bx2):
        return [(names["AX"], 0.0, None)]
    window = chemical_window(phases)
    complete = phases.a4bx6 is not None and phases.ab2x5 is not None
    found = []
    for phase, dmu in sorted(window.bounds_eV.items(), key=lambda item: -item[1]):
        within = window.lower_eV - 1e-9 <= dmu <= window.upper_eV + 1e-9
        found.append((names[phase], float(dmu), within if complete or not within else None))
    return found


def _point(
    phase: str,
    dmu: float,
    inside: bool | None,
    pristine: CalculationRecord,
    system: CalculationRecord,
    removed: dict[str, int],
    ions: tuple[str, str, str],
    phases: Phases,
) -> PotentialPoint:
    _refuse_other_cell(pristine, system)
    at = np.array([dmu])
    values: dict = {}
    if not removed:
        values["surface_J_per_m2"] = _surface_energy(system, ions, phases, at)
    elif halides_beyond_salts(removed, ions):
        values["halide"] = _halide_ends(pristine, system, removed, ions, phases, at)
    else:
        energies = (system.energy.total_eV, pristine.energy.total_eV)
        values["formation_eV"] = float(
            defect_formation_energy(*energies, removed, ions, phases, at)[0]
        )
    return PotentialPoint(phase=phase, dmu_eV=dmu, inside=inside, **values)


def _surface_energy(
    system: CalculationRecord, ions: tuple[str, str, str], phases: Phases, at: np.ndarray
) -> float:
    """Surface energy in J/m2 at one value of dmu."""
    cell = np.array(system.cell_ang)
    area = float(np.linalg.norm(np.cross(cell[0], cell[1])))
    composition = dict(_composition(system))
    per_area = surface_energy(system.energy.total_eV, composition, area, ions, phases, at)
    return float(per_area[0]) * EV_PER_ANG2_IN_J_PER_M2


def _halide_ends(
    pristine: CalculationRecord,
    system: CalculationRecord,
    removed: dict[str, int],
    ions: tuple[str, str, str],
    phases: Phases,
    at: np.ndarray,
) -> HalideEnds:
    """Formation energies of a defect that is no set of salts at both ends of mu(X), at one value of dmu."""
    surplus = halides_beyond_salts(removed, ions)
    try:
        window = halide_window(phases, at)
    except MissingTerm:
        lacking = [n for n, e in ((ions[1], phases.b), (f"{ions[2]}2", phases.x)) if e is None]
        raise MissingTerm(
            f"removed {removed}: {surplus:+d} {ions[2]} beyond neutral salts; the chemical potential of {ions[2]} "
            f"is needed, and of its bounds {' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not among the phases"
        ) from None
    energies = (system.energy.total_eV, pristine.energy.total_eV)
    poor, rich = (
        float(defect_formation_energy(*energies, removed, ions, phases, at, potential)[0])
        for potential in (window.poor_eV, window.rich_eV)
    )
    return HalideEnds(
        poor_phase=ions["AB".index(window.poor_phases[0])],
        rich_phase=f"{ions[2]}2",
        poor_mu_eV=float(window.poor_eV[0] - window.rich_eV[0]),
        poor_formation_eV=poor,
        rich_formation_eV=rich,
    )


def _refuse_other_cell(pristine: CalculationRecord, system: CalculationRecord) -> None:
    for record in (pristine, system):
        if record.status != "ok" or record.energy is None:
            raise MissingTerm(
                f"slab {record.address.site}: {record.status} {record.reason}".strip()
            )
    if pristine.settings_hash != system.settings_hash or pristine.kpts != system.kpts:
        raise SettingsMismatch("formation energy: the two slabs differ in settings or k-points")
    if not np.allclose(pristine.cell_ang, system.cell_ang, atol=1e-4):
        raise SettingsMismatch("formation energy: the two slabs differ in their cells")
