"""What every step shares: exit codes, deadlines, ranks, and settings that come as JSON."""

import json
import time

import pytest

from peropass import step
from peropass.config import PROTOCOLS_FILE
from peropass.engine.protocol import load_protocols
from peropass.errors import DeadlineReached, EngineError, InputError

PLACE = ("PEROPASS_DEADLINE", "SLURM_JOB_END_TIME", "SLURM_JOB_ID")
RANKS = (
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK",
    "PMI_SIZE",
    "PMIX_RANK",
    "SLURM_PROCID",
)


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in (*PLACE, *RANKS):
        monkeypatch.delenv(name, raising=False)


def raising(error):
    def main(_argv):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status"),
    [(DeadlineReached("walltime"), 75), (InputError("x", 1, "2"), 2), (EngineError("SCF"), 2)],
)
def test_errors_that_a_user_can_act_on_are_a_line_and_a_code(error, status, capfd):
    assert step.run(raising(error)) == status
    printed = capfd.readouterr().out
    assert str(error) in printed
    assert printed.count("\n") == 1


def test_a_step_that_ends_is_zero():
    assert step.run(lambda argv: None) == 0


def test_everything_else_is_not_swallowed():
    """A full disk is for the scheduler, a bug for us: both must be seen."""
    for error in (OSError(28, "No space left"), KeyError("bug")):
        with pytest.raises(type(error)):
            step.run(raising(error))


def test_without_a_walltime_there_is_no_deadline():
    assert step.deadline() is None


@pytest.mark.parametrize("name", ["PEROPASS_DEADLINE", "SLURM_JOB_END_TIME"])
def test_a_step_stops_before_its_walltime_with_a_margin(monkeypatch, name):
    end = time.time() + 36000
    monkeypatch.setenv(name, str(end))
    assert step.deadline() == pytest.approx(end - step.DEADLINE_MARGIN_S, abs=1)


def test_a_short_job_keeps_most_of_its_time(monkeypatch):
    end = time.time() + 60
    monkeypatch.setenv("PEROPASS_DEADLINE", str(end))
    assert time.time() + 30 < step.deadline() < end


def test_serial_runs_are_the_first_rank(monkeypatch):
    assert step.is_first_rank()
    monkeypatch.setenv("SLURM_PROCID", "3")  # a serial task of a job array
    assert step.is_first_rank()


@pytest.mark.parametrize(
    ("rank", "size"), [("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE")]
)
def test_only_one_rank_of_several_talks(monkeypatch, rank, size, capfd):
    monkeypatch.setenv(size, "2")
    monkeypatch.setenv(rank, "1")
    step.say("twice")
    assert capfd.readouterr().out == ""
    monkeypatch.setenv(rank, "0")
    step.say("once")
    assert capfd.readouterr().out.endswith(" once\n")


def options(**more):
    protocol = load_protocols(PROTOCOLS_FILE)["smoke"]
    texts = {
        "address": json.dumps({"campaign": "c", "protocol": "smoke"}),
        "protocol": protocol.model_dump_json(),
        "out": "x.record.json",
        **more,
    }
    arguments = [part for key, value in texts.items() for part in (f"--{key}", value)]
    return step.parser("test").parse_args(arguments)


def test_settings_survive_the_command_line():
    assert step.protocol(options()) == load_protocols(PROTOCOLS_FILE)["smoke"]
    assert step.address(options()).campaign == "c"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", {"campaign": "../up", "protocol": "p"}),
        ("address", {"campaign": "c", "protocol": "p", "colour": "red"}),
        ("address", {"campaign": "c"}),
        ("protocol", {"name": "x"}),
    ],
)
def test_bad_settings_are_named(key, value):
    with pytest.raises(InputError, match=f"--{key}"):
        getattr(step, key)(options(**{key: json.dumps(value)}))
