"""Ground states that several tests look at: each is computed once per session."""

import pytest
from ase.io import read
from tiny import diatomic, job, protocol, tiny_slab, water

from peropass.engine import jobs


@pytest.fixture(scope="session")
def water_alone(tmp_path_factory):
    """The undisturbed run on one rank: (record, steps)."""
    command = water(tmp_path_factory.mktemp("water"))
    return command.run(), command.journal()


@pytest.fixture(scope="session")
def slab_record(tmp_path_factory):
    return jobs.run(tiny_slab(), job(tmp_path_factory.mktemp("slab"), protocol(200), role="slab"))


@pytest.fixture(scope="session")
def hydrogen(tmp_path_factory):
    """H2 relaxed from a short bond, PBE at 400 eV: (record, atoms)."""
    folder = tmp_path_factory.mktemp("h2")
    record = jobs.run(diatomic("HH", 0.70, 8.0), job(folder, protocol(400), relax=True))
    return record, read(folder / record.final.file)
