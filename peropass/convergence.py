"""`peropass convergence`: run the ladders of a file, then write their tables, plots and the error terms that rank.

    peropass convergence --list                       what is there, and what the rest will cost
    peropass convergence                              all of it, cheapest first
    peropass convergence --ladder box --probe kx      one ladder of one probe

Every point is a record of its own, so a run that was killed goes on with the first point that is missing, and several processes
share the work. Points that stand in results/reference/convergence are taken from there. After each ladder the pages and the block `measured` of the error model are written again from all finished points.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from peropass import paths
from peropass.analysis import convergence as analysis
from peropass.analysis.plane_waves import smooth_total_eV
from peropass.analysis.uncertainty import MEASURED, load_error_model
from peropass.config import ERROR_MODEL_FILE, PROTOCOLS_FILE
from peropass.engine.protocol import Protocol, load_protocols
from peropass.errors import InputError, RecordError
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
REFERENCE = Path("results/reference")
COMMITTED = REFERENCE / "convergence"  # points that were published: never computed again
DOCS = Path("docs")
LATERAL = "lateral_cell"  # its last rung is relaxed again, by the campaign that `larger_cell` names
LADDERS = ("cutoff", "k_points", "relaxed_mesh", "vacuum", "box", "layers", "copies", LATERAL)
MACHINE_WRITTEN = "# --- below: written by `peropass convergence`, not by hand ---\n"

Bindings = dict[str, dict[str, dict[str, float]]]  # ladder -> probe -> rung as text -> eV


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ladder(_Closed):
    unit: str
    rungs: list[float] = Field(min_length=2, description="coarse to fine")
    serves: dict[Name, float] = Field(description="protocol -> rung that it works at")
    fixed_structure: bool = False
    term: str = Field(default="", description="error term that it measures; default: its own name")


class Plan(_Closed):
    """One convergence file."""

    structures: str
    elsewhere: dict[Name, str] = Field(
        default_factory=dict, description="probe -> campaign whose structures it takes instead"
    )
    larger_cell: str = Field(
        default="",
        description="campaign that relaxed the probes in the cell of the last lateral rung",
    )
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
    """0 all points of the chosen ladders are there, 1 some are missing or failed."""
    parser = argparse.ArgumentParser(prog="peropass convergence", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("config", nargs="?", default=DEFAULT)
    parser.add_argument("--ladder", action="append", help="only this one; may be repeated")
    parser.add_argument("--probe", action="append", help="only this one; may be repeated")
    parser.add_argument("--structures", help="campaign folder with the relaxed structures")
    parser.add_argument("--points", type=Path, default=POINTS, help="where the records lie")
    parser.add_argument("--list", action="store_true", help="say what is left, compute nothing")
    parser.add_argument(
        "--write-only", action="store_true", help="compute nothing, write the pages"
    )
    options = parser.parse_args(argv)
    plan, protocol = load_plan(options.config)
    _known("--ladder", options.ladder, plan.ladders)
    _known("--probe", options.probe, plan.probes)
    folder = Path(options.structures) if options.structures else None
    starts, missing = _starts(plan, protocol, options.probe or plan.probes, folder)
    climbs = [
        Climb(plan, protocol, ladder, probe, start, options.points)
        for ladder in options.ladder or plan.ladders
        for probe, start in starts.items()
    ]
    if options.list:
        _say(*map(str, _cheapest_first(climbs)))
        return 0 if not missing and all(c.left_s == 0 for c in climbs) else 1
    everything = [
        Climb(plan, protocol, ladder, probe, start, options.points)
        for ladder in plan.ladders
        for probe, start in _starts(plan, protocol, plan.probes, folder, tell=False)[0].items()
    ]
    left = [] if options.write_only else list(climbs)
    failed = missing
    while left:
        climb = min(left, key=lambda c: c.left_s)  # points of one climb may serve the next
        left.remove(climb)
        failed |= not climb.run()
        write_pages(plan, merged(plan, everything))
    write_pages(plan, merged(plan, everything))
    return 1 if failed else 0


def _known(option: str, chosen: list[str] | None, allowed: dict) -> None:
    for name in chosen or ():
        if name not in allowed:
            raise InputError(option, name, ", ".join(allowed))


def _say(*lines: str) -> None:
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.stdout.flush()


def structures_folder(plan: Plan, probe: str = "") -> Path:
    """The campaign that the plan names for a probe; where it was not run, the committed one of the same name."""
    own = Path(plan.elsewhere.get(probe, plan.structures))
    committed = REFERENCE / own.name
    name = Path(paths.RANKING).name
    return committed if not (own / name).exists() and (committed / name).exists() else own


def _starts(
    plan: Plan, protocol: Protocol, probes: Sequence[str], folder: Path | None, tell: bool = True
) -> tuple[dict, bool]:
    """Probe -> structures, and whether some are missing: a probe that the campaign lacks stops no other."""
    found = {}
    for probe in probes:
        try:
            place = folder or structures_folder(plan, probe)
            found[probe] = relaxed(plan, protocol, probe, place)
        except (InputError, RecordError) as error:
            if tell:
                _say(f"{probe}: left out, {error}")
    return found, len(found) < len(probes)


@dataclass(frozen=True)
class Climb:
    """One ladder of one probe."""

    plan: Plan
    protocol: Protocol
    ladder: str
    probe: str
    start: object
    folder: Path

    @property
    def relaxed_rung(self) -> float | None:
        """The rung that stands in a campaign of its own, where there is one: nothing is computed for it here."""
        return self.rungs[-1] if self.ladder == LATERAL else None

    def points(self, rung: float) -> list:
        from peropass.engine import ladder_jobs

        if rung == self.relaxed_rung:
            return []
        return ladder_jobs.points(self.start, self.protocol, self.ladder, rung)

    @property
    def rungs(self) -> list[float]:
        return self.plan.ladders[self.ladder].rungs

    @property
    def left_s(self) -> float:
        """Expected core-seconds of the points that are missing."""
        from peropass.engine import ladder_jobs

        missing = {
            ladder_jobs.record_of(point, self.folder): ladder_jobs.expected_core_s(point)
            for rung in self.rungs
            for point in self.points(rung)
            if self._finished(point) is None
        }
        return sum(missing.values())

    def __str__(self) -> str:
        left = self.left_s
        told = f"about {left / 60:.1f} core-min left" if left else "finished"
        found = ", ".join(f"{rung} {value:.4f} eV" for rung, value in self.bindings().items())
        return f"{self.ladder} {self.probe}: {told}" + (f" ({found})" if found else "")

    def run(self) -> bool:
        """Compute what is missing; False where a point has no usable energy."""
        from peropass.engine import ladder_jobs

        good = True
        for rung in self.rungs:
            for point in self.points(rung):
                command = f"peropass convergence --ladder {self.ladder} --probe {self.probe}"
                record = self._finished(point)
                if record is None or record.status != "ok":
                    record = ladder_jobs.run(point, self.probe, self.folder, command)
                if record.status != "ok":
                    good = False
                    _say(f"{self.ladder} {self.probe} {rung:g} {point.species}: {record.status}, {record.reason}")  # fmt: skip
            value = self.binding(rung)
            if value is not None:
                _say(f"{self.ladder} {self.probe} {rung:g}: {value:.4f} eV")
        return good

    def _finished(self, point) -> CalculationRecord | None:
        from peropass.engine import ladder_jobs

        return ladder_jobs.finished(point, self.folder) or ladder_jobs.finished(point, COMMITTED)

    def binding(self, rung: float) -> float | None:
        """E(loaded) - E(socket) - E(molecule) of one rung at the smooth number of plane waves, eV; None while one is missing or not ok."""
        if rung == self.relaxed_rung:
            return relaxed_binding(self.plan, self.probe)
        energies = {}
        for point in self.points(rung):
            record = self._finished(point)
            if record is None or record.status != "ok" or record.energy is None:
                return None
            energies[point.species] = smooth_total_eV(record) / point.copies
        return round(energies["loaded"] - energies["socket"] - energies["molecule"], 5)

    def bindings(self) -> dict[str, float]:
        """Rung (as text) -> binding energy, of the rungs that are finished."""
        found = {str(rung): self.binding(rung) for rung in self.rungs}
        return {rung: value for rung, value in found.items() if value is not None}


def _cheapest_first(climbs: list[Climb]) -> list[Climb]:
    return sorted(climbs, key=lambda c: c.left_s)


def merged(plan: Plan, climbs: list[Climb]) -> Bindings:
    """What docs/convergence.json holds, with everything that is finished here put over it.

    Nothing of a probe stays whose structures were replaced since: rungs of two structures make no ladder.
    """
    path = DOCS / "convergence.json"
    known = json.loads(path.read_text())["ladders"] if path.exists() else {}
    committed: Bindings = {name: known.get(name, {}).get("bindings", {}) for name in plan.ladders}
    here: Bindings = {name: {} for name in plan.ladders}
    for climb in climbs:
        if found := climb.bindings():
            here[climb.ladder][climb.probe] = found
    firsts = {name: str(ladder.rungs[0]) for name, ladder in plan.ladders.items()}
    replaced = analysis.replaced(committed, here, firsts)
    for probe in sorted(replaced):
        _say(f"{probe}: its structures were replaced, earlier rungs of it are dropped")
    kept = {
        name: {probe: rungs for probe, rungs in probes.items() if probe not in replaced}
        for name, probes in committed.items()
    }
    return {
        name: {
            probe: {**kept[name].get(probe, {}), **here[name].get(probe, {})}
            for probe in (*kept[name], *(p for p in here[name] if p not in kept[name]))
        }
        for name in plan.ladders
    }


def relaxed(plan: Plan, protocol: Protocol, probe: str, folder: Path):
    """Structures of a probe from the records of a finished campaign.

    Raises
    ------
    InputError
        A record is missing or not ok.
    """
    from ase.io import read

    from peropass.engine.ladder_jobs import Start

    summary = _place(plan, probe, folder, paths.CANDIDATE)
    pose = read_record(summary, CandidateRecord).best_pose if summary.exists() else None

    def structure(file: Path) -> tuple:
        record = read_record(file, CalculationRecord)
        if record.status != "ok" or record.final is None:
            raise InputError(str(file), record.status, "a finished relaxation")
        return read(file.parent / record.final.file, format="extxyz"), record

    loaded, record = structure(_place(plan, probe, folder, paths.LOADED, pose=pose or "k0"))
    socket, _ = structure(_place(plan, probe, folder, paths.CLEAN))
    molecule, _ = structure(_place(plan, probe, folder, paths.MOLECULE))
    eos = read_record(_place(plan, probe, folder, paths.BULK), EosRecord)
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


def relaxed_binding(plan: Plan, probe: str) -> float | None:
    """Binding energy of a probe in the larger cell as its own campaign ranks it, eV; None while it has none."""
    own = Path(plan.larger_cell)
    for folder in (own, REFERENCE / own.name):
        file = _place(plan, probe, folder, paths.CANDIDATE)
        reaction = read_record(file, CandidateRecord).reaction("binding") if file.exists() else None
        if reaction is not None and reaction.value_eV is not None:
            return round(reaction.value_eV, 5)
    return None


def _place(plan: Plan, probe: str, folder: Path, pattern: str, **more: str) -> Path:
    """Where a campaign folder keeps a record of a probe."""
    fields = {"host": plan.host, "termination": plan.termination, "site": plan.site}
    inside = pattern.removeprefix(paths.CAMPAIGN + "/{protocol}").format(
        **fields, candidate=probe, **more
    )
    return folder / plan.protocol / inside.lstrip("/")


def write_pages(plan: Plan, bindings: Bindings) -> None:
    """docs/convergence.json, docs/convergence.md, one plot per ladder that has points, and the measured error terms."""
    ladders, entering = {}, {}
    for name, ladder in plan.ladders.items():
        numbers = {
            probe: {float(rung): value for rung, value in found.items()}
            for probe, found in bindings[name].items()
        }
        terms, measures = {}, ladder.term or name
        for protocol, rung in ladder.serves.items():
            term = analysis.measured(numbers, ladder.rungs, rung)
            if term is None:
                continue
            assumed = load_error_model(ERROR_MODEL_FILE, protocol, measured=False).terms.get(
                measures
            )
            reason = analysis.kept_out(
                term, ladder.fixed_structure, assumed.sigma_eV if assumed else None
            )
            terms[protocol] = {**term.__dict__, "kept_out": reason}
            if not reason:
                entering.setdefault(protocol, {})[measures] = _entry(plan, name, ladder, term)
        ladders[name] = {
            "unit": ladder.unit,
            "rungs": ladder.rungs,
            "fixed_structure": ladder.fixed_structure,
            "term": measures,
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
    write_error_terms(entering)


def _entry(plan: Plan, name: str, ladder: Ladder, term: analysis.Measured) -> dict:
    """One measured term as the error model wants it."""
    against = (
        f"last step to {term.reference:g}"
        if term.rung == term.reference
        else f"{term.rung:g} against {term.reference:g}"  # fmt: skip
    )
    because = (
        f"ladder {name} in {ladder.unit}: {against}, {len(term.probes)} ligands ({', '.join(term.probes)}) "
        f"on {plan.host} {plan.termination} {plan.site}; docs/convergence.md"
    )
    return {
        "origin": "measured",
        "because": because,
        "sigma_eV": term.sigma_eV,
        "common": term.common,
    }


def write_error_terms(entering: dict[str, dict[str, dict]], path: Path = ERROR_MODEL_FILE) -> None:
    """Replace the block `measured` of the error model; everything written by hand stays as it is."""
    text = path.read_text(encoding="utf-8")
    by_hand = text.split(MACHINE_WRITTEN)[0].rstrip("\n") + "\n"
    lines = []
    if entering:
        lines = ["\n", MACHINE_WRITTEN, f"{MEASURED}:\n"]
        for protocol, terms in entering.items():
            lines.append(f"  {protocol}:\n")
            lines += [f"    {name}: {json.dumps(entry)}\n" for name, entry in terms.items()]
    wanted = by_hand + "".join(lines)
    if wanted != text:
        write_text(path, wanted)
