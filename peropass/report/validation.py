"""Computed against published values, as far as records and references share a definition."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from peropass.errors import PeropassError
from peropass.published import Published, lookup, published_values
from peropass.records import Check, EosRecord, GapRecord, Record, read_record
from peropass.report.collect import Collection

REFERENCE_BULK = Path(__file__).resolve().parents[2] / "results" / "reference" / "bulk"
BARTEL = "Bartel et al. 2019, 10.1126/sciadv.aav0693"

# tau of the end members as printed in the paper
TAU = {
    "CsPbF3": 3.57,
    "CsPbCl3": 3.98,
    "CsPbBr3": 4.10,
    "CsPbI3": 4.30,
    "MAPbBr3": 3.68,
    "FAPbBr3": 3.47,
}
TAU_TOLERANCE = 0.01


@dataclass(frozen=True)
class Comparison:
    """One computed value beside a published one; passed if they differ by no more than `tolerance`."""

    quantity: str
    computed: float | None
    published: float
    unit: str
    tolerance: float
    source: str
    note: str = ""

    @property
    def difference(self) -> float | None:
        return None if self.computed is None else self.computed - self.published

    @property
    def passed(self) -> bool:
        # Half of the last digit that published tables print must not decide.
        return self.difference is not None and abs(self.difference) <= self.tolerance + 1e-9


def comparisons(collection: Collection) -> list[Comparison]:
    """Comparisons that follow from the records alone."""
    found = [c for record in collection.eos if (c := _lattice(record)) is not None]
    seen: set[str] = set()
    for one in collection.evidence:
        formability = one.candidate.formability if one.candidate is not None else None
        if formability is None or formability.composition in seen:
            continue
        seen.add(formability.composition)
        if formability.composition in TAU:
            found.append(
                Comparison(
                    f"tau of {formability.composition}",
                    formability.tau,
                    TAU[formability.composition],
                    "1",
                    TAU_TOLERANCE,
                    BARTEL,
                )
            )
    return found


def reference_comparisons(folder: Path = REFERENCE_BULK) -> list[Comparison]:
    """Every published bulk value against the records of `peropass validate`; what was not computed says so.

    These belong to the code and its reference protocols, not to a campaign; so do the factors of the end members.
    """
    from peropass.chemistry.formability import describe

    found = [
        Comparison(f"tau of {formula}", describe(formula).tau, tau, "1", TAU_TOLERANCE, BARTEL)
        for formula, tau in TAU.items()
    ]
    for value in published_values():
        for name, computed, note in _reference_values(value, folder / f"bulk-{value.xc}"):
            found.append(
                Comparison(
                    f"{name} of {value.host}, {value.xc} (protocol bulk-{value.xc})",
                    computed,
                    value.value,
                    value.unit,
                    value.tolerance,
                    value.source,
                    note,
                )
            )
    return found


def _reference_values(value: Published, folder: Path) -> list[tuple[str, float | None, str]]:
    """(name, computed, note) of what the records of one protocol say of a published quantity."""
    name = value.quantity.replace("_", " ")
    if value.quantity == "lattice_constant":
        record, note = _reference(folder / value.host / "eos.record.json", EosRecord)
        return [(name, record.a_without_dispersion_ang if record else None, note)]
    if value.quantity not in ("band_gap", "spin_orbit_gap_drop"):
        return [(name, None, "")]
    record, note = _reference(folder / value.host / "gap.record.json", GapRecord)
    if record is None or record.gap_eV is None:
        return [(name, None, note)]
    if value.quantity == "band_gap":
        return [(name, record.gap_eV, "")]
    coupled = {"with": record.gap_soc_mass_eV, "without": record.gap_soc_eV}
    return [
        (f"{name} {word} the relativistic mass", None if gap is None else record.gap_eV - gap, "")
        for word, gap in coupled.items()
    ]


def _reference(path: Path, kind: type[Record]) -> tuple[Record | None, str]:
    """The record and nothing to say, or None and the reason."""
    if not path.exists():
        return None, ""
    try:
        return read_record(path, kind), ""
    except PeropassError as error:
        return None, str(error).removeprefix(f"{path}: ")


def _lattice(record: EosRecord) -> Comparison | None:
    """The host's lattice constant without dispersion, where a value of the same functional is published."""
    host = record.address.host
    if _atoms(host.split("-")[0]) != record.composition:  # a reservoir, not the host
        return None
    functional = str(_setting(record.settings, "xc"))
    published = lookup("lattice_constant", host, functional)
    if published is None:
        return None
    computed = record.a_without_dispersion_ang
    if computed is None and _setting(record.settings, "dispersion") == "none":
        computed = record.a_ang
    return Comparison(
        f"lattice constant of {host}, {functional} without dispersion",
        computed,
        published.value,
        published.unit,
        published.tolerance,
        published.source,
        ""
        if computed is not None or record.a_ang is None
        else f"with dispersion {record.a_ang:.3f}",
    )


def _atoms(formula: str) -> dict[str, int]:
    return {
        symbol: int(count or 1) for symbol, count in re.findall(r"([A-Z][a-z]?)([0-9]*)", formula)
    }


def _setting(settings: dict, key: str) -> object:
    """A setting, wherever it stands in at most one block of nesting."""
    if key in settings:
        return settings[key]
    return next((v[key] for v in settings.values() if isinstance(v, dict) and key in v), None)


def checks(collection: Collection) -> list[tuple[str, Check]]:
    """Checks of the equations of state and the self-tests, each with what it belongs to."""
    found = [(f"{r.address.host} equation of state", c) for r in collection.eos for c in r.checks]
    if collection.ranking is not None:
        found += [("self-test", c) for c in collection.ranking.self_tests]
    return found


def all_passed(rows: Iterable[Comparison], checked: Iterable[tuple[str, Check]]) -> bool:
    return all(r.passed for r in rows if r.computed is not None) and all(
        c.passed for _, c in checked
    )
