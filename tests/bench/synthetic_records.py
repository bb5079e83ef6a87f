"""Records of a finished campaign of thousands of rows, all synthetic: `python -m tests.bench.synthetic_records FOLDER ROWS`.

Rows differ as far as the ligand library goes. Energies and vibrations are random numbers and every record is marked as toy,
so nothing of it can ever rank. Slabs and levels are those of the committed campaign cspbbr3, of real size, marked alike;
levels and structures of the rows are hard links to them.
"""

import json
import os
import random
import shutil
import sys
from pathlib import Path

from peropass import paths
from peropass.check import _references
from peropass.chemistry.library import load_library
from peropass.chemistry.model_plan import plan_model
from peropass.chemistry.molecules import composition
from peropass.chemistry.reaction_plan import gas
from peropass.chemistry.reactions import add
from peropass.config import load_campaign
from peropass.errors import PeropassError
from peropass.gather import CampaignCopy, Place, addresses
from peropass.records import (
    Address,
    CalculationRecord,
    Check,
    Energy,
    EosRecord,
    IonicStep,
    PosesRecord,
    Provenance,
    StructureRef,
    ThermoRecord,
)
from tests.bench.bench_planning import HEAD, rows

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "results" / "reference" / "cspbbr3" / "smoke" / "CsPbBr3-cubic" / "001-CsX"
CELL = [[8.4, 0.0, 0.0], [0.0, 8.4, 0.0], [0.0, 0.0, 40.0]]
PRISTINE, SOCKET = {"Cs": 4, "Pb": 2, "Br": 8}, {"Cs": 3, "Pb": 2, "Br": 7}
COMPLEXES = ["AX", "BX2"]


class Writer:
    """Writes the records of one campaign below `root`."""

    def __init__(self, root: Path, seed: int = 0) -> None:
        self.root, self.random, self.made = root, random.Random(seed), 0
        self.templates: list[tuple[Path, Path]] = []

    def place(self, address: Address) -> Place:
        return Place(address, True, self.root)

    def common(self, address: Address, **more: object) -> dict:
        self.made += 1
        mark = Provenance(revision=1, physics_hash=f"synthetic-{self.made}", core_s=60.0)
        return {"status": "ok", "toy": True, "address": address, "provenance": mark, **more}

    def energy(self, low_eV: float = -100.0) -> Energy:
        electronic, dispersion = low_eV - self.random.random(), -self.random.random()
        return Energy(
            electronic_eV=electronic,
            free_eV=electronic,
            dispersion_eV=dispersion,
            dispersion_cs_eV=0.3 * dispersion,
            total_eV=electronic + dispersion,
        )

    def put(self, record, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(record.model_dump_json(indent=1))

    def calculation(
        self, address: Address, file: Path, atoms: dict, role: str, low_eV: float = -100.0, **more
    ) -> None:
        steps = [
            IonicStep(energy_eV=-99.0, fmax_eV_per_ang=0.1, scf_iterations=9, seconds=5.0)
        ] * 14
        ref = StructureRef(
            file="relax.final.extxyz",
            hash="synthetic",
            n_atoms=sum(atoms.values()),
            composition=atoms,
        )
        checks = [
            Check(name=f"check {n}", value=0.1, unit="eV", limit="<= 1", passed=True)
            for n in range(5)
        ]
        record = CalculationRecord(
            **self.common(address),
            kind="relax",
            role=role,
            settings_hash="synthetic",
            settings={"xc": "PBE", "dispersion": "d3bj"},
            kpts=(1, 1, 1),
            cell_ang=CELL if role != "molecule" else None,
            initial=ref,
            final=ref,
            energy=self.energy(low_eV),
            history=steps,
            checks=checks,
            **more,
        )
        self.put(record, file)

    def thermo(self, address: Address, file: Path, smiles: str) -> None:
        atoms = composition(smiles)
        modes = max(3 * sum(atoms.values()) - 6, 1)
        record = ThermoRecord(
            **self.common(address),
            species=gas(smiles).name,
            smiles=smiles,
            method="synthetic",
            mass_u=10.0 * sum(atoms.values()),
            moments_u_ang2=[100.0, 200.0, 250.0],
            wavenumbers_cm=sorted(round(self.random.uniform(50, 3200), 2) for _ in range(modes)),
            solvation_eV=dict.fromkeys(("hexane", "toluene", "ethylacetate", "water"), -0.3),
        )
        self.put(record, file)

    def link(self, source: Path, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, file)

    def marked(self, source: Path, name: str) -> Path:
        """A committed record as a synthetic one."""
        data = json.loads(source.read_text())
        data["toy"], data["address"]["campaign"] = True, "synthetic"
        target = self.root / "templates" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(data, indent=1))
        return target

    def shared(self, address: Address) -> None:
        """Slabs without ligand, phases, and templates of the levels."""
        place = self.place(address)
        for pattern, folder, atoms in (
            (paths.PRISTINE, COMMITTED / "pristine/none/none", PRISTINE),
            (paths.CLEAN, COMMITTED / "V-CsX/none/none", SOCKET),
        ):
            file = place.file(pattern)
            self.calculation(address, file, atoms, "slab")
            shutil.copy(folder / "relax.final.extxyz", file.parent)
            levels = self.marked(
                folder / "levels.record.json", f"bare-{len(atoms)}-{sum(atoms.values())}.json"
            )
            self.link(levels, file.parent / "levels.record.json")
        for pattern, atoms in (
            (paths.RESERVOIR, {"Cs": 1, "Br": 1}),
            (paths.BULK, {"Cs": 1, "Pb": 1, "Br": 3}),
        ):
            record = EosRecord(
                **self.common(address), settings_hash="synthetic", settings={}, composition=atoms, kpts=(4, 4, 4),
                energy=self.energy(-10.0),
            )  # fmt: skip
            self.put(record, place.file(pattern))
        for folder in sorted(COMMITTED.glob("V-CsX/*/k0")):
            levels = self.marked(folder / "levels.record.json", f"{folder.parent.name}.json")
            structure = levels.with_suffix(".extxyz")
            shutil.copy(folder / "relax.final.extxyz", structure)
            self.templates.append((levels, structure))

    def row(self, address: Address, smiles: str, number: int) -> None:
        place, atoms = self.place(address), composition(smiles)
        loaded = add(SOCKET, atoms)
        poses = PosesRecord(
            **self.common(address), method="synthetic", filters=[], poses=[],
            descriptors={"chain_length_ang": self.random.uniform(3, 25), "footprint_ang2": 30.0},
        )  # fmt: skip
        self.put(poses, place.file(paths.POSES))
        file = place.file(paths.LOADED, pose="k0")
        self.calculation(address, file, loaded, "slab", -201.0)
        levels, structure = self.templates[number % len(self.templates)]
        self.link(levels, place.file(paths.LOADED_LEVELS, pose="k0"))
        self.link(structure, file.parent / "relax.final.extxyz")
        for part, of in (("slab", SOCKET), ("ligand", atoms)):
            self.calculation(
                address, place.file(paths.FRAGMENT, pose="k0", part=part), of, "fragment"
            )
        self.calculation(address, place.file(paths.MOLECULE), atoms, "molecule")
        self.thermo(address, place.file(paths.MOLECULE_THERMO), smiles)

    def reference(self, address: Address, identity: str, smiles: str) -> None:
        place = self.place(address)
        file = place.file(paths.REFERENCE, reference=identity)
        if not file.exists():
            self.calculation(address, file, composition(smiles), "molecule")
            self.thermo(address, place.file(paths.REFERENCE_THERMO, reference=identity), smiles)


def make(folder: Path, number: int) -> None:
    """A campaign of `number` rows below `folder`/synthetic, with its copy as a ranked one has it."""
    root = folder / "synthetic"
    root.mkdir(parents=True)
    config = folder / "synthetic.yaml"
    head = HEAD.format(name="synthetic").replace(
        "candidates:", "lability: {complexes: [AX, BX2]}\ncandidates:"
    )
    config.write_text(head + "\n".join(rows(number)) + "\n")
    campaign, protocol = load_campaign(config)
    library, writer = load_library(), Writer(root)
    places = addresses(campaign)
    writer.shared(places[0])
    references: dict[str, dict[str, str]] = {}
    for n, address in enumerate(places):
        row = campaign.by_key[address.candidate]
        entry = library.entry(row.ligand)
        plan = plan_model(entry, tail_carbons=row.tail_carbons, halide=row.halide or "Br")
        smiles = ".".join(plan.parts)
        writer.row(address, smiles, n)
        try:
            needed = _references(entry, row, address.host, smiles, COMPLEXES)
        except PeropassError:
            needed = {}
        references[row.key] = needed
        for identity, text in needed.items():
            writer.reference(address, identity, text)
    copy = CampaignCopy(
        campaign=campaign,
        protocol=protocol,
        references={places[0].host: references},
        config_file="synthetic",
    )
    (root / "campaign.json").write_text(copy.model_dump_json())


if __name__ == "__main__":
    os.chdir(ROOT)
    make(Path(sys.argv[1]), int(sys.argv[2]))
