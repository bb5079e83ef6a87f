"""`peropass validate`: bulk lattice constants and gaps, computed and put beside published values.

Every value that `structures/published.yaml` lists for a host is computed at the protocol ``bulk-<functional>`` (plane waves at 400 eV,
no dispersion); the drop of the gap by spin-orbit coupling with both operators of `peropass.engine.spin_orbit`. Records lie in one folder, so a second call reads them and computes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from peropass.config import PROTOCOLS_FILE
from peropass.engine import bulk_gap, equation_of_state
from peropass.engine.jobs import Job
from peropass.engine.protocol import Protocol, SpinOrbit, load_protocols
from peropass.errors import InputError
from peropass.published import Published, lookup, published_values
from peropass.records import Address, Check, EosRecord, GapRecord, write_record
from peropass.surfaces.hosts import bulk, load_host

FOLDER = Path("results/reference/bulk")
DROP = "spin_orbit_gap_drop"
QUANTITIES = ("lattice_constant", "band_gap", DROP)


def main(argv: Sequence[str] | None = None) -> int:
    """0 all within the published tolerance, 1 some are not."""
    parser = argparse.ArgumentParser(prog="peropass validate", description=__doc__)
    parser.add_argument("--host", action="append", help="only this host; may be repeated")
    parser.add_argument("--xc", action="append", help="only this functional; may be repeated")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the records lie")
    options = parser.parse_args(argv)
    protocols = load_protocols(PROTOCOLS_FILE)
    checks = []
    for value in published_values():
        wanted = (not options.host or value.host in options.host) and (
            not options.xc or value.xc in options.xc
        )
        if value.quantity in QUANTITIES and wanted:
            protocol = _protocol(protocols, value.xc)
            for operator in _operators(value.quantity):
                found = check(value, protocol, options.folder, operator)
                checks.append(found)
                sys.stdout.write(line(found) + "\n")
                sys.stdout.flush()
    return 0 if all(c.passed for c in checks) else 1


def line(found: Check) -> str:
    """One row of the printed table."""
    value = "no value" if found.value is None else f"{found.value:.4f} {found.unit}"
    return f"{found.name:<60} {value:<18} published {found.limit:<40} {'ok' if found.passed else 'DIFFERS'}"


def check(
    value: Published, protocol: Protocol, folder: Path, operator: SpinOrbit = "mass"
) -> Check:
    """Compute what `value` publishes and compare; `operator` is that of the spin-orbit coupling."""
    eos = lattice(value.host, protocol, folder)
    if value.quantity == "lattice_constant":
        found = eos.a_without_dispersion_ang
    elif eos.a_without_dispersion_ang is None:
        found = None
    else:
        record = gap(value.host, eos.a_without_dispersion_ang, protocol, folder)
        found = _gap_quantity(record, value.quantity, operator)
    return Check(
        name=f"{value.quantity} {value.host} {value.xc}{_suffix(value.quantity, operator)}",
        value=found,
        unit=value.unit,
        limit=f"{value.value:g} +- {value.tolerance:g}",
        passed=found is not None and abs(found - value.value) <= value.tolerance,
    )


def lattice(host: str, protocol: Protocol, folder: Path) -> EosRecord:
    """Equation of state of a host, started at the published value of the functional where there is one."""
    published = lookup("lattice_constant", host, protocol.energy.xc)
    phase = load_host(host)
    cell = bulk(phase)
    if published is not None:
        cell = equation_of_state.scaled(cell, published.value)
    setting = equation_of_state.bulk_setting(protocol)
    job = _job(host, protocol, folder / protocol.name / host / "eos.record.json", "bulk", setting)
    value, source = (published.value, published.source) if published else (None, "")
    return equation_of_state.run(cell, job, value, source)


def gap(host: str, a_ang: float, protocol: Protocol, folder: Path) -> GapRecord:
    """Gap at the functional's own lattice constant, with its checks against published values."""
    cell = equation_of_state.scaled(bulk(load_host(host)), a_ang)
    path = folder / protocol.name / host / "gap.record.json"
    record = bulk_gap.run(cell, _job(host, protocol, path, "levels", bulk_gap.gap_setting()))
    checks = []
    for quantity in ("band_gap", DROP):
        value = lookup(quantity, host, protocol.energy.xc)
        for operator in _operators(quantity):
            found = _gap_quantity(record, quantity, operator)
            if value is not None and found is not None:
                checks.append(
                    Check(
                        name=quantity.replace("_", " ") + _suffix(quantity, operator),
                        value=found,
                        unit=value.unit,
                        limit=f"{value.value:g} +- {value.tolerance:g} ({value.source})",
                        passed=abs(found - value.value) <= value.tolerance,
                    )
                )
    record = record.model_copy(update={"checks": checks})
    write_record(record, path)
    return record


def _operators(quantity: str) -> tuple[SpinOrbit, ...]:
    return ("bare", "mass") if quantity == DROP else ("mass",)


def _suffix(quantity: str, operator: SpinOrbit) -> str:
    return f", {operator} operator" if quantity == DROP else ""


def _gap_quantity(record: GapRecord, quantity: str, operator: SpinOrbit) -> float | None:
    if quantity == "band_gap":
        return record.gap_eV
    coupled = record.gap_soc_eV if operator == "bare" else record.gap_soc_mass_eV
    if record.gap_eV is None or coupled is None:
        return None
    return round(record.gap_eV - coupled, 4)


def _job(host: str, protocol: Protocol, path: Path, stage: str, setting) -> Job:
    return Job(
        address=Address(campaign=path.parents[2].name, protocol=protocol.name, host=host),
        protocol=protocol,
        record=path,
        role="bulk",
        stage=stage,
        setting=setting,
        relax=False,
        command=f"peropass validate --host {host} --xc {protocol.energy.xc}",
    )


def _protocol(protocols: dict[str, Protocol], xc: str) -> Protocol:
    name = f"bulk-{xc}"
    if name not in protocols:
        raise InputError(str(PROTOCOLS_FILE), f"no block {name}", "one per published functional")
    return protocols[name]
