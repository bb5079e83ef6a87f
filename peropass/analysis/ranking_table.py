"""The ranking as CSV: a fixed set of leading columns, then the further ones."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from peropass.records import RankingRecord, write_text

LEADING_COLUMNS = (
    "rank",
    "rank_low",
    "rank_high",
    "candidate",
    "class",
    "host",
    "termination",
    "site",
    "status",
    "binding_energy_eV",
    "vs_native_eV",
    "dispersion_share_eV",
    "trap_verdict",
    "n_traps",
    "gap_eV",
    "t",
    "mu",
    "tau",
    "n_atoms",
    "core_seconds",
)
# Column -> field of the row, for those whose names differ.
_FIELD = {"class": "ligand_class", "distortion_max_shift_ang": "distortion"}
FURTHER_COLUMNS = (
    "role",
    "binding_error_eV",
    "vs_native_error_eV",
    "exchange_eV",
    "lability_eV",
    "lability_error_eV",
    "dispersion_cs_eV",
    "ligand_levels",
    "distortion_max_shift_ang",
    "chain_length_ang",
    "migration_barrier_eV",
    "pareto_front",
    "score",
    "weights_rank_low",
    "weights_rank_high",
    "tied_with",
    "flags",
    "reason",
)


def csv_text(ranking: RankingRecord) -> str:
    """The ranking as CSV: the leading columns in their fixed order, then the further ones."""
    stream = io.StringIO()
    columns = (*LEADING_COLUMNS, *FURTHER_COLUMNS)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in ranking.rows:
        writer.writerow([_cell(getattr(row, _FIELD.get(column, column))) for column in columns])
    return stream.getvalue()


def write_csv(ranking: RankingRecord, path: str | Path) -> Path:
    """Write `csv_text` by rename."""
    return write_text(path, csv_text(ranking))


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return value
