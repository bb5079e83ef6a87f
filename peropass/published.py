"""Published reference values: data in structures/published.yaml, read where something is compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from peropass.errors import InputError

FILE = Path(__file__).resolve().parents[1] / "structures" / "published.yaml"


@dataclass(frozen=True)
class Published:
    """One published number, with its unit, tolerance and source."""

    quantity: str
    host: str
    xc: str
    value: float
    unit: str
    tolerance: float
    source: str


def published_values(path: Path = FILE) -> list[Published]:
    """All rows; InputError names a row that is not complete."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = []
    for number, row in enumerate(rows):
        try:
            found.append(Published(**row))
        except TypeError as error:
            raise InputError(
                f"structures/{path.name}: row {number}", str(error), "the keys of Published"
            ) from None
    return found


def lookup(quantity: str, host: str, xc: str) -> Published | None:
    """The published value of one quantity, or None."""
    return next(
        (p for p in published_values() if (p.quantity, p.host, p.xc) == (quantity, host, xc)), None
    )
