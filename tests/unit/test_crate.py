"""The RO-Crate: every file named with its hash, the same bytes each time, no drafts."""

import hashlib
import json
import zipfile
from dataclasses import replace

import pytest

from peropass import crate
from peropass.cli import main
from peropass.verify import open_folder


@pytest.fixture(scope="module")
def made(toy_place, tmp_path_factory):
    folder = open_folder(toy_place / "results" / "small")
    out = tmp_path_factory.mktemp("crate") / "small.crate.zip"
    crate.export(folder, toy_place, out)
    return out


@pytest.fixture(scope="module")
def graph(made):
    with zipfile.ZipFile(made) as archive:
        data = json.loads(archive.read("ro-crate-metadata.json"))
    base, own = data["@context"]
    assert base == "https://w3id.org/ro/crate/1.1/context"
    assert own["sha256"].startswith("https://w3id.org/ro/terms/workflow-run#")
    return {entry["@id"]: entry for entry in data["@graph"]}


def test_every_file_is_described_with_its_hash(made, graph):
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist()) - {"ro-crate-metadata.json"}
        assert names == {part["@id"] for part in graph["./"]["hasPart"]}
        for name in names:
            raw = archive.read(name)
            assert graph[name]["sha256"] == hashlib.sha256(raw).hexdigest()
            assert graph[name]["contentSize"] == str(len(raw))


def test_every_profile_that_the_crate_claims_is_an_entity_of_it(graph):
    """A MUST of the workflow run profile, 10.1371/journal.pone.0309210."""
    claimed = {part["@id"] for part in graph["./"]["conformsTo"]}
    assert {
        "https://w3id.org/ro/wfrun/workflow/0.5",
        "https://w3id.org/ro/wfrun/process/0.5",
    } < claimed
    assert all(graph[name]["@type"] == "CreativeWork" for name in claimed)


def test_workflow_configuration_records_and_ranking_are_in_it(graph):
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    assert "config/protocols.yaml" in parts
    assert "structures/ligands.yaml" in parts
    assert "results/small/ranking.json" in parts
    assert "results/small/toy/CsPbBr3-cubic/001-CsX/V-CsX/kx/k0/relax.record.json" in parts
    assert not any("work-" in part or "/logs/" in part or "check.json" in part for part in parts)


def test_the_campaign_file_is_in_it_wherever_it_lies(made, graph, toy_place):
    """The fixture's file lies beside config/, not in it."""
    with zipfile.ZipFile(made) as archive:
        assert archive.read("config/small.yaml") == (toy_place / "small.yaml").read_bytes()
    assert {"@id": "config/small.yaml"} in graph["#run"]["object"]


@pytest.mark.parametrize("named", ["secret.txt", "other.yaml", "gone.yaml"])
def test_a_file_that_is_not_the_campaign_is_not_packed(toy_place, tmp_path, named):
    """A campaign folder from elsewhere may name any file of this machine."""
    (tmp_path / "secret.txt").write_text("key\n")
    (tmp_path / "other.yaml").write_text("campaign: other\n")
    folder = open_folder(toy_place / "results" / "small")
    copy = folder.copy.model_copy(update={"config_file": str(tmp_path / named)})
    found = crate.members(replace(folder, copy=copy), toy_place)
    assert tmp_path / named not in found.values()


def test_what_can_be_started_can_be_started_from_the_crate(tmp_path, toy_place):
    (tmp_path / "scripts").mkdir()
    for name, mode in (("setup", 0o755), ("plain.py", 0o644)):
        (tmp_path / "scripts" / name).write_text("#!/bin/sh\n")
        (tmp_path / "scripts" / name).chmod(mode)
    out = tmp_path / "crate.zip"
    crate.export(open_folder(toy_place / "results" / "small"), tmp_path, out)
    with zipfile.ZipFile(out) as archive:
        modes = {
            name: archive.getinfo(f"scripts/{name}").external_attr >> 16
            for name in ("setup", "plain.py")
        }
    assert modes == {"setup": 0o755, "plain.py": 0o644}


def test_the_run_names_what_it_took_and_what_it_made(graph):
    run = graph["#run"]
    assert run["@type"] == "CreateAction"
    assert {"@id": "results/small/ranking.json"} in run["result"]
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert all(key in graph for key in ("#snakemake", "./"))
    assert any(entry.get("@type") == "SoftwareApplication" for entry in graph.values())


def test_the_same_folder_gives_the_same_bytes(made, toy_place, tmp_path):
    again = tmp_path / "again.zip"
    crate.export(open_folder(toy_place / "results" / "small"), toy_place, again)
    assert again.read_bytes() == made.read_bytes()


def test_an_unfinished_campaign_is_not_exported(in_toy_place, capsys):
    assert main(["export", "results/small"]) == 2
    assert "no report.html" in capsys.readouterr().err
