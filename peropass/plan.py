"""`peropass plan`: what a campaign will cost before it runs, and how that compares with what it did cost."""

from __future__ import annotations

import argparse
import heapq
import json
import math
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from peropass import paths, resources
from peropass.errors import InputError, RecordError
from peropass.records import Record, read_record, write_text
from peropass.resources import Estimate
from peropass.workflow import Plan
from peropass.workflow_hops import ENDS

NINETY_PERCENT = 1.645  # standard deviations on either side
CORES_SHOWN = (1, 16, 128, 1024)
DEAREST = 10
PRIORITY = {
    "bulk": 100,
    "slab": 95,
    "relax_clean": 90,
    "poses": 80,
    "relax_loaded": 70,
    "fragment": 50,
    "levels_loaded": 45,
}
PRIORITY |= {"hop": 30, "hopend": 25, "band": 20}
PRIORITY |= {"doped": 15, "phase_source": 5, "bulk_metal": 5, "halogen": 5}
PRIORITY |= {"levels_clean": 40, "molecule": 30, "reservoir": 20, "reference": 20}
DECLARED = ("eos", "relax", "levels", "fragment-slab", "fragment-ligand", "poses", "thermo", "band")


@dataclass(frozen=True)
class PlannedJob:
    """One job of the workflow: rule, output, expected cost, and the outputs that it waits for."""

    rule: str
    output: str
    cost: Estimate
    needs: tuple[str, ...] = ()


@dataclass
class Tally:
    """Jobs of one rule together; the interval of their sum holds own scatter and what all jobs share."""

    number: int = 0
    core_s: float = 0.0
    variance_s2: float = 0.0
    memory_MB: float = 0.0
    disk_MB: float = 0.0

    def add(self, cost: Estimate) -> None:
        self.number += 1
        self.core_s += cost.core_s
        self.variance_s2 += cost.core_s**2 * math.expm1(cost.scatter**2)
        self.memory_MB = max(self.memory_MB, cost.memory_MB)
        self.disk_MB += cost.disk_MB

    def interval_h(self) -> tuple[float, float]:
        """90 % interval of the sum in core-hours, from a lognormal with the same mean and variance."""
        if not self.core_s:
            return 0.0, 0.0
        own = math.log1p(self.variance_s2 / self.core_s**2)
        scatter = math.sqrt(own + resources.cost_model().common_scatter ** 2)
        middle = self.core_s / 3600 * math.exp(-own / 2)
        return middle * math.exp(-NINETY_PERCENT * scatter), middle * math.exp(
            NINETY_PERCENT * scatter
        )


@dataclass
class Summary:
    """All that `peropass plan` prints."""

    campaign: str
    rules: dict[str, Tally]
    total: Tally
    done: Tally
    wall_h: dict[int, float]
    dearest: list[PlannedJob]
    jobs: list[PlannedJob] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def planned_jobs(plan: Plan) -> list[PlannedJob]:
    """Every job of a campaign, in an order in which each stands behind what it needs."""
    jobs: list[PlannedJob] = []
    for host in plan.campaign.hosts:
        jobs += _host_jobs(plan, host)
    for place in plan.places():
        jobs += _clean_jobs(plan, place)
    for place in plan.loaded_controls():
        jobs += _loaded_control_jobs(plan, place)
    for socket in plan.sockets():
        for key in plan.campaign.by_key:
            jobs += _candidate_jobs(plan, {**socket, "candidate": key})
        jobs += _hop_jobs(plan, socket)
    for host in plan.campaign.hosts:
        jobs += [PlannedJob(*job) for job in plan.substitution.jobs(host)]
    rows = tuple(job.output for job in jobs if job.rule == "candidate")
    jobs.append(PlannedJob("rank", plan.path(paths.RANKING), plan.cheap("rank"), rows))
    sites = tuple(plan.site_records())
    for table in plan.control_table():
        jobs.append(PlannedJob("controls", table, plan.cheap("candidate"), sites))
    found = (*plan.control_table(), *plan.substitution.reports())
    needs = (plan.path(paths.RANKING), *found, *sites)
    jobs.append(PlannedJob("report", plan.path(paths.REPORT), plan.cheap("report"), needs))
    return jobs


def _loaded_control_jobs(plan: Plan, place: dict[str, str]) -> list[PlannedJob]:
    """A ligand as a control: pose, relaxation, levels; no energies."""

    def path(pattern: str) -> str:
        return plan.path(pattern).format(**place)

    slabs = (path(paths.CLEAN), path(paths.PRISTINE))
    levels = (path(paths.LOADED_LEVELS), path(paths.PRISTINE_LEVELS))
    return [
        PlannedJob("poses", path(paths.POSES), plan.cost("poses", place), slabs),
        PlannedJob(
            "relax_loaded", path(paths.LOADED), plan.cost("relax", place), (path(paths.POSES),)
        ),
        PlannedJob("levels_loaded", levels[0], plan.cost("levels", place), (path(paths.LOADED),)),
        PlannedJob("site_loaded", path(paths.LOADED_SITE_RECORD), plan.cheap("candidate"), levels),
    ]


def _host_jobs(plan: Plan, host: str) -> list[PlannedJob]:
    def path(pattern: str, **more: str) -> str:
        return plan.path(pattern).format(host=host, **more)

    jobs = [
        PlannedJob("bulk", path(paths.BULK), plan.cost("bulk", {"host": host})),
        PlannedJob("reservoir", path(paths.RESERVOIR), plan.cost("reservoir", {"host": host})),
    ]
    for phase in plan.phases(host).values():
        output, place = path(paths.PHASE, phase=phase), {"host": host, "phase": phase}
        jobs.append(PlannedJob("phase", output, plan.cost("phase", place), (jobs[0].output,)))
    for output, stage, place in plan.element_records(host):
        rule = {"metal": "bulk_metal"}.get(stage, stage)
        jobs.append(PlannedJob(rule, output, plan.cost(stage, place)))
    if plan.campaign.controls:
        return jobs
    for key in plan.campaign.by_key:
        place = {"host": host, "candidate": key}
        molecule = path(paths.MOLECULE, candidate=key)
        jobs.append(PlannedJob("molecule", molecule, plan.cost("molecule", place)))
        thermo = path(paths.MOLECULE_THERMO, candidate=key)
        jobs.append(PlannedJob("thermo", thermo, plan.cost("thermo", place), (molecule,)))
    for reference in plan.references_of(host):
        place = {"host": host, "reference": reference}
        molecule = path(paths.REFERENCE, reference=reference)
        jobs.append(PlannedJob("reference", molecule, plan.cost("reference", place)))
        thermo = path(paths.REFERENCE_THERMO, reference=reference)
        jobs.append(PlannedJob("thermo", thermo, plan.cost("thermo", place), (molecule,)))
    return jobs


def _clean_jobs(plan: Plan, place: dict[str, str]) -> list[PlannedJob]:
    def path(pattern: str) -> str:
        return plan.path(pattern).format(**place)

    source = path(paths.BULK) if place["site"] == "pristine" else path(paths.PRISTINE)
    build, relaxed = path(paths.CLEAN_BUILD), path(paths.CLEAN)
    pristine = (path(paths.PRISTINE), path(paths.PRISTINE_LEVELS))
    bulk = plan.phase_records(SimpleNamespace(**place))
    needed = tuple(dict.fromkeys((relaxed, path(paths.CLEAN_LEVELS), *pristine, *bulk)))
    return [
        PlannedJob("slab", build, plan.cheap("slab"), (source,)),
        PlannedJob("relax_clean", relaxed, plan.cost("relax", place), (build,)),
        PlannedJob(
            "levels_clean", path(paths.CLEAN_LEVELS), plan.cost("levels", place), (relaxed,)
        ),
        PlannedJob("site", path(paths.SITE_RECORD), plan.cheap("candidate"), needed),
    ]


def _candidate_jobs(plan: Plan, place: dict[str, str]) -> list[PlannedJob]:
    def path(pattern: str, **more: str) -> str:
        return plan.path(pattern).format(**place, **more)

    poses = path(paths.POSES)
    jobs = [
        PlannedJob(
            "poses", poses, plan.cost("poses", place), (path(paths.CLEAN), path(paths.PRISTINE))
        )
    ]
    for pose in plan.poses_of_rank(place["candidate"]):
        loaded = path(paths.LOADED, pose=pose)
        more = {**place, "pose": pose}
        jobs.append(PlannedJob("relax_loaded", loaded, plan.cost("relax", more), (poses,)))
        levels = path(paths.LOADED_LEVELS, pose=pose)
        jobs.append(PlannedJob("levels_loaded", levels, plan.cost("levels", more), (loaded,)))
        for part in ("slab", "ligand"):
            fragment = path(paths.FRAGMENT, pose=pose, part=part)
            jobs.append(
                PlannedJob(
                    "fragment", fragment, plan.cost("fragments", {**more, "part": part}), (loaded,)
                )
            )
    needs = (*(job.output for job in jobs), *plan.chain_files(place))
    return [
        *jobs,
        PlannedJob(
            "candidate", path(paths.CANDIDATE), plan.cheap("candidate"), tuple(dict.fromkeys(needs))
        ),
    ]


def _hop_jobs(plan: Plan, socket: dict[str, str]) -> list[PlannedJob]:
    jobs = []
    for hop in plan.hops.of_socket(socket):
        place = {**socket, "hop": hop}
        choice = plan.path(paths.HOP).format(**place)
        slabs = [plan.path(p).format(**socket) for p in (paths.PRISTINE, paths.CLEAN)]
        slabs += plan.hops.loaded(SimpleNamespace(**place))
        jobs.append(PlannedJob("hop", choice, plan.cost("hop", place), tuple(slabs)))
        ends = [plan.path(paths.HOP_END).format(**place, end=end) for end in ENDS]
        jobs += [PlannedJob("hopend", end, plan.cost("hopend", place), (choice,)) for end in ends]
        band = plan.path(paths.BAND).format(**place)
        jobs.append(PlannedJob("band", band, plan.cost("band", place), tuple(ends)))
    return jobs


def wall_time_s(jobs: Sequence[PlannedJob], cores: int) -> float:
    """Time to run `jobs` with one core each on `cores` cores, dearer rules first, none before what it needs."""
    index = {job.output: n for n, job in enumerate(jobs)}
    waiting = [0] * len(jobs)
    followers: dict[int, list[int]] = defaultdict(list)
    for n, job in enumerate(jobs):
        for need in job.needs:
            if need in index:
                waiting[n] += 1
                followers[index[need]].append(n)
    ready = [(-PRIORITY.get(job.rule, 10), n) for n, job in enumerate(jobs) if not waiting[n]]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < cores:
            n = heapq.heappop(ready)[1]
            heapq.heappush(running, (now + jobs[n].cost.core_s, n))
        now, n = heapq.heappop(running)
        for follower in followers[n]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, (-PRIORITY.get(jobs[follower].rule, 10), follower))
    return now


def summarise(plan: Plan, cores: Iterable[int]) -> Summary:
    """Add up all jobs of a campaign, finished ones apart from those that are still to run."""
    jobs = planned_jobs(plan)
    rules: dict[str, Tally] = defaultdict(Tally)
    total, done, left = Tally(), Tally(), []
    for job in jobs:
        rules[job.rule].add(job.cost)
        total.add(job.cost)
        if os.path.exists(job.output):
            done.add(job.cost)
        else:
            left.append(job)
    notes = []
    if plan.unplaced:
        notes.append(
            f"{len(plan.unplaced)} rows were checked on paper only; `peropass check` places them all in 3-D"
        )
    return Summary(
        campaign=plan.config_file,
        rules=dict(rules),
        total=total,
        done=done,
        wall_h={n: wall_time_s(left, n) / 3600 for n in cores},
        dearest=heapq.nlargest(DEAREST, jobs, key=lambda job: job.cost.core_s),
        jobs=jobs,
        notes=notes,
    )


def listed(summary: Summary) -> str:
    """Every job with its cost, in an order in which each stands behind what it needs."""
    lines = [f"{'core-minutes':>12}  {'there':<5}  {'job':<14}output"]
    for job in summary.jobs:
        there = "yes" if os.path.exists(job.output) else "no"
        lines.append(f"{job.cost.core_s / 60:>12.1f}  {there:<5}  {job.rule:<14}{job.output}")
    return "\n".join(lines) + "\n"


def printed(summary: Summary) -> str:
    """The summary as text."""
    model = resources.cost_model()
    lines = [
        f"{summary.campaign}",
        "",
        f"{'jobs':<14}{'number':>8}{'core-hours':>12}{'90 % interval':>20}{'memory / MB':>13}{'disk / MB':>11}",
    ]
    for rule, tally in [*summary.rules.items(), ("total", summary.total)]:
        low, high = tally.interval_h()
        span = f"{_hours(low)} - {_hours(high)}"
        lines.append(
            f"{rule:<14}{tally.number:>8}{_hours(tally.core_s / 3600):>12}{span:>20}{tally.memory_MB:>13.0f}{tally.disk_MB:>11.0f}"
        )
    rest = summary.total.number - summary.done.number
    lines += [
        "",
        f"{summary.done.number} of {summary.total.number} outputs are there; to run: {rest} jobs",
    ]
    if rest:
        times = ", ".join(
            f"{_hours(hours)} h on {cores}" for cores, hours in summary.wall_h.items()
        )
        lines.append(f"wall time with one core per job, cores as given: {times}")
    lines += ["", "dearest jobs, core-hours"]
    lines += [
        f"  {_hours(job.cost.core_s / 3600):>8}  {job.rule:<14}{job.output}"
        for job in summary.dearest
    ]
    known = model.measured
    source = known.get("source", "unnamed campaigns")
    lines += [
        "",
        f"cost model: {known['records']} records of {source}, {known['machine']}, {known['date']}",
    ]
    return "\n".join([*lines, *summary.notes]) + "\n"


def _hours(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"


# --- against reality ----------------------------------------------------------------------------------------


def finished(folder: Path) -> list[tuple[Path, Record]]:
    """Declared records of a campaign folder that can be read."""
    found = []
    for file in sorted(folder.rglob("*.record.json")):
        if file.name.removesuffix(".record.json") not in DECLARED or file.parent.name.startswith(
            "work-"
        ):
            continue
        try:
            found.append((file, read_record(file, allow_toy=True)))
        except RecordError:
            continue  # `peropass verify` names it
    return found


def comparison(plan: Plan, folder: Path | None = None) -> str:
    """Estimated against spent core-hours of the jobs that are finished, per rule.

    `folder` is where the campaign lies if it was moved, e.g. to results/reference.
    """
    home = Path(plan.path(paths.CAMPAIGN))
    moved = folder or home
    spent = {
        str(home / file.relative_to(moved)): record.provenance.core_s
        for file, record in finished(moved)
    }
    rows: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for job in planned_jobs(plan):
        if spent.get(job.output):
            for name in (job.rule, "total"):
                rows[name][0] += 1
                rows[name][1] += job.cost.core_s / 3600
                rows[name][2] += spent[job.output] / 3600
    rows["total"] = rows.pop("total", [0, 0.0, 0.0])
    lines = [
        f"{'finished jobs':<14}{'number':>8}{'estimated / h':>15}{'spent / h':>12}{'ratio':>8}"
    ]
    for name, (number, estimated, real) in rows.items():
        ratio = f"{estimated / real:.2f}" if real else "-"
        lines.append(f"{name:<14}{number:>8}{_hours(estimated):>15}{_hours(real):>12}{ratio:>8}")
    return "\n".join(lines) + "\n"


def refit(folders: Sequence[Path], date: str) -> resources.CostModel:
    """Fit the cost model to finished campaigns and write it back below its own comments."""
    records, disk = [], defaultdict(list)
    for folder in folders:
        for file, record in finished(folder):
            records.append(record)
            sample = resources.sample_of(record)
            if sample:
                disk[sample.kind].append(_disk_MB(file) / sample.size.repeats)
    model = resources.fit(records, resources.cost_model(), machine(), date)
    measured = {kind: round(sum(values) / len(values), 2) for kind, values in disk.items()}
    source = ", ".join(folder.name for folder in folders)
    model = model.model_copy(
        update={
            "disk_MB": {**model.disk_MB, **measured},
            "measured": {**model.measured, "source": f"campaigns {source}"},
        }
    )
    write_text(resources.COST_MODEL_FILE, _as_yaml(model))
    return model


def _as_yaml(model: resources.CostModel) -> str:
    old = resources.COST_MODEL_FILE.read_text(encoding="utf-8").splitlines()
    head = [line for line in old if line.startswith("#")]
    body = [f"{key}: {json.dumps(value)}" for key, value in model.model_dump(mode="json").items()]
    return "\n".join([*head, *body]) + "\n"


def _disk_MB(record: Path) -> float:
    """A record, its structures and its work folders."""
    stem = record.name.removesuffix(".record.json")
    own = [f for f in record.parent.iterdir() if f.is_file() and f.name.startswith(f"{stem}.")]
    work = [
        f
        for folder in record.parent.glob("work-*")
        for f in folder.iterdir()
        if f"-{stem}-" in folder.name or stem == "relax"
    ]
    return sum(f.stat().st_size for f in {*own, *work}) / 1e6


def machine() -> str:
    """Processor and number of cores, as the kernel tells."""
    name = "unknown processor"
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        name = next(
            line.split(":", 1)[1].strip()
            for line in text.splitlines()
            if line.startswith("model name")
        )
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan of a campaign. 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(prog="peropass plan", description=__doc__)
    parser.add_argument("config", nargs="?", help="campaign file")
    parser.add_argument(
        "--cores",
        type=int,
        nargs="+",
        default=list(CORES_SHOWN),
        help="cores that wall times are given for",
    )
    parser.add_argument("--jobs", action="store_true", help="also list every job with its cost")
    parser.add_argument(
        "--compare", action="store_true", help="also compare finished jobs with their estimates"
    )
    parser.add_argument(
        "--records",
        type=Path,
        metavar="FOLDER",
        help="with --compare: where the finished campaign lies, e.g. results/reference/quickstart",
    )
    parser.add_argument(
        "--fit",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="fit the cost model to finished campaigns",
    )
    options = parser.parse_args(argv)
    if min(options.cores) < 1:
        raise InputError("--cores", min(options.cores), "1 or more")
    if options.records and not (options.compare and options.records.is_dir()):
        raise InputError("--records", options.records, "a folder, with --compare")
    if options.fit:
        import time

        model = refit(options.fit, time.strftime("%Y-%m-%d", time.gmtime()))
        sys.stdout.write(
            f"cost model: {model.measured['records']} records of {len(options.fit)} campaign(s)\n"
        )
    if options.config:
        plan = Plan(options.config)
        summary = summarise(plan, options.cores)
        sys.stdout.write(printed(summary))
        if options.jobs:
            sys.stdout.write("\n" + listed(summary))
        if options.compare:
            sys.stdout.write("\n" + comparison(plan, options.records))
    elif not options.fit:
        parser.error("a campaign file or --fit is needed")
    return 0
