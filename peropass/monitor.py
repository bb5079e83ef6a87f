"""Live state of a campaign: which records exist, what runs now, and how long the rest may take."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from peropass import paths
from peropass.workflow import Plan

STALE_S = 900.0  # a heartbeat older than this belongs to a job that was killed
PLAIN_EVERY_S = 30.0
STATUS = re.compile(r'"status":\s*"(\w+)"')


@dataclass
class Running:
    """One job as its heartbeat tells."""

    name: str
    stage: str
    ionic_step: int | None
    scf_iteration: int | None
    scf_energy_eV: float | None
    energy_eV: float | None
    fmax_eV_per_ang: float | None
    age_s: float


@dataclass
class State:
    """Counts over all records that the campaign will have."""

    n_done: int
    n_failed: int
    n_missing: int
    seconds_left: float
    running: list[Running] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def summary(self) -> str:
        text = f"{self.n_done} done, {len(self.running)} running, {self.n_failed} not ok, {self.n_missing} to do"
        return text + "".join(f"\n  {line}" for line in self.failures[:10])


_settled: dict[str, tuple[int, str]] = {}  # file -> time of change, status


def campaign_state(plan: Plan, cores: int = 1) -> State:
    """Look at the folder of a campaign; cheap enough to be called every two seconds."""
    done, failed, left, failures = 0, 0, 0.0, []
    missing = 0
    for file, stage in plan.all_records():
        path = Path(file)
        status = _status(path)
        if status is None:
            missing += 1
            left += plan.typical_s(stage)
        elif status in ("ok", "skipped"):
            done += 1
        else:
            done += 1
            failed += 1
            failures.append(f"{status}: {path.parent}")
    return State(done, failed, missing, left / max(1, cores), _running(plan), failures)


def _status(path: Path) -> str | None:
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    known = _settled.get(str(path))
    if known is None or known[0] != changed:
        with open(path, encoding="utf-8", errors="replace") as stream:
            found = STATUS.search(stream.read(4000))
        known = _settled[str(path)] = (changed, found[1] if found else "ok")
    return known[1]


def _running(plan: Plan) -> list[Running]:
    root = Path(paths.CAMPAIGN.format(campaign=plan.campaign.campaign))
    found = []
    for beat in sorted([*root.rglob("progress.json"), *root.rglob("poses.progress.json")]):
        try:
            data = json.loads(beat.read_text())
        except (OSError, json.JSONDecodeError):
            continue
        age = time.time() - data.get("unix_s", 0.0)
        if age > STALE_S or not Path(f"/proc/{data.get('pid', 0)}").exists():
            continue
        place = beat.parent.parent if beat.parent.name.startswith("work-") else beat.parent
        found.append(
            Running(
                name="/".join(place.relative_to(root).parts[1:]),
                stage=data.get("stage", ""),
                ionic_step=data.get("ionic_step"),
                scf_iteration=data.get("scf_iteration"),
                scf_energy_eV=data.get("scf_energy_eV"),
                energy_eV=data.get("energy_eV"),
                fmax_eV_per_ang=data.get("fmax_eV_per_ang"),
                age_s=age,
            )
        )
    return found


class Display:
    """Live table on a terminal, one line every half minute elsewhere."""

    def __init__(self, plan: Plan, cores: int) -> None:
        self.plan, self.cores = plan, cores
        self.start = time.monotonic()
        self._printed = float("-inf")
        self._live: Live | None = None

    def __enter__(self) -> Display:
        if sys.stdout.isatty():
            self._live = Live(console=Console(), refresh_per_second=2, transient=False)
            self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.__exit__(*exception)

    def refresh(self) -> None:
        """Show the state as it is now."""
        state = campaign_state(self.plan, self.cores)
        if self._live:
            self._live.update(self._table(state))
        elif time.monotonic() - self._printed > PLAIN_EVERY_S:
            self._printed = time.monotonic()
            sys.stdout.write(self._line(state) + "\n")
            sys.stdout.flush()

    def _head(self, state: State) -> str:
        total = state.n_done + state.n_missing
        return (
            f"{_clock(time.monotonic() - self.start)}  {state.n_done}/{total} done, {len(state.running)} running, "
            f"{state.n_failed} not ok, about {_clock(state.seconds_left)} left"
        )

    def _line(self, state: State) -> str:
        jobs = "; ".join(_describe(job) for job in state.running)
        return self._head(state) + (f" | {jobs}" if jobs else "")

    def _table(self, state: State) -> Group:
        table = Table(box=None, pad_edge=False)
        for title in (
            "job",
            "stage",
            "ionic step",
            "SCF iteration",
            "SCF energy / eV",
            "last energy / eV",
            "largest force / eV/A",
        ):
            table.add_column(title, justify="left" if title in ("job", "stage") else "right")
        for job in state.running:
            table.add_row(
                job.name,
                job.stage,
                _shown(job.ionic_step),
                _shown(job.scf_iteration),
                "" if job.scf_energy_eV is None else f"{job.scf_energy_eV:.4f}",
                "" if job.energy_eV is None else f"{job.energy_eV:.4f}",
                "" if job.fmax_eV_per_ang is None else f"{job.fmax_eV_per_ang:.3f}",
            )
        return Group(Text(self._head(state), style="bold"), table)


def _describe(job: Running) -> str:
    text = f"{job.stage} {job.name}"
    if job.ionic_step is not None:
        text += f" step {job.ionic_step}"
    if job.energy_eV is not None:
        text += f" {job.energy_eV:.3f} eV fmax {job.fmax_eV_per_ang:.3f}"
    if job.scf_iteration:
        text += f" scf {job.scf_iteration}"
        text += "" if job.scf_energy_eV is None else f" {job.scf_energy_eV:.3f} eV"
    return text


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
