"""What a user would write instead: place the ligand by hand on the relaxed slab, run GPAW with BFGS, note the energy.

    python tests/bench/plain_script.py csbr socket.extxyz result.json [molecule.extxyz]

Same functional, dispersion, cutoff, real-space grid, k-points, smearing, SCF tolerances and force limit as the protocol `smoke`, so that
total energies may be subtracted from those of a campaign; everything else is what ASE 3.29 and GPAW 26.7 do when they are told nothing.
Imports nothing of peropass, so that it stays what it claims to be.
"""

import json
import os
import resource
import sys
import time

import numpy as np
from ase import Atoms
from ase.calculators.mixing import SumCalculator
from ase.io import read
from ase.optimize import BFGS
from dftd3.ase import DFTD3
from gpaw import GPAW

FMAX = 0.05
MAX_STEPS = 200
# of the protocol, in the sqrt2 cell of 22 Angstrom: GPAW's own choice is coarser, with other energies and noisier forces (docs/engine.md)
GRID = (40, 40, 100)
A_SITE = (0.5, 0.5)  # fractional place of the missing A ion in the sqrt2 cell
PB_BR = 3.0  # heights above the exposed Pb, Angstrom
PB_O = 2.5
NEAREST = 2.0  # a ligand that sits closer to the slab is lifted


def exposed_lead(slab):
    """Index of the Pb with the fewest Br within 3.6 Angstrom: the one below the halide vacancy."""
    leads = [a.index for a in slab if a.symbol == "Pb"]
    halides = [a.index for a in slab if a.symbol == "Br"]
    return min(leads, key=lambda i: (slab.get_distances(i, halides, mic=True) < 3.6).sum())


def cation_place(slab):
    """Over the missing A ion, as high as the A ion that is left in the top layer."""
    left = max((a for a in slab if a.symbol == "Cs"), key=lambda a: a.z)
    return np.array([*(A_SITE @ slab.cell.array[:2, :2]), left.z])


def closest(part, slab):
    """Shortest distance between the two, Angstrom."""
    both = Atoms(slab.symbols, slab.positions, cell=slab.cell, pbc=slab.pbc) + part
    return both.get_all_distances(mic=True)[: len(slab), len(slab) :].min()


def place(ligand, slab, molecule):
    """The ligand where a chemist would put it by eye."""
    lead = slab.positions[exposed_lead(slab)]
    bromide = Atoms("Br", [lead + [0, 0, PB_BR]])
    if ligand in ("csbr", "kx"):
        return Atoms({"csbr": "Cs", "kx": "K"}[ligand], [cation_place(slab)]) + bromide
    part = molecule.copy()
    part.pbc = False
    symbols = part.get_chemical_symbols()
    if ligand == "topo":  # the P=O bond upright on the exposed Pb
        oxygen, phosphorus = symbols.index("O"), symbols.index("P")
        part.rotate(part.positions[phosphorus] - part.positions[oxygen], "z", center="COM")
        part.positions += lead + [0, 0, PB_O] - part.positions[oxygen]
        return part
    if ligand in ("ma-br", "ddab"):  # the ammonium over the A hole, carbon up
        del part[symbols.index("Br")]
        nitrogen = part.get_chemical_symbols().index("N")
        carbon = part.get_chemical_symbols().index("C")
        part.rotate(part.positions[carbon] - part.positions[nitrogen], "z", center="COM")
        part.positions += cation_place(slab) - part.positions[nitrogen]
        while closest(part, slab) < NEAREST:
            part.positions[:, 2] += 0.1
        return part + bromide
    raise SystemExit(f"{ligand}: no place picked by hand; known: csbr, kx, topo, ma-br, ddab")


def main():
    ligand, socket, out = sys.argv[1:4]
    slab = read(socket)
    molecule = read(sys.argv[4]) if len(sys.argv) > 4 else None
    atoms = Atoms(slab.symbols, slab.positions, cell=slab.cell, pbc=slab.pbc)
    atoms += place(ligand, slab, molecule)
    atoms.set_constraint(slab.constraints)
    iterations = []
    gpaw = GPAW(
        mode={"name": "pw", "ecut": 300},
        gpts=GRID,
        xc="PBE",
        kpts={"size": (1, 1, 1), "gamma": True},
        occupations={"name": "fermi-dirac", "width": 0.05},
        convergence={"energy": 1e-5, "density": 1e-4, "eigenstates": 1e-6},
        poissonsolver={"dipolelayer": "xy"},
        symmetry={"point_group": False},
        txt=out.replace(".json", ".gpaw.txt"),
    )
    gpaw.hooks["scf_step"] = lambda context: iterations.append(1)
    atoms.calc = SumCalculator([gpaw, DFTD3(method="PBE", damping="d3bj")])
    start, busy = time.monotonic(), time.process_time()
    search = BFGS(atoms, logfile=out.replace(".json", ".bfgs.txt"))
    converged = search.run(fmax=FMAX, steps=MAX_STEPS)
    found = {
        "candidate": ligand,
        "converged": bool(converged),
        "energy_eV": float(atoms.get_potential_energy()),
        "fmax_eV_per_ang": float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
        "ionic_steps": int(search.nsteps) + 1,
        "scf_iterations": len(iterations),
        "wall_s": round(time.monotonic() - start, 1),
        "cpu_s": round(time.process_time() - busy, 1),
        "peak_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "positions_ang": np.round(atoms.positions, 5).tolist(),
        "symbols": atoms.get_chemical_symbols(),
    }
    with open(out + ".tmp", "w", encoding="utf-8") as stream:
        json.dump(found, stream)
    os.replace(out + ".tmp", out)


if __name__ == "__main__":
    main()
