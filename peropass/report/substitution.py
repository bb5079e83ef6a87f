"""Dopants on the B site for the report: one table per host, every missing number with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peropass.records import SubstitutionRecord, SubstitutionValue

if TYPE_CHECKING:
    from peropass.report.collect import Reader

SUBSTITUTION_GLOB = "*/*/substitution/substitution.record.json"  # protocol/host
WORDS = {
    "solution-bulk": "solution in the bulk; negative = dissolves",
    "solution-surface": "solution at the surface; negative = dissolves",
    "surface-preference": "surface against bulk; negative = it stays outside",
    "lattice-response": "lattice constant, relative change per unit fraction; negative = contraction",
    "vacancy-beside-host-ion": "pair vacancy next to the host's ion; positive = costs",
    "vacancy-beside-dopant": "pair vacancy next to the dopant; positive = costs",
    "dopant-on-vacancy": "what the dopant adds to the vacancy; positive = it suppresses it",
}


@dataclass(frozen=True)
class DopantTable:
    """One host as the page shows it."""

    host: str
    caption: str
    rows: list[dict]


def collect_substitutions(reader: Reader) -> list[SubstitutionRecord]:
    """The records of dopants below the campaign folder that can be read."""
    found = [
        reader.record(path, SubstitutionRecord)
        for path in sorted(reader.folder.glob(SUBSTITUTION_GLOB))
    ]
    return [record for record in found if record is not None]


def dopant_table(record: SubstitutionRecord) -> DopantTable:
    """Rows in the order of the record: dopant, what, face, value with unit, status and reason."""
    mesh = "x".join(map(str, record.kpts)) if record.kpts else "several"
    size = "" if record.a_ang is None else f", lattice constant {record.a_ang:.3f} \u00c5"
    caption = (
        f"{record.address.host}: bulk cell {record.cell} with a fraction of {record.fraction:g} of B replaced{size}, "
        f"k-points {mesh}; eV per dopant or vacancy, ratios have unit 1"
    )
    return DopantTable(record.address.host, caption, [_row(row) for row in record.rows])


def _row(row: SubstitutionValue) -> dict:
    return {
        "dopant": row.dopant,
        "what": WORDS[row.name],
        "face": row.termination or "bulk",
        "value": row.value,
        "error": row.error,
        "unit": row.unit,
        "digits": 3 if row.unit == "eV" else 4,
        "status": row.status,
        "reason": row.reason or row.equation,
    }
