"""From levels to a verdict: is the trap of a defect healed, and does the ligand bring a new one?

`gap_levels` finds and names the levels inside the gap of the pristine slab; this module compares slabs. See docs/traps.md
for formulas and sources.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from typing import Literal

from peropass.analysis import levels as lv
from peropass.analysis.gap_levels import (
    GapAnalysis,
    GapLevels,
    HostGap,
    SlabPair,
    gap_states,
    own_edge_traps,
    pair_slabs,
)
from peropass.analysis.level_classes import Thresholds
from peropass.errors import AnalysisRefused
from peropass.records import Check, LevelsRecord, TrapReport

__all__ = [
    "GapAnalysis",
    "TrapVerdicts",
    "Verdict",
    "assess",
    "decide",
    "gap_states",
    "own_edge_traps",
]

BESIDE_WORDS = {
    "scalar": "without spin-orbit coupling",
    "soc": "with the functional's own levels and spin-orbit coupling",
}
Verdict = Literal["healed", "partly", "unchanged", "worse", "no-trap-to-heal", "undecided"]


def assess(
    pristine: LevelsRecord,
    socket: LevelsRecord,
    loaded: LevelsRecord,
    *,
    thresholds: Thresholds | None = None,
    kind: lv.LevelKind | None = None,
    socket_defect_atoms: list[int] | None = None,
    loaded_defect_atoms: list[int] | None = None,
) -> TrapReport:
    """Verdict on a loaded slab against the bare socket, with the pristine slab's gap as the window.

    Only levels with spin-orbit coupling decide: those of `kind`, else hybrid ones where pristine slab and socket have them, else those of
    the functional. The lower levels of theory are listed beside them. The verdict is `undecided` where it changes within the uncertainty of the two alignments: when either slab is
    shifted by it, or when the margin is not widened by it; and where it changes if extended levels deeper than the margin are traps.

    Raises
    ------
    AnalysisRefused
        As `gap_states`; also for `kind="scalar"`, which may not decide.
    """
    verdicts = TrapVerdicts(pristine, socket, thresholds, kind, socket_defect_atoms)
    return verdicts.of(loaded, loaded_defect_atoms)


class TrapVerdicts:
    """Verdicts on slabs loaded on one socket; the pristine slab and the bare socket are analysed once, when first needed.

    Parameters as for `assess`; refused as there.
    """

    def __init__(
        self,
        pristine: LevelsRecord,
        socket: LevelsRecord,
        thresholds: Thresholds | None = None,
        kind: lv.LevelKind | None = None,
        socket_defect_atoms: list[int] | None = None,
    ) -> None:
        if kind is None:
            kind = "hse_soc" if pristine.hse_soc and socket.hse_soc else "soc"
        if kind == "scalar":
            raise AnalysisRefused("traps: a verdict needs levels with spin-orbit coupling")
        self.pristine, self.socket, self.kind = pristine, socket, kind
        self.limits = thresholds or Thresholds()
        self._socket_defect_atoms = socket_defect_atoms
        self._besides: dict[lv.LevelKind, tuple[HostGap, GapAnalysis]] = {}

    def of(self, loaded: LevelsRecord, defect_atoms: list[int] | None = None) -> TrapReport:
        """Verdict on one loaded slab.

        Raises
        ------
        AnalysisRefused
            As `gap_states`.
        """
        all_before = self._before.variants
        pair = pair_slabs(self.pristine, loaded, defect_atoms)
        all_after = GapLevels(self._host, pair, self.limits).variants
        before, after = all_before[0], all_after[0]
        verdict, reason = decide(before, after)
        outcomes = {decide(b, a)[0] for b in all_before for a in all_after}
        if outcomes != {verdict}:
            words = " or ".join(sorted(outcomes))
            verdict, reason = (
                "undecided",
                f"within the error of the alignment: {words}; {reason}",
            )
        elif (other := decide(before.counting_extended, after.counting_extended)[0]) != verdict:
            verdict, reason = (
                "undecided",
                f"a level deep in the gap is as extended as the cell is small: {verdict}, or {other} if it is a trap; {reason}",
            )
        besides = {kind: self._beside(kind, pair) for kind in self._lower_kinds(loaded)}
        return _report(
            self._host, verdict, reason, before, after, besides, self._edge_flags, self.limits
        )

    def _lower_kinds(self, loaded: LevelsRecord) -> list[lv.LevelKind]:
        """Levels of theory below the deciding one that all three slabs have."""
        trio = (self.pristine, self.socket, loaded)
        return [
            kind
            for kind in ("scalar", "soc")
            if kind != self.kind and all(getattr(record, kind) for record in trio)
        ]

    def _beside(self, kind: lv.LevelKind, pair: SlabPair) -> tuple[GapAnalysis, GapAnalysis]:
        """Bare socket and loaded slab at a level of theory that does not decide."""
        if kind not in self._besides:
            host = HostGap(self.pristine, kind)
            self._besides[kind] = host, GapLevels(host, self._before.pair, self.limits).analyse()
        host, before = self._besides[kind]
        return before, GapLevels(host, pair, self.limits).analyse()

    @cached_property
    def _host(self) -> HostGap:
        return HostGap(self.pristine, self.kind)

    @cached_property
    def _before(self) -> GapLevels:
        pair = pair_slabs(self.pristine, self.socket, self._socket_defect_atoms)
        return GapLevels(self._host, pair, self.limits)

    @cached_property
    def _edge_flags(self) -> list[str]:
        found = own_edge_traps(self.pristine, kind=self.kind, thresholds=self.limits)
        return [f"pristine slab: {text}" for text in found]


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


def _report(
    host: HostGap,
    verdict: Verdict,
    reason: str,
    before: GapAnalysis,
    after: GapAnalysis,
    besides: dict[lv.LevelKind, tuple[GapAnalysis, GapAnalysis]],
    edge_flags: list[str],
    limits: Thresholds,
) -> TrapReport:
    checks: list[Check] = [
        *before.alignment.checks("bare socket"),
        *after.alignment.checks("loaded slab"),
    ]
    flags = [
        *before.alignment.flags("bare socket"),
        *after.alignment.flags("loaded slab"),
        *edge_flags,
        *(f"bare socket: {text}" for text in before.flags),
        *(f"loaded slab: {text}" for text in after.flags),
    ]
    for kind, (b, a) in besides.items():
        if (b.n_all, a.n_all) != (before.n_all, after.n_all):
            flags.append(f"{BESIDE_WORDS[kind]} {b.n_all} trap level(s) before and {a.n_all} after")
    return TrapReport(
        verdict=verdict,
        reason=reason,
        spin_orbit=True,
        levels=host.kind,
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
        ionisation_energy_pristine_eV=host.ionisation_energy_eV,
        ionisation_energy_before_eV=before.ionisation_energy_eV,
        ionisation_energy_eV=after.ionisation_energy_eV,
        states_before=before.states,
        states_after=after.states,
        n_traps_before=before.n_all,
        n_traps_after=after.n_all,
        n_ligand_levels=after.n_ligand_levels,
        **{
            name: value
            for kind, (b, a) in besides.items()
            for name, value in _beside_fields(kind, b, a).items()
        },
    )


def _beside_fields(kind: lv.LevelKind, before: GapAnalysis, after: GapAnalysis) -> dict:
    """Fields of a `TrapReport` for a level of theory that does not decide."""
    return {
        f"gap_{kind}_eV": after.gap_eV,
        f"gap_{kind}_pristine_eV": after.gap_pristine_eV,
        f"states_before_{kind}": before.states,
        f"states_after_{kind}": after.states,
        f"n_traps_before_{kind}": before.n_all,
        f"n_traps_after_{kind}": after.n_all,
    }
