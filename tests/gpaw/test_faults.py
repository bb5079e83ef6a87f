"""Kills and ranks with GPAW itself: the next run continues from the last ionic step, with the same energy."""

import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from ase.io import write
from tiny import Command, protocol, tiny_slab, water

pytestmark = pytest.mark.gpaw
SAME_ENERGY_EV = 1e-3
PATIENCE_S = 240.0


def after_steps(command, process, n):
    """Wait until `n` ionic steps are on the disk."""
    end = time.monotonic() + PATIENCE_S
    while len(command.journal()) < n:
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.05)


def children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def same_result(record, undisturbed):
    assert record["status"] == "ok", record["reason"]
    assert record["energy"]["total_eV"] == pytest.approx(
        undisturbed["energy"]["total_eV"], abs=SAME_ENERGY_EV
    )


def test_killed_in_the_middle_of_a_relaxation(tmp_path, water_alone):
    undisturbed, whole = water_alone
    assert len(whole) >= 4, "too few steps to kill between"
    command = water(tmp_path)
    process = command.start()
    after_steps(command, process, 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    assert not command.record.exists()
    before = command.journal()
    record = command.run()
    assert command.journal()[: len(before)] == before
    assert f"continued from ionic step {len(before)} of the journal" in record["remedies"]
    assert [step["index"] for step in command.journal()] == list(range(len(command.journal())))
    same_result(record, undisturbed)


def test_two_ranks_give_the_energy_and_forces_of_one(tmp_path, water_alone):
    _, one = water_alone
    command = water(tmp_path)
    record = command.run(ranks=2)
    two = command.journal()
    assert record["provenance"]["cores"] == 2
    assert np.array(two[0]["positions"]) == pytest.approx(np.array(one[0]["positions"]), abs=1e-10)
    assert two[0]["electronic_eV"] == pytest.approx(one[0]["electronic_eV"], abs=1e-4)
    assert np.abs(np.array(two[0]["forces"]) - np.array(one[0]["forces"])).max() < 1e-3
    assert record["energy"]["total_eV"] == pytest.approx(
        water_alone[0]["energy"]["total_eV"], abs=1e-4
    )


def test_one_of_two_ranks_killed(tmp_path, water_alone):
    """The other rank must end as well, and the next run continues."""
    undisturbed, _ = water_alone
    command = water(tmp_path)
    process = command.start(ranks=2)
    after_steps(command, process, 2)
    os.kill(max(children(process.pid)), signal.SIGKILL)
    assert process.wait(60) != 0
    before = command.journal()
    record = command.run(ranks=2)
    assert command.journal()[: len(before)] == before
    assert any("continued from ionic step" in remedy for remedy in record["remedies"])
    same_result(record, undisturbed)


def test_a_slab_on_two_ranks_is_the_slab_on_one(tmp_path):
    """Plane waves divided over ranks, with the dipole layer: energy within 0.1 meV, forces within 1 meV/A.

    Tolerances ten times tighter than what is compared, since the first step of a relaxation loosens them by ten.
    """
    write(tmp_path / "slab.extxyz", tiny_slab())
    tight = {"energy_tolerance_eV_per_electron": 1e-7, "density_tolerance": 1e-6}
    chosen = protocol(200, relax={"max_steps": 1}, **tight)
    arguments = ("--lateral", "sqrt2", "--structure", str(tmp_path / "slab.extxyz"))
    first = {}
    for ranks in (1, 2):
        command = Command(tmp_path / str(ranks), "relax", chosen, *arguments)
        record = command.run(ranks=ranks)
        assert record["n_electrons"] == 60
        first[ranks] = command.journal()[0]
    assert first[2]["electronic_eV"] == pytest.approx(first[1]["electronic_eV"], abs=1e-4)
    assert np.abs(np.array(first[2]["forces"]) - np.array(first[1]["forces"])).max() < 1e-3
