"""Protocols: the engine's settings as closed, hashed data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

from peropass.ids import digest
from peropass.validation import load_yaml, validated

LATERAL_FOLDING = {
    "sqrt2": 2**0.5,
    "2x2": 2.0,
    "2sqrt2": 2 * 2**0.5,
}  # lengths in units of the 1x1 cell

# Grid spacing times the root of the cutoff, Angstrom sqrt(eV). GPAW's own choice is 4.33: a water molecule that is shifted by 0.1 Angstrom
# then changes by 20 meV at 300 eV, and the forces on it sum to 0.1-0.3 eV/Angstrom; at 3.8 it is 0.1 meV and 0.005 eV/Angstrom.
QUIET_GRID = 3.82
NOISY_GRID = 3.95


SpinOrbit = Literal["bare", "mass"]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EnergySettings(_Closed):
    """What all energies of one reaction must share."""

    xc: Literal["PBE", "PBEsol", "RPBE", "BEEF-vdW", "vdW-DF2"] = Field(
        description="exchange-correlation functional"
    )
    dispersion: Literal["none", "d3bj", "d4"] = Field(
        description="dispersion correction added to energies and forces"
    )
    ecut_eV: float = Field(ge=150, le=1200, description="plane-wave cutoff")
    smearing_eV: float = Field(gt=0, le=0.2, description="Fermi-Dirac width while relaxing")
    energy_tolerance_eV_per_electron: float = Field(gt=0, le=5e-4)
    density_tolerance: float = Field(gt=0, le=1e-3, description="electrons per valence electron")
    eigenstate_tolerance_eV2_per_electron: float = Field(
        default=1e-6, gt=0, le=1e-5, description="squared residual of the Kohn-Sham states"
    )
    setups: dict[str, str] = Field(
        default_factory=dict, description="PAW datasets that differ from the default"
    )
    mode: Literal["pw", "lcao"] = Field(
        default="pw",
        description="plane waves, or atomic orbitals (dzp) for cells above 80 atoms: then `ecut_eV` is not used",
    )
    grid_spacing_ang: float = Field(
        ge=0.10,
        le=0.30,
        description="widest real-space grid; default: 3.82 / sqrt(ecut_eV) in plane waves, 0.2 in mode lcao",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_spacing(cls, data: object) -> object:
        if isinstance(data, dict) and "grid_spacing_ang" not in data:
            cutoff = data.get("ecut_eV")
            plane_waves = data.get("mode", "pw") == "pw" and isinstance(cutoff, int | float)
            spacing = round(QUIET_GRID / max(cutoff, 1) ** 0.5, 3) if plane_waves else 0.20
            return {**data, "grid_spacing_ang": spacing}
        return data

    @model_validator(mode="after")
    def _quiet_grid(self) -> EnergySettings:
        widest = NOISY_GRID / self.ecut_eV**0.5
        if self.mode == "pw" and self.grid_spacing_ang > widest:
            raise ValueError(
                f"at this ecut_eV energies change by 10 meV and forces by 0.1 eV/Angstrom when atoms shift against "
                f"a grid wider than {widest:.3f} Angstrom"
            )
        return self

    @model_validator(mode="after")
    def _dispersion_once(self) -> EnergySettings:
        if self.xc in ("BEEF-vdW", "vdW-DF2") and self.dispersion != "none":
            raise ValueError(
                f"{self.xc} holds its own dispersion; allowed with it: dispersion none"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_does_not_apply(self, serialise) -> dict:
        """Plane waves are the default and carry no key of their own."""
        data = serialise(self)
        if self.mode == "pw":
            data.pop("mode", None)
        return data

    @property
    def label(self) -> str:
        """What a reader must know of the basis, e.g. ``PW 300 eV`` or ``LCAO dzp h 0.20 A``."""
        if self.mode == "pw":
            return f"PW {self.ecut_eV:g} eV"
        return f"LCAO dzp h {self.grid_spacing_ang:.2f} A"


class RelaxSettings(_Closed):
    fmax_eV_per_ang: float = Field(
        default=0.05, gt=0, le=0.5, description="largest force on a free atom"
    )
    max_steps: int = Field(default=150, ge=1, le=2000)
    max_step_ang: float = Field(
        default=0.2, gt=0, le=0.5, description="largest move of an atom per step"
    )


class LevelSettings(_Closed):
    smearing_eV: float = Field(
        default=0.01, gt=0, le=0.05, description="Fermi-Dirac width of the final levels"
    )
    states_below: int = Field(default=24, ge=2, description="occupied states listed")
    states_above: int = Field(
        default=24, ge=2, description="empty states listed; converged, with 8 more as buffer"
    )
    hse: bool = Field(default=False, description="also HSE06 eigenvalues on the same density")
    spin_orbit: SpinOrbit = Field(
        default="mass",
        description="operator of the spin-orbit coupling: that of GPAW divided by the relativistic mass, or as it is (`bare`), which splits p shells of Pb and Bi a sixth too much",
    )


class KpointSettings(_Closed):
    bulk: int = Field(
        ge=1, description="points per axis of the cubic bulk cell, shifted off Gamma where even"
    )
    lateral: int = Field(
        ge=1,
        description="points per axis of the primitive (1x1) surface cell; 2 is Gamma in sqrt2 and 2x2",
    )


class Protocol(_Closed):
    """All settings of one level of theory."""

    name: str
    description: str = ""
    engine: Literal["gpaw", "toy"]
    energy: EnergySettings
    relax: RelaxSettings = Field(default_factory=RelaxSettings)
    levels: LevelSettings = Field(default_factory=LevelSettings)
    kpts_per_primitive_cell: KpointSettings
    molecule_margin_ang: float = Field(
        ge=4, le=15, description="vacuum around a molecule in its box"
    )

    @property
    def settings_hash(self) -> str:
        """Hash of everything that energies must share, engine included."""
        return digest({"engine": self.engine, "energy": self.energy.model_dump()})

    @property
    def hash(self) -> str:
        """Hash of the whole protocol without its name and description."""
        return digest(self.model_dump(exclude={"name", "description"}))

    def lateral_kpts(self, lateral: str) -> tuple[int, int, int]:
        """Monkhorst-Pack size for a slab of the named lateral cell."""
        n = max(1, round(self.kpts_per_primitive_cell.lateral / LATERAL_FOLDING[lateral]))
        return (n, n, 1)


def load_protocols(path: str | Path) -> dict[str, Protocol]:
    """All protocols of a file; InputError names the file and the key."""
    data = load_yaml(path)
    return {
        name: validated(Protocol, {"name": name, **(block or {})}, f"{path}: {name}")
        for name, block in data.items()
    }
