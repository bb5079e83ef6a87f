"""A finished toy campaign, made by calling the steps one after the other in this process."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import yaml

from peropass import gather, paths
from peropass.workflow import Plan
from scripts import (
    bulk,
    candidate,
    fragment,
    levels,
    molecule,
    poses,
    reference,
    relax,
    site,
    slab,
    thermo,
)

ROOT = Path(__file__).resolve().parents[2]
CAMPAIGN = {
    "campaign": "small",
    "protocol": "toy",
    "hosts": ["CsPbBr3-cubic"],
    "terminations": ["001-CsX"],
    "sites": ["V-CsX"],
    "slab": {"lateral": "sqrt2", "layers": 3, "frozen_layers": 1, "height_ang": 26.0},
    "poses": {"generate": 2, "relax": 1, "xtb": "none", "xtb_steps": 0, "conformers": 1},
    "candidates": [{"ligand": "ma-br", "role": "native"}, {"ligand": "kx"}],
    "ranking": {"samples": 100},
}


def workplace(folder: Path) -> Path:
    """`folder` with the curated inputs that every command expects."""
    for name in ("config", "structures"):
        (folder / name).symlink_to(ROOT / name)
    return folder


class Wildcards(SimpleNamespace):
    def items(self):
        return vars(self).items()


def run_campaign(config: Path, data: dict | None = None) -> Path:
    """Write the campaign file and run all of its steps; returns the campaign folder."""
    config.write_text(yaml.safe_dump(data or CAMPAIGN))
    plan = Plan(str(config))
    step = _Steps(plan)
    host = {"host": plan.campaign.hosts[0]}
    step.call(bulk, paths.BULK, host, "--phase", host["host"])
    salt = plan.salt(Wildcards(**host))
    step.call(bulk, paths.RESERVOIR, host, "--phase", salt, "--folder", "phases")
    for name in ("pristine", *plan.campaign.sites):
        step.clean({**host, "termination": plan.campaign.terminations[0], "site": name})
    for key in plan.campaign.by_key:
        step.gas({**host, "candidate": key})
    for identity in plan.references_of(host["host"]):
        step.small({**host, "reference": identity})
    for socket in plan.sockets():
        for key in plan.campaign.by_key:
            step.loaded({**socket, "candidate": key})
        for key in plan.campaign.by_key:
            step.assembled({**socket, "candidate": key})
    root = Path(plan.path(paths.CAMPAIGN))
    gather.rank_campaign(str(config), root / "ranking.json", root / "ranking.csv")
    return root


class _Steps:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.energy, self.levels = plan.energy_params(None), plan.levels_params(None)

    def path(self, pattern, place):
        return self.plan.path(pattern).format(**place)

    def call(self, module, pattern, place, *arguments, protocol=None, address=None):
        where = address or self.plan.address(Wildcards(**place))
        common = [
            "--address",
            where,
            "--protocol",
            protocol or self.energy,
            "--out",
            self.path(pattern, place),
        ]
        module.main([*common, *arguments])

    def clean(self, place):
        source = self.path(paths.BULK if place["site"] == "pristine" else paths.PRISTINE, place)
        settings = self.plan.slab_params(None)
        self.call(slab, paths.CLEAN_BUILD, place, "--slab", settings, "--source", source)
        structure = self.path(paths.CLEAN_BUILD, place)
        self.call(relax, paths.CLEAN, place, "--lateral", "sqrt2", "--structure", structure)
        relaxed = self.path(paths.CLEAN, place)
        self.call(levels, paths.CLEAN_LEVELS, place, "--relaxed", relaxed, protocol=self.levels)
        self.call(site, paths.SITE_RECORD, place)

    def gas(self, place):
        wildcards = Wildcards(**place)
        row, halide = self.plan.candidate_params(wildcards), self.plan.halide(wildcards)
        self.call(molecule, paths.MOLECULE, place, "--candidate", row, "--halide", halide)
        smiles = self.plan.model_smiles(wildcards)
        record = self.path(paths.MOLECULE, place)
        self.call(thermo, paths.MOLECULE_THERMO, place, "--molecule", record, "--smiles", smiles)

    def small(self, place):
        wildcards = Wildcards(**place)
        smiles, address = (
            self.plan.reference_smiles(wildcards),
            self.plan.reference_address(wildcards),
        )
        self.call(reference, paths.REFERENCE, place, "--smiles", smiles, address=address)
        record = self.path(paths.REFERENCE, place)
        arguments = ("--molecule", record, "--smiles", smiles)
        self.call(thermo, paths.REFERENCE_THERMO, place, *arguments, address=address)

    def loaded(self, place):
        wildcards = Wildcards(**place)
        row, halide = self.plan.candidate_params(wildcards), self.plan.halide(wildcards)
        rows = ("--candidate", row, "--halide", halide, "--poses", self.plan.poses_params(None))
        slabs = (
            "--socket",
            self.path(paths.CLEAN, place),
            "--pristine",
            self.path(paths.PRISTINE, place),
        )
        library = ("--library", self.plan.library_digest(wildcards))
        self.call(poses, paths.POSES, place, *rows, *library, *slabs)
        place = {**place, "pose": "k0"}
        source = ("--poses", self.path(paths.POSES, place), "--pose", "k0")
        self.call(relax, paths.LOADED, place, "--lateral", "sqrt2", *source)
        loaded = self.path(paths.LOADED, place)
        self.call(levels, paths.LOADED_LEVELS, place, "--relaxed", loaded, protocol=self.levels)
        for part in ("slab", "ligand"):
            address = self.plan.fragment_address(Wildcards(**place, part=part))
            arguments = ("--loaded", loaded, "--part", part)
            self.call(
                fragment, paths.FRAGMENT, {**place, "part": part}, *arguments, address=address
            )

    def assembled(self, place):
        wildcards = Wildcards(**place)
        row, halide = self.plan.candidate_params(wildcards), self.plan.halide(wildcards)
        meta = self.plan.candidate_meta(wildcards)
        self.call(
            candidate,
            paths.CANDIDATE,
            place,
            "--candidate",
            row,
            "--meta",
            meta,
            "--halide",
            halide,
        )


def copied(root: Path, target: Path) -> Path:
    """A campaign folder somewhere else, without its work folders, as reference campaigns are committed."""
    return Path(
        shutil.copytree(root, target, ignore=shutil.ignore_patterns("work-*", "logs", "*.log"))
    )
