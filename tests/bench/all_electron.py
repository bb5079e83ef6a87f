"""Lattice constants of cubic CsPbX3 without pseudopotentials: the linearised augmented plane waves of Elk beside GPAW, on one mesh.

    python -m tests.bench.all_electron Br --xc PBEsol --folder /tmp/elk

An independent route to the values of `peropass validate`: another basis, all electrons, no PAW dataset. Needs the program `elk-lapw` (Debian package of that name, GPL-3)
and its species files; three to ten core-minutes per volume. Prints both curves in meV and the lattice constant of a Birch-Murnaghan fit to each.
A volume whose folder holds a finished run is not run again. Elk's SCF is delicate here: of fourteen runs one did not converge and one settled thousands of eV off; both are refused.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

from ase import Atoms
from ase.eos import EquationOfState
from ase.units import Bohr, Hartree

GUESS_ANG = {"Cl": 5.62, "Br": 5.87, "I": 6.25}
SCALES = (0.985, 0.9925, 1.0, 1.015)
FUNCTIONALS = {"PBE": 20, "PBEsol": 22}
MESH = 4  # points per axis, shifted off Gamma, in both programs
SMEARING_EV = 0.01
OFF_THE_CURVE_EV = 0.2  # the curves span 0.05 eV
SPECIES = "/usr/share/elk-lapw/species/"

INPUT = """tasks
  0

xctype
  {functional}

highq
  .true.

rgkmax
  {rgkmax}

gmaxvr
  20.0

ngridk
  {mesh} {mesh} {mesh}

vkloff
  0.5 0.5 0.5

nempty
  8

stype
  3

swidth
  {width:.3e}

epsengy
  1.0e-6

epspot
  1.0e-5

maxscl
  60

avec
  {a:.8f} 0.0 0.0
  0.0 {a:.8f} 0.0
  0.0 0.0 {a:.8f}

sppath
  '{species}'

atoms
  3
  'Cs.in'
  1
  0.0 0.0 0.0  0.0 0.0 0.0
  'Pb.in'
  1
  0.5 0.5 0.5  0.0 0.0 0.0
  '{halide}.in'
  3
  0.5 0.5 0.0  0.0 0.0 0.0
  0.5 0.0 0.5  0.0 0.0 0.0
  0.0 0.5 0.5  0.0 0.0 0.0
"""


def cubic(halide: str, a_ang: float) -> Atoms:
    """CsPbX3 in its cubic cell of five atoms."""
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    return Atoms(f"CsPb{halide}3", scaled_positions=places, cell=[a_ang] * 3, pbc=True)


def elk_eV(halide: str, a_ang: float, xc: str, rgkmax: float, folder: Path) -> float:
    """All-electron energy; RuntimeError where the SCF did not converge."""
    output = folder / "INFO.OUT"
    if not _converged(output):
        folder.mkdir(parents=True, exist_ok=True)
        text = INPUT.format(
            functional=FUNCTIONALS[xc],
            rgkmax=rgkmax,
            mesh=MESH,
            width=SMEARING_EV / Hartree,
            a=a_ang / Bohr,
            species=SPECIES,
            halide=halide,
        )
        (folder / "elk.in").write_text(text)
        with (folder / "out").open("w") as log:
            subprocess.run(["elk-lapw"], cwd=folder, stdout=log, stderr=log, check=True)
    if not _converged(output):
        raise RuntimeError(f"{output}: the SCF of Elk did not converge")
    return float(re.findall(r"total energy\s*:\s*(\S+)", output.read_text())[-1]) * Hartree


def _converged(output: Path) -> bool:
    return output.exists() and "Convergence targets achieved" in output.read_text()


def gpaw_eV(halide: str, a_ang: float, xc: str) -> float:
    """The same with the datasets of the protocol, plane waves to 600 eV."""
    from gpaw import GPAW, PW, FermiDirac

    from peropass.engine import paw_datasets

    paw_datasets.prepare(["Cs", "Pb", halide], xc)
    atoms = cubic(halide, a_ang)
    atoms.calc = GPAW(
        mode=PW(600),
        xc=xc,
        kpts={"size": (MESH,) * 3, "gamma": False},
        occupations=FermiDirac(SMEARING_EV),
        convergence={"energy": 1e-6},
        txt=None,
    )
    return atoms.get_potential_energy()


def lattice_constant_ang(lengths: list[float], energies: list[float]) -> float:
    volume, _, _ = EquationOfState([a**3 for a in lengths], energies, "birchmurnaghan").fit()
    return volume ** (1 / 3)


def _same_curve(lengths: list[float], all_electron: list[float], paw: list[float]) -> None:
    """RuntimeError where one energy of Elk left the curve: its SCF can settle on a state that is thousands of eV off."""
    offsets = [e - p for e, p in zip(all_electron, paw, strict=True)]
    middle = median(offsets)
    for a, offset in zip(lengths, offsets, strict=True):
        if abs(offset - middle) > OFF_THE_CURVE_EV:
            raise RuntimeError(f"Elk at {a:.4f} Angstrom: {offset - middle:.1f} eV off its curve")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("halide", choices=GUESS_ANG)
    parser.add_argument("--xc", choices=FUNCTIONALS, default="PBEsol")
    parser.add_argument("--rgkmax", type=float, default=8.0, help="size of Elk's basis")
    parser.add_argument("--folder", type=Path, default=Path("results/elk"))
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    lengths = [GUESS_ANG[options.halide] * scale for scale in SCALES]
    all_electron, paw = [], []
    for scale, a in zip(SCALES, lengths, strict=True):
        name = f"{options.halide}-{options.xc}-{options.rgkmax:g}/{scale}"
        all_electron.append(
            elk_eV(options.halide, a, options.xc, options.rgkmax, options.folder / name)
        )
        paw.append(gpaw_eV(options.halide, a, options.xc))
        _say(f"{a:.4f} Angstrom: Elk {all_electron[-1]:.4f} eV, GPAW {paw[-1]:.4f} eV")
    _same_curve(lengths, all_electron, paw)
    lowest = min(range(len(SCALES)), key=lambda i: paw[i])
    for a, e, p in zip(lengths, all_electron, paw, strict=True):
        above = 1000 * (e - all_electron[lowest]), 1000 * (p - paw[lowest])
        _say(f"{a:.4f} Angstrom: Elk {above[0]:.1f}, GPAW {above[1]:.1f} meV")
    for name, energies in (("Elk", all_electron), ("GPAW", paw)):
        _say(f"{name}: a = {lattice_constant_ang(lengths, energies):.4f} Angstrom")


if __name__ == "__main__":
    main()
