"""`peropass compare RUN_A RUN_B`: which ranks moved between two runs of a campaign, and why.

A move counts if it is larger than its error: rank intervals that do not overlap, an energy that changed by more than both
errors together, another trap verdict or status, a row that only one of the runs has.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peropass.errors import InputError
from peropass.records import Channel, RankedRow, ReactionEnergy, write_text
from peropass.report.collect import Collection, Evidence, Key, collect, row_key

PAGE_FILE = "compare.html"
SAME_EV = 1e-6
TOLD_EV = 5e-5  # less would be printed as zero
# What is compared, with its error.
ENERGIES = (
    ("binding", "binding_energy_eV", "binding_error_eV"),
    ("vs native", "vs_native_eV", "vs_native_error_eV"),
    ("lability", "lability_eV", "lability_error_eV"),
)


@dataclass(frozen=True)
class Move:
    """One row in both runs.

    `beyond` says what changed by more than its error; `within` what changed by less; `causes` why.
    """

    key: Key
    label: str
    a: RankedRow | None
    b: RankedRow | None
    beyond: tuple[str, ...]
    within: tuple[str, ...]
    causes: tuple[str, ...]

    @property
    def ranks(self) -> str:
        return f"{_rank(self.a)} -> {_rank(self.b)}"


@dataclass(frozen=True)
class RunComparison:
    """All rows of two runs, and the causes that touch every row."""

    name_a: str
    name_b: str
    common: tuple[str, ...]
    moves: list[Move] = field(default_factory=list)
    left_out: tuple[str, ...] = ()

    @property
    def beyond(self) -> list[Move]:
        return [move for move in self.moves if move.beyond]

    @property
    def within(self) -> list[Move]:
        return [move for move in self.moves if move.within and not move.beyond]


def compare(a: Collection, b: Collection) -> RunComparison:
    """Compare two campaigns row by row; rows are the same if host, termination, site and candidate are."""
    rows_a = {row_key(one.row): one for one in a.evidence}
    rows_b = {row_key(one.row): one for one in b.evidence}
    common = tuple(_campaign_causes(a, b))
    moves = [_move(key, rows_a.get(key), rows_b.get(key), common) for key in {**rows_a, **rows_b}]
    left_out = tuple(f"{c.folder.name}: {p.file}: {p.reason}" for c in (a, b) for p in c.problems)
    name_a, name_b = a.folder.name, b.folder.name
    if name_a == name_b:
        name_a, name_b = str(a.folder), str(b.folder)
    return RunComparison(name_a, name_b, common, moves, left_out)


# ---------------------------------------------------------------- what moved


def _move(key: Key, a: Evidence | None, b: Evidence | None, common: Sequence[str]) -> Move:
    label = next(
        e.candidate.label if e.candidate else e.row.candidate for e in (b, a) if e is not None
    )
    if a is None or b is None:
        gone = "only in the second run" if a is None else "only in the first run"
        return Move(key, label, a and a.row, b and b.row, (gone,), (), ("candidate list",))
    beyond, within = _changes(a.row, b.row)
    causes: tuple[str, ...] = ()
    if beyond or within:
        causes = (*_row_causes(a, b), *(common if a.row.rank != b.row.rank else ()))
        causes = causes or (_no_cause(a.row, b.row),)
    return Move(key, label, a.row, b.row, tuple(beyond), tuple(within), causes)


def _changes(a: RankedRow, b: RankedRow) -> tuple[list[str], list[str]]:
    """What changed beyond its error, and what within it."""
    beyond, within = [], []
    if a.status != b.status:
        beyond.append(f"status {a.status} -> {b.status}")
    if a.trap_verdict != b.trap_verdict:
        beyond.append(f"trap verdict {a.trap_verdict or 'none'} -> {b.trap_verdict or 'none'}")
    if a.rank != b.rank:
        overlap = a.rank is not None and b.rank is not None and _overlap(a, b)
        (within if overlap else beyond).append(f"rank {_rank(a)} -> {_rank(b)}")
    for name, value, error in ENERGIES:
        x, y = getattr(a, value), getattr(b, value)
        if x is None and y is None:
            continue
        if x is None or y is None:
            beyond.append(f"{name} {_energy(x)} -> {_energy(y)}")
        elif abs(y - x) > SAME_EV:
            allowed = math.hypot(getattr(a, error) or 0.0, getattr(b, error) or 0.0)
            text = f"{name} {_energy(x)} -> {_energy(y)} ({y - x:+.3f}, error {allowed:.3f})"
            (beyond if abs(y - x) > allowed else within).append(text)
    return beyond, within


def _overlap(a: RankedRow, b: RankedRow) -> bool:
    low_a, high_a = a.rank_low or a.rank, a.rank_high or a.rank
    low_b, high_b = b.rank_low or b.rank, b.rank_high or b.rank
    return max(low_a, low_b) <= min(high_a, high_b)


def _rank(row: RankedRow | None) -> str:
    if row is None:
        return "absent"
    if row.rank is None:
        return "unranked"
    if row.rank_low is None or row.rank_low == row.rank_high:
        return str(row.rank)
    return f"{row.rank} ({row.rank_low}-{row.rank_high})"


def _energy(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f} eV"


# ---------------------------------------------------------------- why


def _campaign_causes(a: Collection, b: Collection) -> list[str]:
    """Differences that touch every row: weights, error model."""
    x, y = a.ranking, b.ranking
    causes = [f"weights: {text}" for text in _differences(x.weights, y.weights)]
    if x.error_model != y.error_model:
        causes.append("error model")
    if (x.seed, x.samples) != (y.seed, y.samples):
        causes.append(f"Monte Carlo: seed {x.seed} -> {y.seed}, samples {x.samples} -> {y.samples}")
    if x.scales != y.scales:
        causes.append("windows of the axes")
    return causes


def _row_causes(a: Evidence, b: Evidence) -> list[str]:
    """Differences in what stands behind one row, most telling first."""
    causes = (
        _settings(a, b)
        + _conditions(a, b)
        + _structure(a, b)
        + _revisions(a, b)
        + _references(a, b)
        + _desorption(a, b)
    )
    return list(dict.fromkeys(causes))


def _no_cause(a: RankedRow, b: RankedRow) -> str:
    """What may be said of a move for which no record differs in what is compared."""
    same = all(getattr(a, value) == getattr(b, value) for _, value, _ in ENERGIES)
    same = same and (a.status, a.trap_verdict) == (b.status, b.trap_verdict)
    return "other candidates moved past it" if same else "not found in the records"


def _settings(a: Evidence, b: Evidence) -> list[str]:
    """Settings of the relaxation and of the levels that differ."""
    pairs = []
    if a.best is not None and b.best is not None:
        pairs.append((a.best.record, b.best.record))
    if a.levels is not None and b.levels is not None:
        pairs.append((a.levels, b.levels))
    changed = [
        f"settings: {text}"
        for x, y in pairs
        for text in _differences(_flat(x.settings), _flat(y.settings))
    ]
    if not changed and any(x.settings_hash != y.settings_hash for x, y in pairs):
        return ["settings"]
    return changed


def _conditions(a: Evidence, b: Evidence) -> list[str]:
    """Temperature, concentration and solvent of the ladder of desorption that differ."""
    x, y = _cheapest(a), _cheapest(b)
    if x is None or y is None:
        return []
    keys = ("temperature_K", "concentration_M", "solvent")
    before, after = ({key: getattr(channel, key) for key in keys} for channel in (x, y))
    return [f"settings: lability.{text}" for text in _differences(before, after)]


def _desorption(a: Evidence, b: Evidence) -> list[str]:
    """Items of the cheapest way to leave that differ beyond its electronic energy."""
    x, y = _cheapest(a), _cheapest(b)
    if x is None or y is None:
        return []
    if x.name != y.name:
        return [f"cheapest channel: {x.name} -> {y.name}"]
    return [
        f"{item} of the channel {x.name}: {y.terms[item] - value:+.4f} eV"
        for item, value in x.terms.items()
        if item in y.terms and abs(y.terms[item] - value) > TOLD_EV
    ]


def _cheapest(one: Evidence) -> Channel | None:
    """The channel whose free energy is the lability of the row."""
    channels = one.candidate.channels if one.candidate is not None else []
    known = [channel for channel in channels if channel.free_energy_eV is not None]
    return min(known, key=lambda channel: channel.free_energy_eV, default=None)


def _structure(a: Evidence, b: Evidence) -> list[str]:
    if a.best is None or b.best is None:
        return [] if a.best is b.best else ["structure: relaxed in one run only"]
    x, y = a.best.record, b.best.record
    if x.address.pose != y.address.pose:
        return [f"structure: best pose {x.address.pose} -> {y.address.pose}"]
    if x.initial is not None and y.initial is not None and x.initial.hash != y.initial.hash:
        return ["structure: another starting pose"]
    if x.final is not None and y.final is not None and x.final.hash != y.final.hash:
        return ["structure: relaxed to another geometry"]
    return []


def _revisions(a: Evidence, b: Evidence) -> list[str]:
    causes = []
    pairs = [("candidate", a.candidate, b.candidate)]
    if a.best is not None and b.best is not None:
        pairs.append(("relaxation", a.best.record, b.best.record))
    pairs.append(("levels", a.levels, b.levels))
    for name, x, y in pairs:
        if x is None or y is None:
            continue
        if x.provenance.revision != y.provenance.revision:
            causes.append(
                f"code revision of the {name}: {x.provenance.revision} -> {y.provenance.revision}"
            )
        shared = x.provenance.versions.keys() & y.provenance.versions.keys()
        causes += [
            f"version: {text}"  # a version that one run does not name tells no difference
            for text in _differences(
                {name: x.provenance.versions[name] for name in shared},
                {name: y.provenance.versions[name] for name in shared},
            )
        ]
    return causes


def _references(a: Evidence, b: Evidence) -> list[str]:
    """References that one run lacks, or whose energies differ."""
    causes = []
    changed: dict[str, list[str]] = {}  # what changed -> the reactions that it is a term of
    names = {r.name for e in (a, b) if e.candidate is not None for r in e.candidate.reactions}
    for name in sorted(names):
        x = a.candidate.reaction(name) if a.candidate is not None else None
        y = b.candidate.reaction(name) if b.candidate is not None else None
        for run, reaction in (("first", x), ("second", y)):
            other = y if run == "first" else x
            if (
                (reaction is None or reaction.value_eV is None)
                and other is not None
                and other.value_eV is not None
            ):
                reason = (
                    reaction.reason
                    if reaction is not None and reaction.reason
                    else "no such reaction"
                )
                causes.append(f"missing reference in the {run} run: {name}: {reason}")
        if x is not None and y is not None:
            for text in _changed_terms(x, y):
                changed.setdefault(text, []).append(name)
    return causes + [f"{text} (in {', '.join(where)})" for text, where in changed.items()]


def _changed_terms(x: ReactionEnergy, y: ReactionEnergy) -> list[str]:
    before = {t.species: t.energy_eV for t in x.terms}
    after = {t.species: t.energy_eV for t in y.terms}
    return [
        f"energy of {species}: {after[species] - energy:+.4f} eV"
        for species, energy in before.items()
        if energy is not None
        and after.get(species) is not None
        and abs(after[species] - energy) > TOLD_EV
    ]


def _differences(a: Mapping, b: Mapping) -> list[str]:
    keys = sorted({*a, *b}, key=str)
    return [
        f"{key} {a.get(key, 'absent')} -> {b.get(key, 'absent')}"
        for key in keys
        if a.get(key) != b.get(key)
    ]


def _flat(settings: Mapping) -> dict:
    flat: dict = {}
    for key, value in settings.items():
        flat.update(
            {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        )
    return flat


# ---------------------------------------------------------------- what is shown


def as_text(found: RunComparison) -> str:
    """The comparison for a terminal: moves beyond their error first."""
    lines = [f"{found.name_a} -> {found.name_b}: {len(found.moves)} rows"]
    lines += [f"differs for all rows: {cause}" for cause in found.common]
    for title, moves in (
        ("moved beyond its error", found.beyond),
        ("moved within its error", found.within),
    ):
        lines.append(f"{title}: {len(moves)}")
        for move in moves:
            lines.append(f"  {'/'.join(move.key)}  rank {move.ranks}")
            lines += [
                f"      {text}"
                for text in (*move.beyond, *move.within)
                if not text.startswith("rank")
            ]
            lines += [f"      cause: {text}" for text in move.causes]
    lines += [f"not compared: {text}" for text in found.left_out]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Compare two campaign folders. 0 nothing moved beyond its error, 1 something did, 2 bad input."""
    from peropass.report.compare_page import comparison_page

    parser = argparse.ArgumentParser(prog="peropass compare", description=__doc__)
    parser.add_argument("run_a", type=Path, help="campaign folder of the earlier run")
    parser.add_argument("run_b", type=Path, help="campaign folder of the later run")
    parser.add_argument("--html", type=Path, help=f"page to draw; default RUN_B/{PAGE_FILE}")
    parser.add_argument("--no-html", action="store_true", help="print only")
    options = parser.parse_args(argv)
    found = compare(_collect(options.run_a), _collect(options.run_b))
    sys.stdout.write(as_text(found))
    if not options.no_html:
        page = options.html or options.run_b / PAGE_FILE
        write_text(page, comparison_page(found))
        sys.stdout.write(f"drawn in {page}\n")
    return 1 if found.beyond else 0


def _collect(folder: Path) -> Collection:
    if not (folder / "ranking.json").is_file():
        raise InputError(
            str(folder), "no ranking.json", "a campaign folder such as results/quickstart"
        )
    collection = collect(folder)
    if collection.ranking is None:
        reason = collection.problems[0].reason if collection.problems else "unreadable"
        raise InputError(
            str(folder / "ranking.json"),
            reason,
            "a ranking that is whole and not made by the toy engine",
        )
    return collection
