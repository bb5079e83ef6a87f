"""Hosts and competing phases as data: ions, space group, published cell, and the bulk cell they make."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from peropass.errors import InputError

STRUCTURES = Path(__file__).resolve().parents[2] / "structures"
IonRole = Literal["A", "B", "X"]
PEROVSKITE_PHASES = ("cubic", "tetragonal", "orthorhombic")


class Closed(BaseModel):
    """A frozen piece of a structure file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Cell(Closed):
    a_ang: float = Field(gt=0)
    b_ang: float = Field(gt=0)
    c_ang: float = Field(gt=0)
    alpha_deg: float = 90.0
    beta_deg: float = 90.0
    gamma_deg: float = 90.0

    def parameters(self) -> list[float]:
        """Lengths in Angstrom, then angles in degrees."""
        return [self.a_ang, self.b_ang, self.c_ang, self.alpha_deg, self.beta_deg, self.gamma_deg]


class CrystalSite(Closed):
    """One orbit of the space group in fractional coordinates of the conventional cell."""

    ion: IonRole
    element: str
    xyz: tuple[float, float, float]


class Molecule(Closed):
    """Geometry of a molecular cation, Angstrom; a host names it like an element."""

    symbols: str = Field(description="chemical symbols in order, e.g. CNH6")
    positions_ang: tuple[tuple[float, float, float], ...]

    @property
    def atoms(self) -> Atoms:
        return Atoms(self.symbols, positions=self.positions_ang)


class Source(Closed):
    text: str
    doi: str = Field(pattern=r"^10\.\d{4,9}/\S+$")


class Host(Closed):
    """A crystalline phase: composition, symmetry and published cell.

    `ions` gives the formal charge of each element per role; `formula_units` is counted in the
    conventional cell. For phases that are not perovskites (reservoirs, delta, metals) a role may be missing; metals have charge 0.
    """

    name: str
    polymorph: str
    phase: Literal["cubic", "tetragonal", "orthorhombic", "delta", "reservoir", "metal"]
    space_group: int = Field(ge=1, le=230)
    setting: str = Field(default="", description="Hermann-Mauguin symbol of a non-standard setting")
    ions: dict[IonRole, dict[str, int]]
    cell: Cell
    temperature_K: float | None = None
    formula_units: int = Field(ge=1)
    sites: tuple[CrystalSite, ...]
    mixing: dict[IonRole, dict[str, float]] = Field(
        default_factory=dict, description="role -> element -> fraction, for alloys"
    )
    molecules: dict[str, Molecule] = Field(
        default_factory=dict, description="molecular ions by the name that `ions` and `sites` use"
    )
    source: Source
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Host:
        for site in self.sites:
            if site.element not in self.ions.get(site.ion, {}):
                raise ValueError(f"site element {site.element} is not among the {site.ion} ions")
        for role, fractions in self.mixing.items():
            if abs(sum(fractions.values()) - 1) > 1e-6 or min(fractions.values()) < 0:
                raise ValueError(f"mixing of {role} must be fractions that add up to 1")
            if not set(fractions) <= set(self.ions.get(role, {})):
                raise ValueError(f"mixing of {role} names an element that is not among its ions")
        return self

    @property
    def elements(self) -> dict[IonRole, tuple[str, ...]]:
        """Elements of each role."""
        return {role: tuple(charges) for role, charges in self.ions.items()}

    def symbol(self, role: IonRole) -> str:
        """Element that stands for `role` in the parent structure (the first site of that role)."""
        found = [site.element for site in self.sites if site.ion == role]
        if not found:
            raise InputError(f"structures: {self.name}", f"no {role} ion", "a phase with that ion")
        return found[0]

    @property
    def pseudocubic_ang(self) -> float:
        """Published pseudo-cubic lattice constant: cube root of the volume per formula unit."""
        from ase.cell import Cell as AseCell

        volume = AseCell.fromcellpar(self.cell.parameters()).volume
        return float((volume / self.formula_units) ** (1 / 3))

    @property
    def not_one_cubic_cell(self) -> str:
        """Why one cubic formula unit does not stand for this phase; empty if it does.

        A campaign takes lattice constant and bulk energy from the equation of state of that cell.
        """
        if self.phase != "cubic" or self.formula_units != 1:
            return f"{self.phase} cell with {self.formula_units} formula units"
        if self.molecules:
            return f"disordered molecular cation {', '.join(self.molecules)}"
        mixed = ", ".join("/".join(elements) for elements in self.mixing.values())
        return f"mixed {mixed}" if mixed else ""


def host_names(folder: Path = STRUCTURES / "hosts") -> list[str]:
    """Names of all phases that have a file in `folder`."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


@cache
def load_host(name: str, folder: Path = STRUCTURES / "hosts") -> Host:
    """Read one phase from ``folder/name.yaml``.

    Raises
    ------
    InputError
        There is no such file, or it violates the schema; names the file and the key.
    """
    path = folder / f"{name}.yaml"
    where = f"structures/{folder.name}/{name}.yaml"
    if name not in host_names(folder):
        raise InputError(f"structures/{folder.name}", repr(name), ", ".join(host_names(folder)))
    try:
        host = Host.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise InputError(where, f"not YAML ({error})", "a YAML mapping") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(file)"
        raise InputError(f"{where}: {key}", f"{first.get('input')!r:.60}", first["msg"]) from None
    if host.name != name:
        raise InputError(f"{where}: name", host.name, f"{name}, as the file is called")
    return host


def load_phase(name: str) -> Host:
    """Read a competing phase or reservoir from ``structures/phases``, or a polymorph from ``structures/hosts``; raises as `load_host`."""
    polymorph = (STRUCTURES / "hosts" / f"{name}.yaml").exists()
    return load_host(name, STRUCTURES / ("hosts" if polymorph else "phases"))


def bulk(host: Host, a_ang: float | None = None, molecules: bool = True) -> Atoms:
    """Conventional cell of `host`, scaled to a pseudo-cubic lattice constant.

    Parameters
    ----------
    host : Host
    a_ang : float, optional
        Pseudo-cubic lattice constant in Angstrom (for a cubic host the lattice constant); the published
        one by default.

    Returns
    -------
    Atoms
        Periodic cell with the array ``ion`` ("A", "B" or "X") and info ``host``.
    """
    from pymatgen.core import Lattice, Structure

    from peropass.surfaces.molecular_cations import placeholders

    # ASSUME a non-cubic cell is scaled isotropically: its published axis ratios and fractional
    # coordinates are kept, since one number (the campaign's lattice constant) cannot change them.
    scale = 1.0 if a_ang is None else a_ang / host.pseudocubic_ang
    if scale <= 0:
        raise InputError(f"host {host.name}: a_ang", a_ang, "a positive length in Angstrom")
    parameters = host.cell.parameters()
    lattice = Lattice.from_parameters(*(scale * p for p in parameters[:3]), *parameters[3:])
    stand_ins = placeholders(host.molecules)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Full symbol not available")
        structure = Structure.from_spacegroup(
            host.setting or host.space_group,
            lattice,
            [stand_ins.get(site.element, site.element) for site in host.sites],
            [site.xyz for site in host.sites],
            site_properties={"ion": [site.ion for site in host.sites]},
            tol=1e-3,
        )
    roles = structure.site_properties["ion"]
    made = Atoms(
        [site.specie.symbol for site in structure],
        scaled_positions=structure.frac_coords % 1.0,
        cell=lattice.matrix,
        pbc=True,
    )
    made.set_array("ion", np.array(roles, dtype="<U1"))
    made.info["host"] = host.name
    return with_molecules(made, host) if molecules else made


def with_molecules(atoms: Atoms, host: Host) -> Atoms:
    """Cell or slab of `host` with its molecular ions in place of the atoms that held their places."""
    from peropass.surfaces.molecular_cations import expand_host

    return expand_host(atoms, {name: molecule.atoms for name, molecule in host.molecules.items()})


def scaled_primitive(phase: Host, scale: float) -> Atoms:
    """Primitive cell of a phase, its published lengths multiplied by `scale`, ions in the published order of elements."""
    import spglib

    # ASSUME a competing phase keeps its published axis ratios and angles, and is as much larger or smaller than
    # published as the host is at the same settings; only its ions relax. Its energy is an upper bound.
    cell = bulk(phase, scale * phase.pseudocubic_ang)
    standard = spglib.standardize_cell(
        (cell.cell.array, cell.get_scaled_positions(), cell.numbers), to_primitive=True
    )
    if standard is None:
        raise InputError(f"phase {phase.name}", "no primitive cell", "a cell with symmetry")
    lattice, positions, numbers = standard
    made = Atoms(numbers, scaled_positions=positions, cell=lattice, pbc=True)
    made.info["host"] = phase.name
    return made
