"""What every command in scripts/ shares: arguments in, one record out, the same command line everywhere."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from peropass.config import CandidateSettings, PoseSettings, SlabSettings
from peropass.engine.protocol import Protocol
from peropass.records import Address
from peropass.validation import validated

DEADLINE_MARGIN_S = 120.0


def parser(description: str) -> argparse.ArgumentParser:
    """Parser with the arguments that all steps take."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--address", required=True, help="JSON: campaign, protocol, host, ...")
    arguments.add_argument("--protocol", required=True, help="JSON of the protocol")
    arguments.add_argument("--out", required=True, type=Path, help="record to write")
    arguments.add_argument(
        "--recompute", default="", help="the command that recomputes this record"
    )
    arguments.add_argument("--revision", type=int, default=1, help="revision of the stage")
    return arguments


def address(options: argparse.Namespace) -> Address:
    return validated(Address, json.loads(options.address), "--address")


def protocol(options: argparse.Namespace) -> Protocol:
    return validated(Protocol, json.loads(options.protocol), "--protocol")


def slab_settings(text: str) -> SlabSettings:
    return validated(SlabSettings, json.loads(text), "--slab")


def pose_settings(text: str) -> PoseSettings:
    return validated(PoseSettings, json.loads(text), "--poses")


def candidate_settings(text: str) -> CandidateSettings:
    return validated(CandidateSettings, json.loads(text), "--candidate")


def dft_job(options: argparse.Namespace, *, role: str, stage: str, setting, relax: bool):
    """The `engine.jobs.Job` that a DFT command stands for."""
    from peropass.engine.jobs import Job

    return Job(
        address=address(options),
        protocol=protocol(options),
        record=Path(options.out),
        role=role,
        stage=stage,
        setting=setting,
        relax=relax,
        command=options.recompute,
        deadline_s=deadline(),
    )


def deadline() -> float | None:
    """Unix time at which to stop: PEROPASS_DEADLINE or the end of the Slurm job, less a margin; None if there is none.

    The margin is a fifth of the time that is left, at most DEADLINE_MARGIN_S.
    """
    end = (
        os.environ.get("PEROPASS_DEADLINE") or os.environ.get("SLURM_JOB_END_TIME") or _slurm_end()
    )
    if not end:
        return None
    left = float(end) - time.time()
    return float(end) - min(DEADLINE_MARGIN_S, max(0.0, 0.2 * left))


def _slurm_end() -> str:
    """End of the Slurm job around this step, asked of the controller: Slurm 22.05 does not tell its jobs."""
    job = os.environ.get("SLURM_JOB_ID", "")
    if not job.isdigit() or not is_first_rank():
        return ""
    asked = ["squeue", "--noheader", "--jobs", job, "--format", "%e"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False).stdout
        return str(datetime.fromisoformat(said.split()[0]).timestamp())
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return ""  # unlimited, or no controller in reach: run without a deadline


def is_first_rank() -> bool:
    """True in serial runs and on rank 0 of an MPI run."""
    for variable in ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"):
        if (
            variable in os.environ
            and os.environ.get("OMPI_COMM_WORLD_SIZE", os.environ.get("PMI_SIZE", "1")) != "1"
        ):
            return os.environ[variable] == "0"
    return True


def say(message: str) -> None:
    """One line to the job's log."""
    if is_first_rank():
        os.write(1, f"{time.strftime('%H:%M:%S')} {message}\n".encode())


def run(main, argv: Sequence[str] | None = None) -> int:
    """Call a step's main and turn errors that a user can act on into exit codes.

    0 done (also for a scientific failure, which is in the record), 75 walltime over (run again), 2 bad input.
    """
    from peropass.errors import DeadlineReached, PeropassError

    try:
        main(argv)
    except DeadlineReached as error:
        say(f"deadline: {error}")
        return 75
    except PeropassError as error:
        say(f"error: {error}")
        return 2
    return 0
