"""The ranking: candidate records in, one ranking record out.

Within each socket (host, termination, site): Pareto fronts over the axes, a weighted score, rank intervals by Monte Carlo
over the numerical errors, ties, and rank ranges under other weights. Nothing is dropped: what cannot be ranked is a row
with its reason and no rank.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from peropass.analysis import pareto
from peropass.analysis.ranking_rows import (
    VERSUS_NATIVE,
    Socket,
    cheapest_channel,
    compared_with_native,
    lability_without_cs,
    make_row,
    missing_rows,
    own_errors,
    refuse_duplicates,
)
from peropass.analysis.ranking_table import csv_text, write_csv
from peropass.analysis.scoring import (
    AXES,
    INTERVAL_PERCENT,
    TRAP_SCALE,
    WEIGHT_FACTOR,
    ScaledAxes,
    ScoreErrors,
    check_weights,
    rank_intervals,
    ranks,
    scale,
    score,
    ties,
    weight_intervals,
)
from peropass.analysis.uncertainty import ErrorModel, loadings
from peropass.records import (
    Address,
    CandidateRecord,
    Check,
    Provenance,
    RankedRow,
    RankingRecord,
)

__all__ = [
    "SELF_TEST",
    "VERSUS_NATIVE",
    "cheapest_channel",
    "csv_text",
    "rank",
    "self_tests",
    "write_csv",
]

REVISION = 1
SELF_TEST = "self-test"
SELF_TEST_LIMIT_EV = 0.010
MOST_TIES_LISTED = 25


def rank(
    candidates: Sequence[CandidateRecord],
    weights: Mapping[str, float],
    error_model: ErrorModel,
    seed: int,
    samples: int,
    expected: Sequence[str] = (),
    address: Address | None = None,
    provenance: Provenance | None = None,
    allow_toy: bool = False,
) -> RankingRecord:
    """Rank candidates within each socket.

    Parameters
    ----------
    candidates
        One record per candidate and socket, whatever its status.
    weights
        Axis (see `scoring.AXES`) -> weight >= 0; weight 0 keeps an axis in the Pareto fronts only.
    error_model
        Gives error bars, intervals and ties.
    seed, samples
        Of the Monte Carlo; the same input gives the same ranking.
    expected
        Candidates that the campaign asked for, as ``candidate`` or ``host/termination/site/candidate``; one without
        record becomes a row of status ``missing``.
    allow_toy
        Rank records of the toy engine, for tests of the workflow; the ranking is marked `toy`.

    Raises
    ------
    InputError
        Unknown axis or bad weight, or two records of one candidate on one socket.
    """
    weights = check_weights(weights)
    notes: list[str] = []
    rows = [make_row(record, error_model) for record in candidates]
    refuse_duplicates(rows)
    rows += missing_rows(rows, expected)
    sockets: dict[Socket, list[int]] = {}
    for index, row in enumerate(rows):
        sockets.setdefault((row.host, row.termination, row.site), []).append(index)
    ordered: list[RankedRow] = []
    for socket in sorted(sockets):
        members = [rows[i] for i in sockets[socket]]
        records = [candidates[i] if i < len(candidates) else None for i in sockets[socket]]
        ranked, said = _rank_socket(
            members, records, weights, error_model, seed, samples, allow_toy
        )
        ordered += ranked
        notes += [f"{'/'.join(socket)}: {text}" for text in said]
    if len(sockets) > 1:
        notes.insert(
            0, f"{len(sockets)} sockets: ranks count within each host, termination and site"
        )
    counts = Counter(row.status for row in ordered)
    return RankingRecord(
        kind="ranking",
        status="ok",
        toy=any(record.toy for record in candidates),
        address=address or _common_address(candidates),
        provenance=provenance or Provenance(revision=REVISION, physics_hash=""),
        weights=weights,
        axes={name: AXES[name].better for name in weights},
        scales={name: (AXES[name].one, AXES[name].zero) for name in weights},
        seed=seed,
        samples=samples,
        error_model=error_model.model_dump(),
        expected=len(ordered),
        counts=dict(sorted(counts.items())) | {"ranked": sum(r.rank is not None for r in ordered)},
        rows=ordered,
        self_tests=self_tests(candidates),
        notes=[*_method_notes(weights, error_model), *notes],
    )


def self_tests(candidates: Sequence[CandidateRecord]) -> list[Check]:
    """For each self-test row: the pair that fills the vacancy must give the pristine slab back."""
    checks = []
    for record in candidates:
        if record.role != "self-test":
            continue
        reaction = record.reaction(SELF_TEST)
        value = None if reaction is None else reaction.value_eV
        where = "/".join((record.address.host, record.address.termination, record.address.site))
        checks.append(
            Check(
                name=f"{record.label or record.ligand} gives the pristine slab back ({where})",
                value=value,
                unit="eV",
                limit=f"|dE| <= {SELF_TEST_LIMIT_EV}",
                passed=value is not None and abs(value) <= SELF_TEST_LIMIT_EV,
            )
        )
    return checks


def _common_address(candidates: Sequence[CandidateRecord]) -> Address:
    if not candidates:
        return Address(campaign="none", protocol="none")
    fields = {}
    for key in ("campaign", "protocol", "host", "termination", "site"):
        values = {getattr(c.address, key) for c in candidates}
        fields[key] = next(iter(values)) if len(values) == 1 else "several"
    return Address(**fields)


# ---------------------------------------------------------------- one socket


@dataclass(frozen=True)
class _Energies:
    """Which energy axis the ranking uses, and how it depends on binding errors."""

    raw: dict[str, np.ndarray]
    weights: dict[str, float]
    notes: list[str]


def _rank_socket(
    rows: list[RankedRow],
    records: Sequence[CandidateRecord | None],
    weights: Mapping[str, float],
    model: ErrorModel,
    seed: int,
    samples: int,
    allow_toy: bool,
) -> tuple[list[RankedRow], list[str]]:
    """Rows of one socket, ranked ones first by rank, then the others by status and name."""
    rows = compared_with_native(rows, records)
    why_not = [_obstacle(row, record, allow_toy) for row, record in zip(rows, records, strict=True)]
    able = sorted(
        (i for i, why in enumerate(why_not) if why is None), key=lambda i: rows[i].candidate
    )
    used = _energy_axes([rows[i] for i in able], weights)
    short = _lacks_energy(used, [rows[i] for i in able])
    for k in sorted(short, reverse=True):
        why_not[able[k]] = f"no {short[k]}: not ranked"
        del able[k]
    used = _energy_axes([rows[i] for i in able], weights)
    done = [
        row.model_copy(update={"reason": _join(row.reason, why)}) if why else row
        for row, why in zip(rows, why_not, strict=True)
    ]
    notes = list(used.notes)
    if able:
        members = [done[i] for i in able]
        scored, said = _score_members(
            members, [records[i] for i in able], used, model, seed, samples
        )
        notes += said
        for i, row in zip(able, scored, strict=True):
            done[i] = row
    done.sort(key=lambda r: (r.rank is None, r.rank or 0, r.status, r.candidate))
    return done, notes


def _obstacle(row: RankedRow, record: CandidateRecord | None, allow_toy: bool) -> str | None:
    """Why a row cannot rank, or None; empty text where its own reason says it already."""
    if row.status != "ok":
        return "" if row.reason else f"status {row.status}"
    if record is not None and record.toy and not allow_toy:
        return "made by the toy engine: never ranks"
    if row.role == "self-test":
        return "self-test: checks the method, does not rank"
    if row.binding_energy_eV is None:
        reaction = record.reaction("binding") if record is not None else None
        return (
            f"no binding energy: {reaction.reason if reaction and reaction.reason else 'missing'}"
        )
    return None


def _energy_axes(rows: Sequence[RankedRow], weights: Mapping[str, float]) -> _Energies:
    """Axis values of the rows, NaN where missing; binding stands in where no vs_native exists."""
    raw = {name: np.array([_axis_value(row, name) for row in rows], float) for name in weights}
    weights, notes = dict(weights), []
    if "vs_native_eV" in raw and len(rows):
        binding = np.array([_axis_value(row, "binding_energy_eV") for row in rows], float)
        natives = [k for k, row in enumerate(rows) if row.role == "native"]
        versus = raw["vs_native_eV"]
        if natives and np.isnan(versus[natives[0]]):
            versus[natives[0]] = 0.0
        if not np.isfinite(np.delete(versus, natives)).any():
            raw["vs_native_eV"] = binding - np.median(binding)
            notes.append(
                "no native reference: binding energies against their median stand in for vs_native (same differences)"
            )
    absent = [name for name, values in raw.items() if not np.isfinite(values).any()]
    if absent and len(rows):
        notes.append(f"nobody has {', '.join(absent)}: left out of fronts and score")
    return _Energies(raw, weights, notes)


def _lacks_energy(used: _Energies, rows: Sequence[RankedRow]) -> dict[int, str]:
    """Position -> energy axis that a row lacks while others have it: energies are never guessed."""
    lacking = {}
    for name in ("vs_native_eV", "binding_energy_eV", "exchange_eV"):
        values = used.raw.get(name)
        if values is None or not used.weights.get(name) or not np.isfinite(values).any():
            continue
        lacking |= {int(k): name for k in np.flatnonzero(~np.isfinite(values))}
    return lacking


def _axis_value(row: RankedRow, axis: str) -> float:
    if axis == "trap_verdict":
        return TRAP_SCALE.get(row.trap_verdict or "", math.nan)
    value = getattr(row, axis, None)
    return math.nan if value is None else float(value)


def _score_members(
    rows: Sequence[RankedRow],
    records: Sequence[CandidateRecord],
    used: _Energies,
    model: ErrorModel,
    seed: int,
    samples: int,
) -> tuple[list[RankedRow], list[str]]:
    axes = scale(used.raw)
    scores = score(axes, used.weights)
    errors = _score_errors(rows, records, axes, used, model)
    nominal = ranks(scores)
    low, high = rank_intervals(scores, errors, seed, samples)
    weights_low, weights_high = weight_intervals(axes, used.weights, seed)
    tied, n_tied = ties(scores, errors, MOST_TIES_LISTED)
    front = pareto.fronts(axes.values)
    without_cs = _ranks_without_cs(rows, records, axes, used, scores)
    result = []
    for k, row in enumerate(rows):
        missing = [axes.names[m] for m in np.flatnonzero(errors.uniform[k] > 0)]
        flags = []
        if not low[k] <= without_cs[k] <= high[k]:
            flags.append(
                f"rank {nominal[k]} becomes {without_cs[k]} without the dispersion of Cs pairs"
            )
        if n_tied[k] > MOST_TIES_LISTED:
            flags.append(f"tied with {n_tied[k]}, the nearest {MOST_TIES_LISTED} listed")
        if missing:
            flags.append(f"no {', '.join(missing)}: its interval spans what the others have")
        result.append(
            row.model_copy(
                update={
                    "rank": int(nominal[k]),
                    "rank_low": int(low[k]),
                    "rank_high": int(high[k]),
                    "score": float(scores[k]),
                    "scaled": {
                        n: float(v) for n, v in zip(axes.names, axes.values[k], strict=True)
                    },
                    "pareto_front": int(front[k]),
                    "tied_with": [rows[j].candidate for j in tied[k]],
                    "weights_rank_low": int(weights_low[k]),
                    "weights_rank_high": int(weights_high[k]),
                    "flags": flags,
                }
            )
        )
    return result, _stability_notes(rows, nominal, high, weights_high)


def _score_errors(
    rows: Sequence[RankedRow],
    records: Sequence[CandidateRecord],
    axes: ScaledAxes,
    used: _Energies,
    model: ErrorModel,
) -> ScoreErrors:
    """Errors of the energies, carried linearly into the score; the native's own error shifts all alike and drops out."""
    total = sum(used.weights.get(name, 0.0) for name in axes.names) or 1.0
    n, n_terms = len(rows), len(model.terms)
    dispersion = np.array([row.dispersion_share_eV or 0.0 for row in rows])
    measured = [own_errors(record)[0] for record in records]
    common, own = np.zeros((n, n_terms)), np.zeros((n, n_terms))
    # The exchange energy is the binding energy plus one number for all rows of a socket (socket + AX - pristine slab), so it
    # has the binding energy's own errors; what that number adds to the common ones shifts all scores alike and drops out.
    quantities = {
        "vs_native_eV": "binding",
        "binding_energy_eV": "binding",
        "exchange_eV": "exchange",
        "lability_eV": "lability",
    }
    uniform = np.zeros_like(axes.half_width)
    for m, name in enumerate(axes.names):
        slope = used.weights.get(name, 0.0) / total
        uniform[:, m] = slope * axes.half_width[:, m]
        if name in quantities:
            factors = loadings(model, dispersion, quantities[name], measured)
            slope /= AXES[name].one - AXES[name].zero
            known = (axes.half_width[:, m] == 0)[:, None]
            common += slope * factors.common * known
            own += slope * factors.own * known
    return ScoreErrors(common, np.sqrt(np.sum(own**2, axis=1)), uniform)


def _ranks_without_cs(
    rows: Sequence[RankedRow],
    records: Sequence[CandidateRecord],
    axes: ScaledAxes,
    used: _Energies,
    scores: np.ndarray,
) -> np.ndarray:
    """Ranks if the dispersion energy of pairs with Cs counted for nothing; an unknown value stays where it stands."""
    binding = np.array([row.dispersion_cs_eV or 0.0 for row in rows])
    exchange = [_cs_part(record, "exchange") for record in records]
    lability = [
        0.0 if row.lability_eV is None else row.lability_eV - lability_without_cs(record)
        for row, record in zip(rows, records, strict=True)
    ]
    parts = {"vs_native_eV": binding, "binding_energy_eV": binding}
    parts |= {"exchange_eV": np.array(exchange), "lability_eV": np.array(lability)}
    total = sum(used.weights.get(name, 0.0) for name in axes.names) or 1.0
    shifted = scores.copy()
    for m, name in enumerate(axes.names):
        if name in parts:
            slope = used.weights.get(name, 0.0) / total / (AXES[name].one - AXES[name].zero)
            shifted -= slope * parts[name] * (axes.half_width[:, m] == 0)
    return ranks(shifted)


def _cs_part(record: CandidateRecord, name: str) -> float:
    reaction = record.reaction(name)
    return 0.0 if reaction is None else reaction.dispersion_cs_eV or 0.0


def _stability_notes(
    rows: Sequence[RankedRow], nominal: np.ndarray, high: np.ndarray, weights_high: np.ndarray
) -> list[str]:
    first = [row.candidate for k, row in enumerate(rows) if nominal[k] == 1]
    last_interval = max(int(high[k]) for k in range(len(rows)) if nominal[k] == 1)
    last_weights = max(int(weights_high[k]) for k in range(len(rows)) if nominal[k] == 1)
    return [
        f"first by score: {', '.join(first)}; down to rank {last_interval} within the errors, to {last_weights} under other weights"
    ]


def _method_notes(weights: Mapping[str, float], model: ErrorModel) -> list[str]:
    low, high = INTERVAL_PERCENT
    shown = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
    notes = [
        f"score: weighted mean of axes scaled on fixed windows (weights {shown})",
        f"rank_low and rank_high: {low:.0f}th and {high:.0f}th percentile over the error model; tied: closer than one standard deviation of the difference",
        f"weights_rank_low and weights_rank_high: same percentiles with each weight varied by a factor of {WEIGHT_FACTOR:g} up and down",
    ]
    if model.assumed:
        notes.append(f"assumed, not measured, error terms: {', '.join(model.assumed)}")
    return notes


def _join(*texts: str | None) -> str:
    return "; ".join(text for text in texts if text)
