"""What a user would write instead: place the ligand by hand on the relaxed slab, run GPAW with BFGS, note the energy.

    python tests/bench/plain_script.py csbr socket.extxyz result.json molecule.extxyz [most CPU seconds]

Same functional, dispersion, cutoff, real-space grid, k-points, smearing, SCF tolerances and force limit as the protocol `smoke`, so that
total energies may be subtracted from those of a campaign; everything else is what ASE 3.29 and GPAW 26.7 do when they are told nothing.
Imports nothing of peropass, so that it stays what it claims to be.

A run that was killed continues from its last step, with BFGS's own Hessian; the SCF cycle that finds the density again is not counted, so that
its cost is that of a run without interruption. A run that has spent its most CPU seconds stops after the step it is at and says that it has
not converged; with a larger number it goes on.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

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


def put(part, atom, place, along, to):
    """`part` turned so that the vector `along` points to `to`, with `atom` at `place`."""
    part.rotate(along, to, center=part.positions[atom])
    part.positions += place - part.positions[atom]
    return part


def lifted(part, slab):
    """As low as it may be without touching."""
    while closest(part, slab) < NEAREST:
        part.positions[:, 2] += 0.1
    return part


def place(ligand, slab, molecule):
    """The ligand where a chemist would put it by eye."""
    lead = slab.positions[exposed_lead(slab)]
    bromide = Atoms("Br", [lead + [0, 0, PB_BR]])
    cation = cation_place(slab)
    if ligand in ("csbr", "kx"):
        return Atoms({"csbr": "Cs", "kx": "K"}[ligand], [cation]) + bromide
    part = Atoms(molecule.symbols, molecule.positions)
    symbols, x = part.get_chemical_symbols(), part.positions
    across = cation - lead
    across[2] = 0
    if ligand == "znx2":  # lying: one bromide on the exposed Pb, the other over the A hole
        first, second = (a.index for a in part if a.symbol == "Br")
        part = put(part, first, lead + [0, 0, PB_BR], x[second] - x[first], across)
        return lifted(part, slab)
    if ligand == "topo":  # the P=O bond upright on the exposed Pb
        oxygen, phosphorus = symbols.index("O"), symbols.index("P")
        return put(part, oxygen, lead + [0, 0, PB_O], x[phosphorus] - x[oxygen], (0, 0, 1))
    if ligand in ("ma-br", "ddab"):  # the ammonium over the A hole, carbon up
        del part[symbols.index("Br")]
        nitrogen = part.get_chemical_symbols().index("N")
        carbon = part.get_chemical_symbols().index("C")
        axis = part.positions[carbon] - part.positions[nitrogen]
        return lifted(put(part, nitrogen, cation, axis, (0, 0, 1)), slab) + bromide
    if ligand == "dbsa":  # caesium in the A hole, three oxygens down on the exposed Pb, methyl up
        del part[symbols.index("Cs")]
        sulfur, carbon = (part.get_chemical_symbols().index(s) for s in "SC")
        axis = part.positions[carbon] - part.positions[sulfur]
        part = put(part, sulfur, lead + [0, 0, PB_O], axis, (0, 0, 1))
        oxygens = [a.z for a in part if a.symbol == "O"]
        part.positions[:, 2] += lead[2] + PB_O - min(oxygens)
        return Atoms("Cs", [cation]) + lifted(part, slab)
    if ligand == "taurine":  # the ammonium over the A hole, the sulfonate towards the exposed Pb
        nitrogen, sulfur = symbols.index("N"), symbols.index("S")
        return lifted(put(part, nitrogen, cation, x[sulfur] - x[nitrogen], -across), slab)
    raise SystemExit(
        f"{ligand}: no place picked by hand; known: csbr, kx, znx2, topo, ma-br, ddab, dbsa, taurine"
    )


def calculator(txt):
    """GPAW with the settings of the protocol and nothing else, and D3(BJ)."""
    gpaw = GPAW(
        mode={"name": "pw", "ecut": 300},
        gpts=GRID,
        xc="PBE",
        kpts={"size": (1, 1, 1), "gamma": True},
        occupations={"name": "fermi-dirac", "width": 0.05},
        convergence={"energy": 1e-5, "density": 1e-4, "eigenstates": 1e-6},
        poissonsolver={"dipolelayer": "xy"},
        symmetry={"point_group": False},
        txt=txt,
    )
    return gpaw, SumCalculator([gpaw, DFTD3(method="PBE", damping="d3bj")])


def write(data, path):
    path.with_suffix(".tmp").write_text(json.dumps(data))
    os.replace(path.with_suffix(".tmp"), path)


def main():
    ligand, socket, out = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    slab, molecule = read(socket), read(sys.argv[4])
    most_cpu_s = float(sys.argv[5]) if len(sys.argv) > 5 else float("inf")
    atoms = Atoms(slab.symbols, slab.positions, cell=slab.cell, pbc=slab.pbc)
    atoms += place(ligand, slab, molecule)
    atoms.set_constraint(slab.constraints)
    state, hessian = out.with_suffix(".state.json"), out.with_suffix(".hessian.json")
    iterations = []
    gpaw, atoms.calc = calculator(out.with_suffix(".gpaw.txt"))
    gpaw.hooks["scf_step"] = lambda context: iterations.append(1)
    before = {"ionic_steps": 0, "scf_iterations": 0, "wall_s": 0.0, "cpu_s": 0.0, "attempts": 0}
    hessian.unlink(missing_ok=True)
    if state.exists():
        before = json.loads(state.read_text())
        atoms.positions = before["positions_ang"]
        if before["hessian"]:
            hessian.write_text(before["hessian"])
        atoms.get_forces()
        iterations.clear()
    start, busy = time.monotonic(), time.process_time()
    search = BFGS(atoms, restart=str(hessian), logfile=str(out.with_suffix(".bfgs.txt")))
    search.nsteps = max(0, before["ionic_steps"] - 1)

    def found():
        return {
            "candidate": ligand,
            "energy_eV": float(atoms.get_potential_energy()),
            "fmax_eV_per_ang": float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
            "ionic_steps": int(search.nsteps) + 1,
            "scf_iterations": before["scf_iterations"] + len(iterations),
            "wall_s": round(before["wall_s"] + time.monotonic() - start, 1),
            "cpu_s": round(before["cpu_s"] + time.process_time() - busy, 1),
            "peak_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "attempts": before["attempts"] + 1,
            "positions_ang": np.round(atoms.positions, 7).tolist(),
            "symbols": atoms.get_chemical_symbols(),
        }

    def keep():
        curvature = hessian.read_text() if hessian.exists() else ""
        write({**found(), "hessian": curvature}, state)

    search.attach(keep)
    converged = False
    for below_limit in search.irun(fmax=FMAX, steps=MAX_STEPS - search.nsteps):
        converged = bool(below_limit)
        if found()["cpu_s"] > most_cpu_s:
            break
    write({**found(), "converged": converged}, out)
    if converged:
        for file in (state, hessian):
            file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
