"""Tiny cells and commands for the tests of this folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from ase import Atoms

from peropass.config import PROTOCOLS_FILE
from peropass.engine import jobs
from peropass.engine.electronic import Setting
from peropass.engine.protocol import Protocol, load_protocols
from peropass.records import Address
from peropass.workflow import PARALLEL_PYTHON

ROOT = Path(__file__).resolve().parents[2]
SMOKE = load_protocols(ROOT / PROTOCOLS_FILE)["smoke"].model_dump()
del SMOKE["energy"]["grid_spacing_ang"]  # follows from the cutoff that a test chooses
MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


def protocol(ecut_eV=300, relax=None, **energy) -> Protocol:
    """The smoke protocol without dispersion, with some settings changed."""
    settings = {**SMOKE["energy"], "dispersion": "none", "ecut_eV": ecut_eV, **energy}
    return Protocol(**{**SMOKE, "energy": settings, "relax": {**SMOKE["relax"], **(relax or {})}})


def job(folder: Path, chosen: Protocol, *, role="molecule", relax=False, spin=False) -> jobs.Job:
    return jobs.Job(
        address=Address(campaign="tiny", protocol="smoke"),
        protocol=chosen,
        record=folder / "relax.record.json",
        role=role,
        stage="relax",
        setting=Setting(slab=role == "slab", kpts=(1, 1, 1), spin_polarised=spin),
        relax=relax,
    )


def diatomic(symbols: str, length_ang: float, box_ang: float) -> Atoms:
    """Along z in the middle of a cubic periodic box."""
    half = box_ang / 2
    positions = [(half, half, half - length_ang / 2), (half, half, half + length_ang / 2)]
    return Atoms(symbols, positions, cell=[box_ang] * 3, pbc=True)


def tiny_slab() -> Atoms:
    """Seven atoms, 1x1, bottom layer frozen; the raised bromide makes the faces differ."""
    from ase.constraints import FixAtoms

    a, z = 5.9, 7.0
    positions = [(0, 0, z), (a / 2, a / 2, z), (a / 2, a / 2, z + a / 2), (0, a / 2, z + a / 2)]
    positions += [(a / 2, 0, z + a / 2), (0, 0, z + a), (a / 2, a / 2, z + a + 0.3)]
    atoms = Atoms("CsBrPbBr2CsBr", positions, cell=[a, a, a + 2 * z], pbc=(True, True, False))
    atoms.set_constraint(FixAtoms([0, 1]))
    for name, values in (
        ("fragment", [0] * 7),
        ("layer", [3, 3, 2, 2, 2, 1, 1]),
        ("smiles_index", [-1] * 7),
    ):
        atoms.set_array(name, np.array(values))
    return atoms


class Command:
    """`python -m scripts.<name>` on one rank or several, with a record of its own."""

    def __init__(self, folder: Path, script: str, chosen: Protocol, *arguments: str) -> None:
        self.record = folder / "relax.record.json"
        self.tail = [
            "-m",
            f"scripts.{script}",
            "--address",
            json.dumps({"campaign": "tiny", "protocol": "smoke"}),
            "--protocol",
            chosen.model_dump_json(),
            "--out",
            str(self.record),
            *arguments,
        ]

    def start(self, ranks: int = 1, **environment: str) -> subprocess.Popen:
        tools = Path(sys.executable).parent
        head = [sys.executable]
        if ranks > 1:
            head = ["mpiexec", "-n", str(ranks), *PARALLEL_PYTHON.split()]
        return subprocess.Popen(
            [*head, *self.tail],
            cwd=ROOT,
            env={
                **os.environ,
                **MPI,
                "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, ranks: int = 1, **environment: str) -> dict:
        process = self.start(ranks, **environment)
        printed, _ = process.communicate(timeout=300)
        assert process.returncode == 0, printed
        return self.read()

    def read(self) -> dict:
        return json.loads(self.record.read_text())

    def journal(self) -> list[dict]:
        """Finished steps, oldest first."""
        files = list(self.record.parent.glob("work-relax-*/journal.jsonl"))
        lines = files[0].read_text().split("\n")[1:-1] if files else []
        return [json.loads(line.split(" ", 1)[1]) for line in lines]


SLOW_STEPS = {"fmax_eV_per_ang": 0.05, "max_step_ang": 0.02}  # water needs a handful of them


def water(folder: Path) -> Command:
    """Water from its GFN2-xTB geometry, in short steps."""
    return Command(folder, "reference", protocol(relax=SLOW_STEPS), "--smiles", "O")
