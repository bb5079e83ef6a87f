"""A finished toy campaign, made once for all tests that look at one."""

import os

import pytest
from campaign_folder import run_campaign, workplace


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory):
    """A workplace with `small.yaml`, run to its ranking, and the files that were there right after."""
    place = workplace(tmp_path_factory.mktemp("toy"))
    here = os.getcwd()
    os.chdir(place)
    try:
        run_campaign(place / "small.yaml")
    finally:
        os.chdir(here)
    return place, sorted(p.relative_to(place) for p in place.rglob("*") if p.is_file())


@pytest.fixture(scope="session")
def toy_place(toy_run):
    """The workplace alone; tests share it and may leave campaigns of their own."""
    return toy_run[0]


@pytest.fixture
def in_toy_place(toy_place, monkeypatch):
    """The same, as working folder."""
    monkeypatch.chdir(toy_place)
    return toy_place
