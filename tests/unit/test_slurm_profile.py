"""The Slurm profile as Snakemake reads it: what a site edits arrives, and nothing else stands in its place."""

import re
from pathlib import Path

import pytest
import yaml
from yte import process_yaml

from peropass.site import Site
from peropass.validation import validated

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ROOT / "profiles" / "slurm" / "profile.yaml"
SITE = ROOT / "profiles" / "slurm" / "site.yaml"


@pytest.fixture
def rendered(tmp_path, monkeypatch):
    """The profile with a site file of its own."""

    def render(**edited):
        site = {**yaml.safe_load(SITE.read_text())["site"], **edited}
        file = tmp_path / SITE.relative_to(ROOT)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({"site": site}))
        monkeypatch.chdir(tmp_path)
        return process_yaml(PROFILE.read_text(), require_use_yte=True)

    return render


def test_account_and_partition_of_the_site_reach_every_job(rendered):
    asked = rendered(account="chem-42", partition="long,short")["default-resources"]
    assert asked["slurm_account"] == "chem-42"
    assert asked["slurm_partition"] == "long,short"


def test_a_cluster_without_accounts_is_asked_for_none(rendered):
    assert set(rendered()["default-resources"]) == {"mem_mb", "runtime"}


def test_the_profile_retries_requeues_and_resumes(rendered):
    profile = rendered()
    assert profile["executor"] == "slurm"
    assert profile["retries"] >= 1
    assert profile["slurm-requeue"] is True
    assert profile["rerun-incomplete"] is True


def test_the_committed_site_fits_its_schema():
    validated(Site, yaml.safe_load(SITE.read_text())["site"], "site")


def test_every_rule_that_the_cluster_runs_asks_for_memory_and_time():
    local = re.search(r"^localrules:\n((?:    \w+,\n)+)", (ROOT / "Snakefile").read_text(), re.M)
    kept_here = set(re.findall(r"\w+", local[1]))
    silent = []
    for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for name, body in re.findall(
            r"^rule (\w+):\n((?:(?:    .*)?\n)+)", file.read_text(), re.MULTILINE
        ):
            if name not in kept_here and not ("mem_mb=" in body and "runtime=" in body):
                silent.append(name)
    assert silent == []
