"""`peropass run`: check the campaign, start Snakemake, and show what happens while it happens."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from peropass import paths, run_lock
from peropass.errors import InputError
from peropass.ids import check_name
from peropass.monitor import Display, campaign_state
from peropass.workflow import Plan

REFRESH_S = 2.0
EXIT_STOPPED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a campaign on this machine. 0 all done, 1 a job failed for infrastructure, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="peropass run",
        description=__doc__,
        epilog="Further arguments for snakemake, targets included, may follow after --.",
    )
    parser.add_argument("config", help="campaign file")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--profile", help="folder of profiles/ to run with, e.g. slurm; then --cores does not count"
    )
    parser.add_argument(
        "--ranks", type=int, default=1, help="MPI ranks per DFT job; 1 is best below ~50 atoms"
    )
    arguments = list(sys.argv[1:] if argv is None else argv)
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:cut])
    if options.cores < 1 or options.ranks < 1 or options.ranks > options.cores:
        raise InputError("--cores, --ranks", (options.cores, options.ranks), "1 <= ranks <= cores")
    plan = Plan(options.config)
    report = Path(plan.path(paths.REPORT))
    state = campaign_state(plan)
    command = _snakemake(options, arguments[cut + 1 :])
    if state.n_missing == 0 and _nothing_to_do(command):
        sys.stdout.write(
            f"{options.config}: nothing to do, all {state.n_done} results are there; report: {report}\n"
        )
        return 0
    log = Path(paths.LOG.format(campaign=plan.campaign.campaign)) / "snakemake.log"
    with run_lock.holding(Path(plan.path(paths.CAMPAIGN))) as lock:
        left = plan.waves.to_come
        status = _watch(command, plan, log, options, lock)
        while status == 0 and left and len(arguments) == cut:  # waves, the ranking last
            plan.waves.settle(succeeded=True)  # also a wave that Snakemake had nothing to do for
            plan = Plan(options.config)
            before, left = left, plan.waves.to_come
            if left >= before:
                raise InputError(
                    str(report.parent), f"{left} candidates that a run leaves undone", "see the log"
                )
            status = _watch(command, plan, log, options, lock)
    state = campaign_state(plan)
    sys.stdout.write(state.summary() + "\n")
    if status == 0:
        sys.stdout.write(f"report: {report}\n")
    elif status != EXIT_STOPPED:
        sys.stdout.write(
            f"snakemake ended with status {status}; its log is {log}, job logs lie beside it\n"
        )
    return 0 if status == 0 else 1


def _snakemake(options: argparse.Namespace, further: list[str]) -> list[str]:
    return [
        sys.executable,
        "-m",
        "snakemake",
        *_place(options),
        "--nolock",  # a killed Snakemake leaves its lock behind; ours goes with the process
        *further,
        "--config",
        f"campaign={options.config}",
    ]


def _place(options: argparse.Namespace) -> list[str]:
    """Where jobs run: on cores of this machine, or where a profile sends them."""
    if options.profile:
        return ["--workflow-profile", f"profiles/{check_name(options.profile, '--profile')}"]
    return ["--cores", str(options.cores)]


def _nothing_to_do(command: list[str]) -> bool:
    done = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "Nothing to be done" in done.stdout + done.stderr


def _watch(
    command: list[str], plan: Plan, log: Path, options: argparse.Namespace, lock: int
) -> int:
    """Run Snakemake in a process group of its own; Ctrl-C stops it and its jobs, which then resume."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment[run_lock.HELD] = plan.path(paths.CAMPAIGN)
    if not options.profile:
        environment["PEROPASS_RANKS"] = str(options.ranks)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    with open(log, "a", encoding="utf-8") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            pass_fds=(lock,),
        )
        stop = _Stopper(process)
        with Display(plan, options.cores) as display:
            while process.poll() is None:
                began = time.monotonic()
                display.refresh()
                time.sleep(max(REFRESH_S, 10 * (time.monotonic() - began)))
            display.refresh()
    return EXIT_STOPPED if stop.asked else process.returncode


class _Stopper:
    """Pass Ctrl-C and SIGTERM on to the whole group of jobs."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process, self.asked = process, False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, _number: int, _frame: object) -> None:
        self.asked = True
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
