"""From levels to a verdict: is the trap of a defect healed, and does the ligand bring a new one?

Each level inside the gap of the pristine slab is named by the rule in `level_classes`; this module feeds
it, counts what it names and compares slabs. See docs/traps.md for formulas and sources.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from peropass.analysis import levels as lv
from peropass.analysis.alignment import Alignment, align
from peropass.analysis.defects import find_defect_atoms, map_to_pristine, refuse_unequal
from peropass.analysis.level_classes import (
    TRAP_LABELS,
    Label,
    StateNumbers,
    Thresholds,
    classify,
)
from peropass.errors import AnalysisRefused
from peropass.records import Check, GapState, LevelsRecord, TrapReport

Verdict = Literal["healed", "partly", "unchanged", "worse", "no-trap-to-heal", "undecided"]


@dataclass(frozen=True)
class GapAnalysis:
    """Levels of one slab inside the gap of the pristine one, deepest first.

    n_traps counts localised levels and n_ligand_levels levels of the ligand, both as orbitals that take
    two electrons, at the k-point that has most.
    """

    kind: lv.LevelKind
    alignment: Alignment
    margin_eV: float
    gap_pristine_eV: float
    gap_eV: float
    states: list[GapState]
    n_traps: int
    n_ligand_levels: int
    ionisation_energy_eV: float | None
    flags: list[str]

    @property
    def n_all(self) -> int:
        return self.n_traps + self.n_ligand_levels

    @property
    def deepest_eV(self) -> float:
        """Depth of the deepest trap or ligand level; 0 where there is none."""
        return max((s.depth_eV for s in self.states if s.label in TRAP_LABELS), default=0.0)


def gap_states(
    pristine: LevelsRecord,
    system: LevelsRecord,
    *,
    kind: lv.LevelKind = "soc",
    defect_atoms: list[int] | None = None,
    thresholds: Thresholds | None = None,
    shift_eV: float = 0.0,
    margin_eV: float | None = None,
) -> GapAnalysis:
    """Classify the levels of `system` inside the gap of `pristine`.

    Parameters
    ----------
    pristine, system : LevelsRecord
        Same settings, k-points, lateral cell, host and termination.
    kind : `scalar`, `soc` or `hse_soc`
        Level of theory of both; edges and levels are never mixed.
    defect_atoms : list of int, optional
        Slab atoms of `system` around the defect; found by comparison with `pristine` if not given.
    shift_eV : float
        Extra shift of the system's levels, to test how far the outcome hangs on the alignment.
    margin_eV : float, optional
        Distance from the edges inside which nothing is a trap, instead of `Thresholds.margin`.

    Raises
    ------
    AnalysisRefused
        A level set, common frozen atoms or a clean gap are missing, or the two slabs do not belong
        together.
    """
    limits = thresholds or Thresholds()
    refuse_unequal(pristine, system)
    alignment = align(pristine, system)
    host, own = lv.spectrum(pristine, kind), lv.spectrum(system, kind)
    vbm, cbm = lv.host_edges(host)
    width = cbm.energy_eV - vbm.energy_eV
    above = own.energies_eV - alignment.shift_eV + shift_eV - vbm.energy_eV
    _refuse_uncovered(own, above, width, system)
    if defect_atoms is None:
        defect_atoms = find_defect_atoms(pristine, system)
    margin = limits.margin(alignment.uncertainty_eV) if margin_eV is None else margin_eV
    context = _Context(
        pristine=pristine,
        system=system,
        vbm=vbm,
        cbm=cbm,
        defect_atoms=defect_atoms,
        defect_atoms_pristine=map_to_pristine(pristine, system, defect_atoms),
        margin_eV=margin,
        limits=limits,
    )
    states: list[GapState] = []
    flags = _height_flags(pristine, system)
    inside = (above > lv.DEGENERACY_EV) & (above < width - lv.DEGENERACY_EV)
    for group in np.unique(own.group[inside]):
        members = np.flatnonzero(own.group == group)
        first = int(members[0])
        if abs(own.energies_eV[first]) < limits.artefact_eV and own.filling[first] < 0.5:
            flags.append(f"level {own.index[first]} at exactly 0.000 eV rejected as an artefact")
            continue
        state = _gap_state(own, members, float(above[members].mean()), width, context)
        states.append(state)
        flags.extend(_state_flags(state, own, members, limits, margin))
    states.sort(key=lambda s: -s.depth_eV)
    return GapAnalysis(
        kind=kind,
        alignment=alignment,
        margin_eV=margin,
        gap_pristine_eV=width,
        gap_eV=lv.gap(own),
        states=states,
        n_traps=_count(states, "localised-trap", own.capacity),
        n_ligand_levels=_count(states, "ligand-level", own.capacity),
        ionisation_energy_eV=_ionisation_energy(system, vbm.energy_eV + alignment.shift_eV),
        flags=flags,
    )


def own_edge_traps(
    record: LevelsRecord, *, kind: lv.LevelKind = "soc", thresholds: Thresholds | None = None
) -> list[str]:
    """Edges of a slab that are themselves localised levels, in words; empty for a clean slab.

    The levels of one band, at the k-point and spin of its edge, are followed from the edge to the first step wider than the margin. What
    lies before it is suspect where each of these levels lives on at most half as many atoms as the median of the ten levels behind.
    Without this test a pristine slab with a surface trap would call its own trap an edge.
    """
    limits = thresholds or Thresholds()
    own = lv.spectrum(record, kind)
    filled = own.filling > 0.5
    found = []
    for name, members, sign in (("VBM", filled, -1.0), ("CBM", ~filled, 1.0)):
        ordered = _levels_from_edge(own, members, sign)
        steps = np.abs(np.diff(own.energies_eV[ordered]))
        wide = np.flatnonzero(steps > limits.margin_eV)
        if not len(wide):
            continue
        before, behind = np.split(ordered, [wide[0] + 1])
        if len(behind) < 2:
            continue
        most = max(lv.participation_number(own.weights[i]) for i in before)
        usual = np.median([lv.participation_number(own.weights[i]) for i in behind[:10]])
        ratio = most / float(usual)
        if ratio <= limits.participation_ratio:
            others = f" with {len(before) - 1} more" if len(before) > 1 else ""
            found.append(
                f"{name} of the slab{others} stands {steps[wide[0]]:.2f} eV off its band and lives on {ratio:.2f} times "
                f"as many atoms (limits {limits.margin_eV:.2f} eV, {limits.participation_ratio:.2f})"
            )
    return found


def _levels_from_edge(own: lv.Spectrum, members: np.ndarray, sign: float) -> np.ndarray:
    """One state per degenerate level among `members` at the k-point and spin of their edge, edge first."""
    index = np.flatnonzero(members)
    index = index[np.argsort(sign * own.energies_eV[index], kind="stable")]
    if not len(index):
        return index
    at_edge = (own.kpoint[index] == own.kpoint[index[0]]) & (own.spin[index] == own.spin[index[0]])
    index = index[at_edge]
    _, first = np.unique(own.group[index], return_index=True)
    return index[np.sort(first)]


def assess(
    pristine: LevelsRecord,
    socket: LevelsRecord,
    loaded: LevelsRecord,
    *,
    thresholds: Thresholds | None = None,
    kind: lv.LevelKind = "soc",
    socket_defect_atoms: list[int] | None = None,
    loaded_defect_atoms: list[int] | None = None,
) -> TrapReport:
    """Verdict on a loaded slab against the bare socket, with the pristine slab's gap as the window.

    Only levels with spin-orbit coupling decide; scalar ones are listed beside them. The verdict is
    `undecided` where it changes within the uncertainty of the two alignments: when either slab is
    shifted by it, or when the margin is not widened by it.

    Raises
    ------
    AnalysisRefused
        As `gap_states`; also for `kind="scalar"`, which may not decide.
    """
    if kind == "scalar":
        raise AnalysisRefused("traps: a verdict needs levels with spin-orbit coupling")
    limits = thresholds or Thresholds()
    atoms = (
        find_defect_atoms(pristine, socket) if socket_defect_atoms is None else socket_defect_atoms,
        find_defect_atoms(pristine, loaded) if loaded_defect_atoms is None else loaded_defect_atoms,
    )

    def analyse(record: LevelsRecord, level: lv.LevelKind, **changes: float) -> GapAnalysis:
        around = atoms[0] if record is socket else atoms[1]
        return gap_states(
            pristine, record, kind=level, defect_atoms=around, thresholds=limits, **changes
        )

    before, after = analyse(socket, kind), analyse(loaded, kind)
    verdict, reason = decide(before, after)

    def variants(record: LevelsRecord, nominal: GapAnalysis) -> list[GapAnalysis]:
        error = nominal.alignment.uncertainty_eV
        return [
            nominal,
            analyse(record, kind, shift_eV=-error),
            analyse(record, kind, shift_eV=error),
            analyse(record, kind, margin_eV=limits.margin_eV),
        ]

    outcomes = {decide(b, a)[0] for b in variants(socket, before) for a in variants(loaded, after)}
    if outcomes != {verdict}:
        words = " or ".join(sorted(outcomes))
        verdict, reason = "undecided", f"within the error of the alignment: {words}; {reason}"
    scalar = None
    if pristine.scalar and socket.scalar and loaded.scalar:
        scalar = analyse(socket, "scalar"), analyse(loaded, "scalar")
    return _report(pristine, verdict, reason, before, after, scalar, limits)


def decide(before: GapAnalysis, after: GapAnalysis) -> tuple[Verdict, str]:
    """Verdict from counts of traps; with equal counts from the depth of the deepest one."""
    nb, na = before.n_all, after.n_all
    ligand = f", {after.n_ligand_levels} of the ligand" if after.n_ligand_levels else ""
    counts = f"{nb} trap level(s) before, {na} after{ligand}"
    if nb == 0:
        return ("no-trap-to-heal" if na == 0 else "worse"), counts
    if na == 0:
        return "healed", counts
    if na != nb:
        return ("partly" if na < nb else "worse"), counts
    change = after.deepest_eV - before.deepest_eV
    margin = max(before.margin_eV, after.margin_eV)
    depth = f"{counts}; deepest level {change:+.2f} eV against a margin of {margin:.2f} eV"
    if abs(change) <= margin:
        return "unchanged", depth
    return ("worse" if change > 0 else "partly"), depth


@dataclass(frozen=True)
class _Context:
    """What the numbers of a level are measured against."""

    pristine: LevelsRecord
    system: LevelsRecord
    vbm: lv.Edge
    cbm: lv.Edge
    defect_atoms: list[int]
    defect_atoms_pristine: list[int]
    margin_eV: float
    limits: Thresholds


def _gap_state(
    own: lv.Spectrum, members: np.ndarray, above: float, width: float, context: _Context
) -> GapState:
    first = int(members[0])
    weights, filling = own.weights[first], float(own.filling[members].mean())
    edge = context.vbm if above < width - above else context.cbm
    depth = min(above, width - above)
    system, pristine, limits = context.system, context.pristine, context.limits
    ligand_atoms = [i for i, f in enumerate(system.fragment) if f]
    layers = limits.surface_layers
    numbers = StateNumbers(
        depth_eV=depth,
        margin_eV=context.margin_eV,
        participation_ratio=lv.participation_number(weights) / edge.n_eff,
        orbital_difference=lv.orbital_difference(
            lv.orbital_shares(weights, system.symbols),
            lv.orbital_shares(edge.weights, pristine.symbols),
        ),
        ligand_weight=lv.atom_share(weights, ligand_atoms),
        defect_weight=lv.atom_share(weights, context.defect_atoms),
        defect_weight_edge=lv.atom_share(edge.weights, context.defect_atoms_pristine),
        surface_weight=lv.atom_share(weights, lv.surface_atoms(system, layers)),
        surface_weight_edge=lv.atom_share(edge.weights, lv.surface_atoms(pristine, layers)),
        carriers=filling if edge.name == "CBM" else 1.0 - filling,
    )
    label, rule = classify(numbers, limits)
    return GapState(
        index=int(own.index[first]),
        spin=int(own.spin[first]),
        kpoint=int(own.kpoint[first]),
        degeneracy=len(members),
        energy_above_vbm_eV=above,
        nearest_edge=edge.name,
        depth_eV=depth,
        depth_fraction=depth / width,
        filling=filling,
        participation_ratio=numbers.participation_ratio,
        defect_weight=numbers.defect_weight,
        ligand_weight=numbers.ligand_weight,
        surface_weight=numbers.surface_weight,
        label=label,
        character=character(weights, system, pristine, context.defect_atoms),
        rule=rule,
    )


def character(
    weights: np.ndarray, system: LevelsRecord, pristine: LevelsRecord, defect_atoms: list[int]
) -> str:
    """The two largest shares in words, e.g. `Pb 6p of the exposed Pb, 61 %`."""
    shares: dict[tuple[str, str, int], float] = {}
    holders: dict[tuple[str, str, int], set[int]] = {}
    for atom, symbol in enumerate(system.symbols):
        region = _region(atom, symbol, system, pristine, defect_atoms)
        for ell in range(3):
            key = (region, symbol, ell)
            shares[key] = shares.get(key, 0.0) + float(weights[atom, ell])
            holders.setdefault(key, set()).add(atom)
    words = []
    for (region, symbol, ell), share in sorted(shares.items(), key=lambda item: -item[1])[:2]:
        if words and share < 0.2:
            continue
        n = len(holders[region, symbol, ell])
        place = {
            "ligand": "of the ligand",
            "foreign": f"of the added {symbol}",
            "defect": f"of the exposed {symbol}"
            if n == 1
            else f"of the {n} {symbol} at the defect",
            "slab": "of the slab",
        }[region]
        words.append(f"{symbol} {lv.shell(symbol, ell)} {place}, {100 * share:.0f} %")
    return " and ".join(words)


def _region(
    atom: int, symbol: str, system: LevelsRecord, pristine: LevelsRecord, defect_atoms: list[int]
) -> str:
    if system.fragment[atom]:
        return "ligand"
    if symbol not in pristine.symbols:
        return "foreign"
    return "defect" if atom in defect_atoms else "slab"


def _height_flags(pristine: LevelsRecord, system: LevelsRecord) -> list[str]:
    a, b = pristine.cell_ang[2][2], system.cell_ang[2][2]
    return [f"cell heights differ: {a:.2f} and {b:.2f} Angstrom"] if abs(a - b) > 0.01 else []


def _state_flags(
    state: GapState, own: lv.Spectrum, members: np.ndarray, limits: Thresholds, margin: float
) -> list[str]:
    flags = []
    name = f"level {state.index} ({state.energy_above_vbm_eV:.2f} eV above the VBM)"
    if own.captured[members].min() < limits.captured:
        flags.append(f"{name} lives outside the PAW spheres: its atomic shares mean little")
    if state.label not in TRAP_LABELS and state.depth_eV > margin:
        flags.append(
            f"{name} lies {state.depth_eV:.2f} eV inside the gap but is extended ({state.label}): "
            "a larger cell would decide"
        )
    return flags


def _count(states: list[GapState], label: Label, capacity: int) -> int:
    """Orbitals with two electrons each that the levels of one label make up, at the fullest k-point."""
    electrons: dict[int, int] = {}
    for state in states:
        if state.label == label:
            electrons[state.kpoint] = electrons.get(state.kpoint, 0) + capacity * state.degeneracy
    return (max(electrons.values()) + 1) // 2 if electrons else 0


def _refuse_uncovered(
    own: lv.Spectrum, above: np.ndarray, width: float, system: LevelsRecord
) -> None:
    for s, k in sorted(set(zip(own.spin.tolist(), own.kpoint.tolist(), strict=True))):
        block = above[(own.spin == s) & (own.kpoint == k)]
        if block.min() > 0 or block.max() < width:
            raise AnalysisRefused(
                f"levels of site {system.address.site}: the listed states of spin {s}, k-point {k} "
                "do not span the gap of the pristine slab; list more bands"
            )


def _ionisation_energy(system: LevelsRecord, vbm_own_scale_eV: float) -> float | None:
    """Vacuum level above the loaded face minus the host's valence edge, both on the system's scale."""
    if system.vacuum_eV is None:
        return None
    return float(system.vacuum_eV[1] - vbm_own_scale_eV)


def _report(
    pristine: LevelsRecord,
    verdict: Verdict,
    reason: str,
    before: GapAnalysis,
    after: GapAnalysis,
    scalar: tuple[GapAnalysis, GapAnalysis] | None,
    limits: Thresholds,
) -> TrapReport:
    kind = after.kind
    vbm, _ = lv.host_edges(lv.spectrum(pristine, kind))
    checks: list[Check] = [
        *before.alignment.checks("bare socket"),
        *after.alignment.checks("loaded slab"),
    ]
    flags = [
        *before.alignment.flags("bare socket"),
        *after.alignment.flags("loaded slab"),
        *(
            f"pristine slab: {text}"
            for text in own_edge_traps(pristine, kind=kind, thresholds=limits)
        ),
        *(f"bare socket: {text}" for text in before.flags),
        *(f"loaded slab: {text}" for text in after.flags),
    ]
    if scalar and (scalar[0].n_all, scalar[1].n_all) != (before.n_all, after.n_all):
        flags.append(
            f"without spin-orbit coupling {scalar[0].n_all} trap level(s) before and "
            f"{scalar[1].n_all} after"
        )
    return TrapReport(
        verdict=verdict,
        reason=reason,
        spin_orbit=True,
        levels=kind,
        thresholds={name: float(value) for name, value in asdict(limits).items()},
        alignment_eV=after.alignment.shift_eV,
        alignment_spread_eV=after.alignment.spread_eV,
        alignment_before_eV=before.alignment.shift_eV,
        alignment_spread_before_eV=before.alignment.spread_eV,
        vacuum_alignment_eV=after.alignment.vacuum_shift_eV,
        semicore_alignment_eV=after.alignment.semicore_shift_eV,
        flags=flags,
        checks=checks,
        gap_pristine_eV=after.gap_pristine_eV,
        gap_before_eV=before.gap_eV,
        gap_eV=after.gap_eV,
        gap_scalar_eV=scalar[1].gap_eV if scalar else None,
        gap_scalar_pristine_eV=scalar[1].gap_pristine_eV if scalar else None,
        ionisation_energy_pristine_eV=_ionisation_energy(pristine, vbm.energy_eV),
        ionisation_energy_before_eV=before.ionisation_energy_eV,
        ionisation_energy_eV=after.ionisation_energy_eV,
        states_before=before.states,
        states_after=after.states,
        states_before_scalar=scalar[0].states if scalar else [],
        states_after_scalar=scalar[1].states if scalar else [],
        n_traps_before=before.n_all,
        n_traps_after=after.n_all,
        n_ligand_levels=after.n_ligand_levels,
        n_traps_before_scalar=scalar[0].n_all if scalar else None,
        n_traps_after_scalar=scalar[1].n_all if scalar else None,
    )
