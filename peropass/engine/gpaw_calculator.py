"""GPAW calculators from a protocol: one place that knows GPAW's keywords.

Every rung of the remedy ladder is a fresh calculator: GPAW 26.7 silently ignores keywords that are passed
together with a restart file.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from ase import Atoms

from peropass.engine import paw_datasets
from peropass.engine.protocol import Protocol
from peropass.errors import EngineError

MAX_SCF_ITERATIONS = 100
MOST_DOMAIN_RANKS = 16  # beyond, bands are divided too
MINIMUM_EMPTY_BANDS = 8
# Fewer and cheaper iterations than GPAW's own choice (MSR1 with beta 0.05, PPCG): docs/benchmarks.md has both
MIXER = {"name": "msr1", "beta": 0.25}
EIGENSOLVER = {"name": "davidson"}


@dataclass(frozen=True)
class Rung:
    """One step of the remedy ladder: a name for the record and the keywords that change."""

    name: str
    changes: dict


# Each rung keeps the tolerances: convergence is never loosened to make a run end.
SCF_LADDER: tuple[Rung, ...] = (
    Rung("defaults", {}),
    Rung("GPAW's mixer and solver", {"mixer": {"name": "msr1"}, "eigensolver": {"name": "ppcg"}}),
    Rung("msr1 beta 0.035", {"mixer": {"name": "msr1", "beta": 0.035, "nmaxold": 8}}),
    Rung("pulay 0.05/5/50", {"mixer": {"name": "pulay", "beta": 0.05, "nmaxold": 5, "weight": 50}}),
    Rung(
        "pulay 0.02/5/100, more bands",
        {"mixer": {"name": "pulay", "beta": 0.02, "nmaxold": 5, "weight": 100}, "nbands": -40},
    ),
    Rung(
        "davidson from a dzp start",
        {
            "eigensolver": {"name": "davidson", "niter": 4},
            "basis": "dzp",
            "mixer": {"name": "pulay", "beta": 0.05, "nmaxold": 5, "weight": 50},
        },
    ),
)


def keywords(
    protocol: Protocol,
    *,
    cell_ang: np.ndarray,
    slab: bool,
    kpts: tuple[int, int, int],
    spin_polarised: bool = False,
    final_levels: bool = False,
    gamma_centred: bool = True,
    rigid: bool = True,
    rung: Rung = SCF_LADDER[0],
    ranks: int = 1,
    ghosts: tuple[int, ...] = (),
    gpu: bool = False,
) -> dict:
    """GPAW keywords of one calculation.

    Parameters
    ----------
    cell_ang : (3, 3) array
        Lattice vectors, from which the real-space grid follows.
    slab : bool
        Periodic in x and y only, with a dipole layer at the cell boundary along z.
    kpts : three ints
        Monkhorst-Pack size; Gamma-centred unless `gamma_centred` is false.
    rigid : bool
        Ions of a bulk cell stay where they are, so that its point group may be used.
    final_levels : bool
        Settings of the final Kohn-Sham levels: narrow smearing and converged empty bands.
    ghosts : indices
        Atoms that lend their basis functions and nothing else (counterpoise); LCAO only.
    gpu : bool
        Plane waves on the GPU of the rank.

    Raises
    ------
    EngineError
        Ghosts in plane waves, or LCAO on a GPU.
    """
    energy = protocol.energy
    chosen: dict = {
        "mode": _mode(protocol),
        "xc": energy.xc,
        "kpts": {"size": tuple(kpts), "gamma": gamma_centred},
        # atoms of slabs and molecules move and would break a point group; bulk cells are rigid and use theirs
        "symmetry": {} if rigid and not slab and kpts != (1, 1, 1) else {"point_group": False},
        "occupations": {"name": "fermi-dirac", "width": energy.smearing_eV},
        "convergence": tolerances(protocol),
        "maxiter": MAX_SCF_ITERATIONS,
        "spinpol": spin_polarised,
    }
    if energy.mode == "lcao":
        chosen |= {"basis": "dzp", "h": energy.grid_spacing_ang}
    else:
        chosen |= {
            "gpts": grid_points(cell_ang, energy.grid_spacing_ang),
            "mixer": MIXER,
            "eigensolver": EIGENSOLVER,
        }
    if energy.setups or ghosts:
        chosen["setups"] = {**energy.setups, **dict.fromkeys(ghosts, "ghost")}
    if energy.mode == "pw" and ghosts:
        raise EngineError("ghost atoms have no meaning in plane waves; use them with mode lcao")
    if energy.mode == "lcao" and gpu:
        raise EngineError("PEROPASS_GPU is set, but only plane waves run on GPUs")
    if slab:
        chosen["poissonsolver"] = {"dipolelayer": "xy"}
    if final_levels:
        buffer = MINIMUM_EMPTY_BANDS
        chosen["occupations"] = {"name": "fermi-dirac", "width": protocol.levels.smearing_eV}
        chosen["nbands"] = -(protocol.levels.states_above + buffer)
        chosen["convergence"] = {**chosen["convergence"], "bands": -buffer}
    parallel = layout(ranks, math.prod(kpts))
    if gpu:
        parallel["gpu"] = True
    if parallel:
        chosen["parallel"] = parallel
    for key, value in rung.changes.items():
        fixed = key == "nbands" and final_levels
        without = energy.mode == "lcao" and key in ("eigensolver", "basis", "nbands")
        if not fixed and not without:
            chosen[key] = value
    return chosen


def grid_points(cell_ang: np.ndarray, spacing_ang: float) -> tuple[int, int, int]:
    """Even numbers of grid points along the cell vectors, spacing at most `spacing_ang`, prime factors 2, 3, 5 and 7 only.

    Even, because odd grids of the same spacing are far noisier (water at 300 eV, 0.226 against 0.219 Angstrom: 13
    against 0.1 meV); small factors for the Fourier transforms.
    """
    lengths = np.linalg.norm(cell_ang, axis=1)
    return tuple(_fourier_size(math.ceil(length / spacing_ang - 1e-9)) for length in lengths)


def _fourier_size(at_least: int) -> int:
    size = at_least + at_least % 2
    while True:
        rest = size
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 2


def _mode(protocol: Protocol) -> str | dict:
    energy = protocol.energy
    return "lcao" if energy.mode == "lcao" else {"name": "pw", "ecut": energy.ecut_eV}


def layout(ranks: int, n_kpoints: int) -> dict:
    """How GPAW divides its ranks: k-points first, then plane waves or grid, then bands.

    k-points need almost no communication; a domain below four ranks little; further ranks go to bands, which need
    ScaLAPACK. `n_kpoints` counts the whole mesh, of which time reversal leaves at least half.
    """
    if ranks == 1:
        return {}
    if n_kpoints == 1:
        kpt = 1
    else:
        most = (n_kpoints + 1) // 2
        kpt = max(n for n in range(1, min(ranks, most) + 1) if ranks % n == 0)
    rest = ranks // kpt
    domain = max(n for n in range(1, min(rest, MOST_DOMAIN_RANKS) + 1) if rest % n == 0)
    found = {"kpt": kpt, "domain": domain, "band": rest // domain}
    return {name: n for name, n in found.items() if n > 1 or name == "domain"}


def gpu_wanted() -> bool:
    """True if PEROPASS_GPU asks for the GPU: a choice of the machine, never of the physics.

    Raises
    ------
    EngineError
        It asks, and CuPy is not installed.
    """
    if os.environ.get("PEROPASS_GPU", "") not in ("1", "yes", "true"):
        return False
    if find_spec("cupy") is None:
        raise EngineError(
            "PEROPASS_GPU is set, but CuPy is not installed; unset it or install cupy"
        )
    return True


def tolerances(protocol: Protocol) -> dict[str, float]:
    """SCF tolerances in GPAW's own names and units."""
    energy = protocol.energy
    return {
        "energy": energy.energy_tolerance_eV_per_electron,
        "density": energy.density_tolerance,
        "eigenstates": energy.eigenstate_tolerance_eV2_per_electron,
    }


def build(parameters: dict, txt: str | Path | None):
    """A new GPAW calculator with exactly these keywords."""
    from gpaw import GPAW

    return GPAW(**parameters, txt=str(txt) if txt else None)


def valence_electrons(calculator) -> float:
    """Number of valence electrons that GPAW used for the last structure."""
    return float(calculator.dft.setups.nvalence)


def versions() -> dict[str, str]:
    """Versions that decide the numbers, for provenance."""
    from importlib.metadata import version

    import _gpaw

    found = {
        name: version(name) for name in ("gpaw", "gpaw-data", "ase", "dftd3", "numpy", "scipy")
    }
    libxc = getattr(_gpaw, "libxc_version", None)
    if libxc:
        found["libxc"] = str(libxc)
    return found


def software(atoms: Atoms, xc: str) -> dict[str, str]:
    """Versions, and the hash of each dataset that a calculation of `atoms` reads: the lock of its record."""
    return {**versions(), **dataset_hashes(set(atoms.get_chemical_symbols()), xc)}


def dataset_hashes(symbols: set[str], xc: str) -> dict[str, str]:
    """sha256 (first 16 digits) of the PAW dataset file of each element."""
    return paw_datasets.hashes(symbols, xc)
