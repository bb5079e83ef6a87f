"""The ways to install agree with each other: pyproject, the lock file, the conda environment, the container."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / "workflow" / "envs"


def named(requirement):
    return re.match(r"[A-Za-z0-9-]+", requirement)[0].lower()


def dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {named(requirement) for requirement in project["dependencies"]}


def test_the_conda_environment_holds_every_dependency():
    rows = yaml.safe_load((ENVS / "peropass.yaml").read_text())["dependencies"]
    plain = [row for row in rows if isinstance(row, str)]
    pip = [name for row in rows if isinstance(row, dict) for name in row["pip"]]
    found = {re.sub("-(python|base|minimal)$", "", named(row)) for row in (*plain, *pip)}
    assert dependencies() <= found, (
        f"missing in workflow/envs/peropass.yaml: {dependencies() - found}"
    )


def test_the_lock_file_pins_and_hashes_every_dependency():
    text = (ROOT / "requirements.lock").read_text()
    pinned = {
        name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    }
    assert dependencies() <= pinned, f"missing in requirements.lock: {dependencies() - pinned}"
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= len(pinned)
    assert "://" not in text, "no address of an index"


def test_the_container_calls_what_the_repository_has():
    text = (ENVS / "peropass.def").read_text()
    called = set(re.findall(r"\b(?:scripts|config)/[\w.-]+", text))
    assert called == {"scripts/setup-environment", "config/quickstart.yaml"}
    assert all((ROOT / name).exists() for name in called)
    sections = re.findall(r"^%(\w+)$", text, re.MULTILINE)
    assert sections == ["files", "post", "environment", "runscript", "test", "labels"]
