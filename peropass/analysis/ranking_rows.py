"""One line of the ranking from one candidate record, before anything is compared; rows for what has no record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from peropass.analysis.desorption import Held, explain
from peropass.analysis.uncertainty import ErrorModel, Measured, dispersion_difference, sigma
from peropass.errors import InputError
from peropass.records import CandidateRecord, RankedRow

VERSUS_NATIVE = "vs-native"
Socket = tuple[str, str, str]


def make_row(record: CandidateRecord, model: ErrorModel) -> RankedRow:
    """Everything of the row that needs no other candidate."""
    binding = record.reaction("binding")
    versus = record.reaction(VERSUS_NATIVE)
    exchange = record.reaction("exchange")
    dispersion = 0.0 if binding is None else binding.dispersion_eV or 0.0
    native_dispersion = dispersion - (0.0 if versus is None else versus.dispersion_eV or 0.0)
    measured, native = own_errors(record)
    lability = cheapest_channel(record)
    traps, formability, distortion = record.traps, record.formability, record.distortion
    return RankedRow(
        rank=None,
        rank_low=None,
        rank_high=None,
        candidate=record.address.candidate,
        ligand_class=record.ligand_class,
        host=record.address.host,
        termination=record.address.termination,
        site=record.address.site,
        status=record.status,
        binding_energy_eV=None if binding is None else binding.value_eV,
        binding_error_eV=_error(binding, sigma(model, "binding", dispersion, measured=measured)),
        vs_native_eV=None if versus is None else versus.value_eV,
        vs_native_error_eV=_error(
            versus, sigma(model, "vs_native", dispersion, native_dispersion, measured, native)
        ),
        exchange_eV=None if exchange is None else exchange.value_eV,
        lability_eV=lability,
        lability_error_eV=None
        if lability is None
        else sigma(model, "lability", dispersion, measured=measured),
        dispersion_share_eV=None if binding is None else binding.dispersion_eV,
        dispersion_cs_eV=None if binding is None else binding.dispersion_cs_eV,
        trap_verdict=None if traps is None else traps.verdict,
        n_traps=None if traps is None else traps.n_traps_after,
        gap_eV=None if traps is None else traps.gap_eV,
        ligand_levels=None if traps is None else traps.n_ligand_levels,
        distortion=None if distortion is None else distortion.max_surface_shift_ang,
        chain_length_ang=record.chain_length_ang,
        migration_barrier_eV=record.migration_barrier_eV,
        t=None if formability is None else formability.t,
        mu=None if formability is None else formability.mu,
        tau=None if formability is None else formability.tau,
        n_atoms=record.n_atoms,
        core_seconds=record.core_seconds,
        role=record.role,
        reason="; ".join([record.reason, *record.anomalies] if record.reason else record.anomalies),
    )


def own_errors(record: CandidateRecord) -> tuple[Measured, Measured]:
    """What the records of a candidate say of its own errors, and of those of the native ligand."""
    binding, versus = record.reaction("binding"), record.reaction(VERSUS_NATIVE)
    models = [
        None if r is None else dispersion_difference(r.dispersion_models_eV)
        for r in (binding, versus)
    ]
    of_native = None if None in models else models[0] - models[1]
    return Measured(record.pose_error_eV, models[0]), Measured(None, of_native)


def compared_with_native(
    rows: Sequence[RankedRow], records: Sequence[CandidateRecord | None]
) -> list[RankedRow]:
    """Rows of one socket with the comparison of their desorption ladder with that of the first native ligand."""
    natives = [r for r in records if r is not None and r.role == "native" and r.channels]
    if not natives:
        return list(rows)
    native = held(natives[0])
    return [
        row
        if record is None or not record.channels or record is natives[0]
        else row.model_copy(update={"lability_note": explain(held(record), native)})
        for row, record in zip(rows, records, strict=True)
    ]


def held(record: CandidateRecord) -> Held:
    """What the comparison of two ladders needs of a candidate."""
    binding = record.reaction("binding")
    return Held(
        record.address.candidate, record.channels, None if binding is None else binding.value_eV
    )


def cheapest_channel(record: CandidateRecord) -> float | None:
    """Free energy of the cheapest desorption channel, eV; None if no channel has one."""
    known = [
        c.free_energy_eV
        for c in record.channels
        if c.status == "ok" and c.free_energy_eV is not None
    ]
    return min(known) if known else None


def lability_without_cs(record: CandidateRecord) -> float | None:
    """As `cheapest_channel` if the dispersion energy of pairs with Cs counted for nothing, in the ligand or a bulk phase."""
    binding = record.reaction("binding")
    bound = 0.0 if binding is None else binding.dispersion_cs_eV or 0.0
    known = [
        c.free_energy_eV - (-bound if c.dispersion_cs_eV is None else c.dispersion_cs_eV)
        for c in record.channels
        if c.status == "ok" and c.free_energy_eV is not None
    ]
    return min(known) if known else None


def _error(reaction, value: float) -> float | None:
    if reaction is None or reaction.value_eV is None:
        return None
    return value if reaction.error_eV is None else reaction.error_eV


def refuse_duplicates(rows: Sequence[RankedRow]) -> None:
    seen = Counter((r.host, r.termination, r.site, r.candidate) for r in rows)
    twice = ["/".join(key) for key, count in seen.items() if count > 1]
    if twice:
        raise InputError("candidate records", f"two of {twice[0]}", "one per candidate and socket")


def missing_rows(rows: Sequence[RankedRow], expected: Sequence[str]) -> list[RankedRow]:
    have = {r.candidate for r in rows} | {
        "/".join((r.host, r.termination, r.site, r.candidate)) for r in rows
    }
    missing = []
    for name in dict.fromkeys(expected):
        if name in have:
            continue
        *socket, candidate = name.split("/")
        host, termination, site = socket if len(socket) == 3 else _only_socket(rows)
        missing.append(
            RankedRow(
                rank=None,
                rank_low=None,
                rank_high=None,
                candidate=candidate,
                ligand_class="unknown",
                host=host,
                termination=termination,
                site=site,
                status="missing",
                reason="no record: not computed yet, or its job never finished",
            )
        )
    return missing


def _only_socket(rows: Sequence[RankedRow]) -> Socket:
    sockets = {(r.host, r.termination, r.site) for r in rows}
    return next(iter(sockets)) if len(sockets) == 1 else ("none", "none", "none")
