"""Hold what was found of a site against what is known of it.

A control is judged by counts with spin-orbit coupling alone. It differs, or is undecided, in the open: no
threshold depends on an expectation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peropass.analysis.level_classes import EXTENDED_LABELS, TRAP_LABELS
from peropass.records import ControlRow, GapState, SiteRecord

LABEL_WORDS = {
    "host-like": "host-like",
    "surface-resonance": "surface resonance",
    "shallow": "shallow",
    "localised-trap": "localised trap",
    "ligand-level": "ligand level",
}
MOST_STATES = 2


@dataclass(frozen=True)
class Asked:
    """One control as the campaign asks for it; fields as in the campaign file."""

    name: str
    host: str
    termination: str
    site: str
    expected: str
    candidate: str | None = None
    than: str | None = None
    because: str = ""
    source: str = ""
    decided_by: str = ""


def judge(asked: Sequence[Asked], found: Mapping[str, SiteRecord]) -> list[ControlRow]:
    """One row per control, in the order of the campaign."""
    return [_row(control, found) for control in asked]


def _row(control: Asked, found: Mapping[str, SiteRecord]) -> ControlRow:
    record = found.get(control.name)
    fields = {
        "name": control.name,
        "host": control.host,
        "termination": control.termination,
        "site": control.site,
        "candidate": control.candidate or "",
        "expected": control.expected,
        "because": control.because,
        "source": control.source,
        "decided_by": control.decided_by,
    }
    if record is None:
        return ControlRow(**fields, outcome="not run yet", found="not run yet")
    if record.n_traps is None:
        said = f"{record.status}: {record.reason}" if record.reason else record.status
        return ControlRow(**fields, outcome="no result", found=said)
    deepest = max(record.states, key=lambda s: s.depth_eV, default=None)
    return ControlRow(
        **fields,
        outcome=_outcome(control, record, found),
        found=in_words(record),
        deepest_eV=deepest.depth_eV if deepest else 0.0,
        deepest_fraction=deepest.depth_fraction if deepest else 0.0,
    )


def _outcome(control: Asked, record: SiteRecord, found: Mapping[str, SiteRecord]) -> str:
    if control.expected == "survey":
        return "surveyed"
    if control.expected == "deeper-than":
        return _compared(record, found.get(control.than or ""))
    if control.expected == "ligand-level":
        return _has_ligand_level(record)
    low, high = record.n_traps_low or 0, record.n_traps_high or 0
    wanted = control.expected == "trap"
    outcomes = {n > 0 for n in (low, high, record.n_traps + record.n_ligand_levels)}
    if len(outcomes) > 1 or (outcomes == {False} and _deep_but_extended(record)):
        return "undecided"
    return "as expected" if outcomes == {wanted} else "differs"


def _deep_but_extended(record: SiteRecord) -> bool:
    """Whether a level lies inside the gap and is no trap only because the whole cell holds it.

    In a small cell nothing can be more local than the edges of the host, so that this is no evidence of a clean gap.
    """
    return any(
        state.depth_eV > (record.margin_eV or 0.0) and state.label in EXTENDED_LABELS
        for state in record.states
    )


def _has_ligand_level(record: SiteRecord) -> str:
    """As expected where a level of the ligand stays inside the gap within the error of the alignment, undecided where it may."""
    margin, error = record.margin_eV or 0.0, record.alignment_error_eV or 0.0
    held = [s for s in record.states if s.ligand_weight >= record.thresholds["ligand_weight"]]
    if any(s.label == "ligand-level" and s.depth_eV - error > margin for s in held):
        return "as expected"
    narrowest = min(margin - error, record.thresholds["margin_eV"])
    enters = (record.n_traps_high or 0) > record.n_traps + record.n_ligand_levels
    return "undecided" if enters or any(s.depth_eV > narrowest for s in held) else "differs"


def _compared(record: SiteRecord, other: SiteRecord | None) -> str:
    """Depth of the deepest level, as a fraction of each host's own gap, beyond both margins."""
    if other is None or other.n_traps is None:
        return "no result"
    here, there = (max((s.depth_fraction for s in r.states), default=0.0) for r in (record, other))
    margin = max(r.margin_eV / r.gap_pristine_eV for r in (record, other))
    if abs(here - there) <= margin:
        return "undecided"
    return "as expected" if here > there else "differs"


def survives(record: SiteRecord) -> bool:
    """Whether a localised level with spin-orbit coupling is counted in every variant of the alignment; a ligand's own level is none."""
    return bool(record.n_traps) and (record.n_traps_low or 0) > (record.n_ligand_levels or 0)


def may_survive(record: SiteRecord) -> bool:
    """Whether one is counted in some variant of the alignment, or a level inside the gap that is none of the host's own edges fills the whole cell."""
    if record.n_traps is None or survives(record):
        return False
    high = (record.n_traps_high or 0) > (record.n_ligand_levels or 0)
    return high or _deep_but_extended(record)


def deepest_trap(record: SiteRecord) -> GapState | None:
    """The localised level farthest from both edges; None where there is none, and for an edge that is one."""
    traps = [state for state in record.states if state.label == "localised-trap"]
    return max(traps, key=lambda state: state.depth_eV, default=None)


def in_words(record: SiteRecord) -> str:
    """Counts, the deepest levels and the gaps of a site in one sentence."""
    counted = [state for state in record.states if state.depth_eV > (record.margin_eV or 0.0)]
    total = record.n_traps + record.n_ligand_levels
    head = "no level inside the gap" if not counted else "no trap"
    if record.address.site == "pristine" and record.address.candidate == "none":
        head = "no edge that is a localised level"
    if total:
        parts = []
        if record.n_traps:
            parts.append(f"{record.n_traps} localised trap{'s' if record.n_traps > 1 else ''}")
        if record.n_ligand_levels:
            n = record.n_ligand_levels
            parts.append(f"{n} ligand level{'s' if n > 1 else ''}")
        head = " and ".join(parts)
    if (record.n_traps_low, record.n_traps_high) != (total, total):
        head += (
            f" ({record.n_traps_low} to {record.n_traps_high} within the error of the alignment)"
        )
    shown = sorted(counted, key=lambda s: (s.label not in TRAP_LABELS, -s.depth_eV))
    states = "; ".join(_state(state) for state in shown[:MOST_STATES])
    gaps = f"gap {record.gap_eV:.2f} eV, pristine {record.gap_pristine_eV:.2f} eV"
    return "; ".join(part for part in (head, states, gaps) if part)


def _state(state: GapState) -> str:
    side = "above the VBM" if state.nearest_edge == "VBM" else "below the CBM"
    filled = "filled" if state.filling > 0.8 else "empty" if state.filling < 0.2 else "half filled"
    return (
        f"{LABEL_WORDS[state.label]} {state.depth_eV:.2f} eV {side} "
        f"({100 * state.depth_fraction:.0f} % of the gap), {filled}, {state.character}"
    )
