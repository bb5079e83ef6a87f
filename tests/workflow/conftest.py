"""A finished toy campaign in a copy of the repository, shared by all tests of this folder."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("peropass", "scripts", "workflow", "structures", "profiles", "config")
COMMAND = "import sys; from peropass.cli import main; sys.exit(main())"
CANDIDATE = re.compile(r"/(?:molecules|V-CsX)/([\w-]+)/")


@dataclass(frozen=True)
class Planned:
    """Rules that would run, and the record that each job would write."""

    rules: set[str]
    records: list[str]

    @property
    def candidates(self) -> set[str]:
        """Whose records these are, clean slabs and what all share aside."""
        return {found[1] for record in self.records if (found := CANDIDATE.search(record))} - {
            "none"
        }


@dataclass(frozen=True)
class Tree:
    """A working copy: code, inputs and results of its own."""

    root: Path

    def environment(self, **more: str) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        bare = {k: v for k, v in os.environ.items() if not k.startswith("PEROPASS_")}
        return {**bare, "PATH": path, "OMP_NUM_THREADS": "1", **more}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        """`peropass ...` in the background, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            cwd=self.root,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def peropass(
        self, *arguments: str, below: tuple[str, ...] = (), **environment: str
    ) -> subprocess.CompletedProcess:
        """`peropass ...` to its end, started by the command `below` where one is given."""
        return subprocess.run(
            [*below, sys.executable, "-c", COMMAND, *arguments],
            cwd=self.root,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, code: str) -> subprocess.CompletedProcess:
        """Run a few lines of Python in the tree."""
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.root,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def snakemake(self, config: str, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "snakemake",
                "--cores",
                "1",
                *arguments,
                "--config",
                f"campaign={config}",
            ],
            cwd=self.root,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def planned(self, config: str) -> "Planned":
        """What Snakemake would run now."""
        done = self.snakemake(
            config, "--dry-run", "--printshellcmds", "--workflow-profile", "none", "--nolock"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        printed = done.stdout + done.stderr
        rules = set(re.findall(r"^(\w+) +\d+$", printed, re.MULTILINE)) - {"all", "total"}
        return Planned(rules, re.findall(r"^Shell command: .* --out (\S+)", printed, re.MULTILINE))

    def campaign(self, name: str) -> dict:
        return yaml.safe_load((self.root / "config" / f"{name}.yaml").read_text())

    def write(self, name: str, data: dict | str) -> str:
        """Write config/<name>.yaml and return its path as the commands want it."""
        text = data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False)
        (self.root / "config" / f"{name}.yaml").write_text(text)
        return f"config/{name}.yaml"


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A copy of everything that a run reads, so that tests may edit code, inputs and results."""
    root = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", root)
    shutil.copy(Path(__file__).with_name("toy.yaml"), root / "config" / "toy.yaml")
    return Tree(root)


@pytest.fixture(scope="session")
def finished(tree):
    """(tree, output of the run): three candidates, of which the one with potassium fails in the engine."""
    done = tree.peropass("run", "config/toy.yaml", "--cores", "1", PEROPASS_TOY_FAILS="K")
    assert done.returncode == 0, done.stdout + done.stderr
    return tree, done.stdout


@pytest.fixture
def restored(finished):
    """The finished tree; config and code that a test edits are put back."""
    tree, _ = finished
    places = [tree.root / "config", tree.root / "peropass"]
    before = {file: file.read_bytes() for place in places for file in place.rglob("*.[py]*[yl]")}
    yield tree
    for file, content in before.items():
        if not file.exists() or file.read_bytes() != content:
            file.write_bytes(content)
