"""Dopants of a campaign as Snakemake sees them: which cells, slabs and salts are asked for, their parameters and cost."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from peropass import paths
from peropass.chemistry.dopants import neutral_site, oxidation_states, salt_name
from peropass.config import LIBRARY_FILE
from peropass.ids import canonical
from peropass.resources import (
    PSEUDOCUBIC_ANG,
    Estimate,
    cell_size,
    cheap,
    composition_of,
    estimate,
)
from peropass.validation import load_yaml

if TYPE_CHECKING:
    from peropass.workflow import Plan

SITE_KEYS = ("host", "termination", "site")
PHASES_FOLDER = Path("structures/phases")
FORMULA_UNITS = {"sqrt2x2": 4, "2x2x2": 8}
LENGTHS = {
    "sqrt2x2": (math.sqrt(2), math.sqrt(2), 2.0),
    "2x2x2": (2.0, 2.0, 2.0),
}  # of the cubic cell
# SCF effort against that of the relaxation of a clean slab: from scratch, from the relaxed undoped cell, from the unstrained cell.
EFFORT = {"first": 1.0, "doped": 0.6, "strained": 0.4}
COMPLEX = 1.2  # wave functions away from Gamma are complex; 8 s per iteration of 20 atoms with four points, where slabs would make it 6.7
Place = dict[str, str]


def strain_name(strain: float) -> str:
    """Folder of a strain of the lattice constant, e.g. ``a09900`` for -0.01."""
    return f"a{round(1e4 * (1 + strain)):05d}"


def strain_of(name: str) -> float:
    return round(int(name.removeprefix("a")) / 1e4 - 1, 6)


def cell_mesh(n: int, cell: str) -> tuple[int, int, int]:
    """Mesh of a bulk supercell that is nearest to `n` points per axis of the cubic cell."""
    return tuple(max(1, round(n / length)) for length in LENGTHS[cell])


class Substitutions:
    """What the block `substitution` of a campaign asks for; nothing without it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.settings = plan.campaign.substitution

    @property
    def dopants(self) -> dict[str, int]:
        """Dopant -> charge."""
        charges = oxidation_states(LIBRARY_FILE)
        return {d: charges[d] for d in self.settings.dopants} if self.settings else {}

    def cells(self, host: str) -> list[Place]:
        """Every bulk cell of a host, the undoped ones first."""
        if self.settings is None:
            return []
        names = sorted({strain_name(s) for s in self.settings.strains}, key=_unstrained_first)
        return [
            {"host": host, "cell": self.settings.cell, "dopant": dopant, "strain": strain}
            for dopant in (paths.UNDOPED, *self.settings.dopants)
            for strain in names
        ]

    def slabs(self, host: str) -> list[Place]:
        """Slabs with a dopant, and what they are compared with, that the campaign does not have anyway."""
        if self.settings is None:
            return []
        sites = ["pristine", *self.settings.sites] if self.settings.sites else []
        own = {tuple(place[k] for k in SITE_KEYS) for place in self.plan.places()}
        wanted = [(host, t, s) for t in self.plan.campaign.terminations for s in sites]
        return [dict(zip(SITE_KEYS, w, strict=True)) for w in wanted if w not in own]

    def salts(self, host: str) -> dict[str, str]:
        """Formula of each bulk salt that is relaxed for solution energies -> its record; those without a structure are left out."""
        if self.settings is None or not self.settings.phases:
            return {}
        ions = self.plan.ions(host)
        names = [salt_name(d, n, ions["X"]) for d, n in {ions["B"]: 2, **self.dopants}.items()]
        shared = self.plan.phases(host).values()
        return {
            name: self.plan.path(paths.PHASE if name in shared else paths.SOURCE_PHASE).format(
                host=host, phase=name
            )
            for name in names
            if (PHASES_FOLDER / f"{name}.yaml").exists()
        }

    def own_salts(self, host: str) -> dict[str, str]:
        """Those that the campaign does not relax as competing phases anyway."""
        shared = self.plan.phases(host).values()
        return {name: file for name, file in self.salts(host).items() if name not in shared}

    # --- records -------------------------------------------------------------------------------------------

    def records(self) -> list[tuple[str, str]]:
        """Every record with the stage that makes it, beyond what the campaign has without the block."""
        found = []
        for host in self.plan.campaign.hosts if self.settings else []:
            found += [(self._cell(place), "doped") for place in self.cells(host)]
            found += [(self._slab(place), "relax") for place in self.slabs(host)]
            found += [(file, "phase") for file in self.own_salts(host).values()]
            found.append((self.plan.path(paths.SUBSTITUTION).format(host=host), "substitution"))
        return found

    def reports(self, _wildcards=None) -> list[str]:
        """The record of every host, for the report."""
        return [file for file, stage in self.records() if stage == "substitution"]

    def _cell(self, place: Place) -> str:
        return self.plan.path(paths.DOPED).format(**place)

    def _slab(self, place: Place) -> str:
        return self.plan.path(paths.CLEAN).format(**place)

    def source(self, wildcards) -> list[str]:
        """The relaxed cell that a cell is made of; none for the undoped one at the host's lattice constant."""
        place = dict(wildcards.items()) if hasattr(wildcards, "items") else vars(wildcards)
        if place["strain"] != paths.UNSTRAINED:
            return [self._cell({**place, "strain": paths.UNSTRAINED})]
        if place["dopant"] != paths.UNDOPED:
            return [self._cell({**place, "dopant": paths.UNDOPED})]
        return []

    def source_text(self, wildcards) -> str:
        """The same as an argument: `none` where there is no such cell."""
        return next(iter(self.source(wildcards)), "none")

    def needed(self, wildcards) -> list[str]:
        """What the numbers of a host are made from."""
        host, path = wildcards.host, self.plan.path
        found = [path(p).format(host=host) for p in (paths.BULK, paths.RESERVOIR)]
        found += [self._cell(place) for place in self.cells(host)]
        for termination in self.plan.campaign.terminations if self.settings else []:
            sites = ["pristine", *self.settings.sites] if self.settings.sites else []
            where = {"host": host, "termination": termination}
            found += [self._slab({**where, "site": site}) for site in sites]
        return [*found, *self.salts(host).values()]

    # --- parameters ----------------------------------------------------------------------------------------

    def address(self, wildcards) -> str:
        """Address of a bulk cell: the dopant stands where a molecule's name stands, the strain where a pose does."""
        levels = {"host": wildcards.host, "candidate": wildcards.dopant, "pose": wildcards.strain}
        return canonical({**self.plan.fixed, **levels})

    def site(self, wildcards) -> str:
        """Site of the dopant; `none` for the undoped cell."""
        if wildcards.dopant == paths.UNDOPED:
            return "none"
        return neutral_site(wildcards.dopant, oxidation_states(LIBRARY_FILE)[wildcards.dopant])

    def points(self) -> int:
        """k-points per axis of the cubic cell."""
        asked = self.settings.kpts_per_primitive_cell if self.settings else None
        return asked or self.plan.protocol.kpts_per_primitive_cell.bulk

    def mesh(self, wildcards) -> str:
        return canonical(cell_mesh(self.points(), wildcards.cell))

    def parameters(self, _wildcards=None) -> str:
        """All that the analysis needs: the block, and the faces it asks for."""
        if self.settings is None:
            return canonical({})
        faces = self.plan.campaign.terminations
        return canonical({"settings": self.settings.model_dump(), "terminations": faces})

    # --- cost ----------------------------------------------------------------------------------------------

    def cost(self, stage: str, place: Place) -> Estimate:
        """Expected cost of a bulk cell or of a bulk salt."""
        if stage == "substitution":
            return cheap("candidate")
        if self.plan.protocol.engine == "toy":
            return cheap("candidate")
        if stage == "phase":
            return self._salt_cost(place)
        cell = place.get("cell", self.settings.cell)
        mesh = cell_mesh(self.points(), cell)
        ions, units = self.plan.ions(place["host"]), FORMULA_UNITS[cell]
        composition = {ions["A"]: units, ions["B"]: units, ions["X"]: 3 * units}
        kpoints = (math.prod(mesh) + 1) // 2
        volume = units * PSEUDOCUBIC_ANG[ions["X"]] ** 3
        one = estimate("clean", cell_size(composition, volume, self.plan.protocol, kpoints))
        moved = place.get("strain", paths.UNSTRAINED) != paths.UNSTRAINED
        doped = place.get("dopant", paths.UNDOPED) != paths.UNDOPED
        effort = EFFORT["strained" if moved else "doped" if doped else "first"]
        factor = effort * (1.0 if mesh == (1, 1, 1) else COMPLEX)
        return replace(one, core_s=one.core_s * factor)

    def _salt_cost(self, place: Place) -> Estimate:
        """A bulk salt in its published cell, whose ions relax."""
        data = load_yaml(PHASES_FOLDER / f"{place['phase']}.yaml")
        lengths = [data["cell"][f"{axis}_ang"] for axis in "abc"]
        host_ang = PSEUDOCUBIC_ANG[self.plan.ions(place["host"])["X"]]
        mesh = [math.ceil(self.points() * host_ang / length - 0.1) for length in lengths]
        formula = composition_of(place["phase"])
        composition = {e: n * data["formula_units"] for e, n in formula.items()}
        kpoints = (math.prod(mesh) + 1) // 2
        one = estimate(
            "clean", cell_size(composition, math.prod(lengths), self.plan.protocol, kpoints)
        )
        return replace(one, core_s=one.core_s * COMPLEX)

    def jobs(self, host: str) -> list[tuple[str, str, Estimate, tuple[str, ...]]]:
        """(rule, output, cost, inputs) of every job that the block adds on a host, for `peropass plan`."""
        if self.settings is None:
            return []
        bulk = self.plan.path(paths.BULK).format(host=host)
        found = []
        for place in self.cells(host):
            needs = (bulk, *self.source(SimpleNamespace(**place)))
            found.append(("doped", self._cell(place), self.cost("doped", place), needs))
        for place in self.slabs(host):
            build = self.plan.path(paths.CLEAN_BUILD).format(**place)
            origin = paths.BULK if place["site"] == "pristine" else paths.PRISTINE
            origin = self.plan.path(origin).format(**place)
            found.append(("slab", build, self.plan.cheap("slab"), (origin,)))
            cost = self.plan.cost("relax", place)
            found.append(("relax_clean", self._slab(place), cost, (build,)))
        for name, file in self.own_salts(host).items():
            cost = self.cost("phase", {"host": host, "phase": name})
            found.append(("phase_source", file, cost, (bulk,)))
        output = self.plan.path(paths.SUBSTITUTION).format(host=host)
        needs = tuple(self.needed(SimpleNamespace(host=host)))
        return [*found, ("substitution", output, cheap("candidate"), needs)]


def _unstrained_first(name: str) -> tuple[bool, str]:
    return name != paths.UNSTRAINED, name
