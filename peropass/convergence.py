"""`peropass convergence`: run the ladders of a file, then write their tables, plots and error terms."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from peropass import paths
from peropass.analysis import convergence as analysis
from peropass.config import PROTOCOLS_FILE
from peropass.engine.protocol import Protocol, load_protocols
from peropass.errors import InputError
from peropass.records import (
    CalculationRecord,
    CandidateRecord,
    EosRecord,
    Name,
    read_record,
    write_text,
)
from peropass.report import convergence as report
from peropass.validation import load_yaml, validated

DEFAULT = "config/convergence.yaml"
POINTS = Path("results/convergence/points")
DOCS = Path("docs")
LADDERS = ("cutoff", "k_points", "vacuum", "box", "layers")


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ladder(_Closed):
    unit: str
    rungs: list[float] = Field(min_length=2, description="coarse to fine")
    serves: dict[Name, float] = Field(description="protocol -> rung that it works at")
    fixed_structure: bool = False


class Plan(_Closed):
    """One convergence file."""

    structures: str
    protocol: Name
    host: Name
    termination: Name
    site: Name
    probes: dict[Name, str]
    ladders: dict[str, Ladder]
    planned: dict[str, str] = Field(default_factory=dict)


def load_plan(path: str | Path) -> tuple[Plan, Protocol]:
    """Read a convergence file; InputError names an unknown ladder or protocol."""
    plan = validated(Plan, load_yaml(path), str(path))
    unknown = sorted(set(plan.ladders) - set(LADDERS))
    if unknown:
        raise InputError(f"{path}: ladders", unknown[0], ", ".join(LADDERS))
    protocols = load_protocols(PROTOCOLS_FILE)
    for name in [plan.protocol, *(p for ladder in plan.ladders.values() for p in ladder.serves)]:
        if name not in protocols:
            raise InputError(f"{path}: protocol", name, ", ".join(protocols))
    return plan, protocols[plan.protocol]


def main(argv: Sequence[str] | None = None) -> int:
    """0 all points of the chosen ladders are there, 1 some failed."""
    parser = argparse.ArgumentParser(prog="peropass convergence", description=__doc__)
    parser.add_argument("config", nargs="?", default=DEFAULT)
    parser.add_argument("--ladder", action="append", help="only this one; may be repeated")
    parser.add_argument("--probe", action="append", help="only this one; may be repeated")
    parser.add_argument("--structures", help="campaign folder with the relaxed structures")
    parser.add_argument("--points", type=Path, default=POINTS, help="where the records lie")
    parser.add_argument(
        "--write-only", action="store_true", help="compute nothing, write the pages"
    )
    options = parser.parse_args(argv)
    plan, protocol = load_plan(options.config)
    path = DOCS / "convergence.json"
    known = json.loads(path.read_text())["ladders"] if path.exists() else {}
    bindings = {
        name: {
            probe: dict(found) for probe, found in known.get(name, {}).get("bindings", {}).items()
        }
        for name in plan.ladders
    }
    failed = False
    if not options.write_only:
        folder = Path(options.structures or plan.structures)
        for name in options.ladder or plan.ladders:
            for probe in options.probe or plan.probes:
                found = climb(plan, protocol, name, probe, folder, options.points)
                failed |= len(found) < len(plan.ladders[name].rungs)
                if found:
                    bindings[name][probe] = found
                    write_pages(plan, bindings)
    write_pages(plan, bindings)
    return 1 if failed else 0


def climb(
    plan: Plan, protocol: Protocol, ladder: str, probe: str, folder: Path, points: Path
) -> dict[str, float]:
    """Rung (as text) -> binding energy of one probe, eV. Rungs whose SCF fails are left out."""
    from peropass.engine import ladder_jobs

    start = relaxed(plan, protocol, probe, folder)
    found: dict[str, float] = {}
    for rung in plan.ladders[ladder].rungs:
        energies, seconds = {}, 0.0
        for point in ladder_jobs.points(start, protocol, ladder, rung):
            record = ladder_jobs.run(
                point, probe, points, f"peropass convergence --ladder {ladder}"
            )
            seconds += record.provenance.core_s
            if record.energy is not None:
                energies[point.species] = record.energy.total_eV
        if len(energies) == 3:
            binding = energies["loaded"] - energies["socket"] - energies["molecule"]
            found[str(rung)] = round(binding, 5)
            sys.stdout.write(f"{ladder} {probe} {rung:g}: {binding:.4f} eV, {seconds:.0f} core-s\n")
            sys.stdout.flush()
    return found


def relaxed(plan: Plan, protocol: Protocol, probe: str, folder: Path):
    """Structures of a probe from the records of a finished campaign.

    Raises
    ------
    InputError
        A record is missing or not ok.
    """
    from ase.io import read

    from peropass.engine.ladder_jobs import Start

    fields = {"host": plan.host, "termination": plan.termination, "site": plan.site}
    campaign = paths.CAMPAIGN + "/{protocol}"

    def place(pattern: str, **more: str) -> Path:
        inside = pattern.removeprefix(campaign).format(**fields, candidate=probe, **more)
        return folder / plan.protocol / inside.lstrip("/")

    def structure(file: Path) -> tuple:
        record = read_record(file, CalculationRecord)
        if record.status != "ok" or record.final is None:
            raise InputError(str(file), record.status, "a finished relaxation")
        return read(file.parent / record.final.file, format="extxyz"), record

    summary = place(paths.CANDIDATE)
    pose = read_record(summary, CandidateRecord).best_pose if summary.exists() else None
    loaded, record = structure(place(paths.LOADED, pose=pose or "k0"))
    socket, _ = structure(place(paths.CLEAN))
    molecule, _ = structure(place(paths.MOLECULE))
    eos = read_record(place(paths.BULK), EosRecord)
    for key in ("xc", "dispersion"):
        if record.settings[key] != getattr(protocol.energy, key):
            raise InputError(f"{folder}: {key}", record.settings[key], f"that of {protocol.name}")
    return Start(
        loaded,
        socket,
        molecule,
        record.kpts,
        protocol.molecule_margin_ang,
        eos.a_ang,
        int(socket.arrays["layer"].max()),
    )


def write_pages(plan: Plan, bindings: dict[str, dict[str, dict[str, float]]]) -> None:
    """docs/convergence.json, docs/convergence.md and one plot per ladder that has points."""
    ladders = {}
    for name, ladder in plan.ladders.items():
        numbers = {
            probe: {float(rung): value for rung, value in found.items()}
            for probe, found in bindings[name].items()
        }
        terms = {
            protocol: term.__dict__
            for protocol, rung in ladder.serves.items()
            if (term := analysis.measured(numbers, ladder.rungs, rung)) is not None
        }
        ladders[name] = {
            "unit": ladder.unit,
            "rungs": ladder.rungs,
            "fixed_structure": ladder.fixed_structure,
            "bindings": bindings[name],
            "terms": terms,
        }
        if numbers:
            report.plot(name, numbers, DOCS / "images" / f"convergence-{name}.svg")
    found = {
        "protocol": plan.protocol,
        "host": plan.host,
        "termination": plan.termination,
        "site": plan.site,
        "probes": plan.probes,
        "ladders": ladders,
        "planned": plan.planned,
    }
    write_text(DOCS / "convergence.json", json.dumps(found, indent=1) + "\n")
    write_text(DOCS / "convergence.md", report.page(json.loads(json.dumps(found))))
