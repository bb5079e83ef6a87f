"""3-D structures from SMILES: ETKDG conformers of each part, and assembled neutral sets in the gas phase.

ETKDGv3: 10.1021/acs.jcim.0c00025. Everything is deterministic for a given seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from peropass.chemistry.model import LigandModel
from peropass.engine.xtb_molecules import MoleculeResult, relax, single_point
from peropass.errors import BuildError, EngineError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

EMBED_PER_CONFORMER = 4
PRUNE_RMSD_ANG = 0.35
SPARE_STARTS = 2  # arrangements relaxed beyond those asked for, since some fall together
SAME_ENERGY_EV = 0.005
SAME_DISTANCES_ANG = 0.1
PART_FMAX_EV_PER_ANG = 0.10
PART_MAX_STEPS = 60
SET_MAX_STEPS = 200
SET_FMAX_EV_PER_ANG = 0.05
BOND_FACTOR = 1.3  # times the sum of covalent radii
# ASSUME conformers of a part are relaxed in ALPB water: the crystal surface screens and holds charges, whereas in
# vacuum a zwitterion or an ammonium would fold onto itself or move its proton.
PART_SOLVENT = "water"


def with_hydrogens(smiles: str) -> Mol:
    """Molecule with explicit hydrogens behind the heavy atoms, in the order of the SMILES."""
    from rdkit import Chem

    return Chem.AddHs(Chem.MolFromSmiles(smiles))


def part_conformers(smiles: str, n: int, seed: int, unpaired: int = 0) -> tuple[Atoms, ...]:
    """Conformers of one molecule or ion, lowest GFN2-xTB energy (ALPB water) first.

    Parameters
    ----------
    smiles : str
        One part; atoms come out in its order, hydrogens last.
    n : int
        Largest number of conformers returned; fewer remain after pruning by RMSD.
    seed : int
        Seed of the distance geometry.
    unpaired : int
        Number of unpaired electrons.

    Returns
    -------
    tuple of Atoms
        ``info['energy_gfn2_eV']`` (None after a failure) and ``info['method']``, which says why where
        GFN2-xTB did not give the geometry.

    Raises
    ------
    BuildError
        Distance geometry finds no 3-D solution.
    """
    from rdkit import Chem

    molecule = with_hydrogens(smiles)
    charge = Chem.GetFormalCharge(molecule)
    if molecule.GetNumAtoms() == 1:
        atoms = Atoms(molecule.GetAtomWithIdx(0).GetSymbol(), positions=[[0.0, 0.0, 0.0]])
        atoms.info.update(energy_gfn2_eV=None, method="one atom")
        return (atoms,)
    embedded = _embed(molecule, n * EMBED_PER_CONFORMER if _is_flexible(molecule) else 1, seed)
    ranked = sorted(
        (_rated(atoms, charge, unpaired) for atoms in _geometries(embedded)), key=_energy_first
    )
    chosen = prune(ranked, molecule)[:n]
    relaxed = [_relaxed_part(atoms, charge, unpaired) for atoms in chosen]
    return tuple(prune(sorted(relaxed, key=_energy_first), molecule))


def _embed(molecule: Mol, count: int, seed: int) -> Mol:
    from rdkit import Chem, rdBase
    from rdkit.Chem import AllChem

    options = AllChem.ETKDGv3()
    options.randomSeed = seed
    options.numThreads = 1
    options.maxIterations = 200
    embedded = Chem.Mol(molecule)
    with rdBase.BlockLogs():
        if AllChem.EmbedMolecule(embedded, options) < 0:
            options.useRandomCoords = True
            if AllChem.EmbedMolecule(embedded, options) < 0:
                raise BuildError(f"{_plain(molecule)}: no 3-D solution by ETKDG")
        if count > 1:
            AllChem.EmbedMultipleConfs(embedded, count, options)
        if AllChem.MMFFHasAllMoleculeParams(embedded):
            AllChem.MMFFOptimizeMoleculeConfs(embedded, numThreads=1, maxIters=500)
    return embedded


def _plain(molecule: Mol) -> str:
    from rdkit import Chem

    return Chem.MolToSmiles(Chem.RemoveHs(molecule))


def _is_flexible(molecule: Mol) -> bool:
    """Whether bonds turn (or rings pucker) beyond the rotation of CH3-like tops."""
    from rdkit.Chem import rdMolDescriptors

    if rdMolDescriptors.CalcNumRotatableBonds(molecule) > 0:
        return True
    saturated = any(a.IsInRing() and not a.GetIsAromatic() for a in molecule.GetAtoms())
    polar_hydrogen = any(
        a.GetSymbol() in ("O", "S") and a.GetTotalNumHs(includeNeighbors=True)
        for a in molecule.GetAtoms()
    )
    return saturated or polar_hydrogen


def _geometries(molecule: Mol) -> list[Atoms]:
    symbols = [a.GetSymbol() for a in molecule.GetAtoms()]
    return [Atoms(symbols, positions=c.GetPositions()) for c in molecule.GetConformers()]


def _rated(atoms: Atoms, charge: int, unpaired: int) -> Atoms:
    try:
        energy = single_point(atoms, charge, unpaired, PART_SOLVENT).energy_eV
        atoms.info.update(energy_gfn2_eV=energy, method="ETKDG, GFN2-xTB energy")
    except EngineError as error:
        atoms.info.update(energy_gfn2_eV=None, method=f"ETKDG; {error}")
    return atoms


def _relaxed_part(atoms: Atoms, charge: int, unpaired: int) -> Atoms:
    """Relax in ALPB water; keep the unrelaxed geometry, saying why, when bonds change or GFN2 fails."""
    try:
        result = relax(atoms, charge, unpaired, PART_SOLVENT, PART_FMAX_EV_PER_ANG, PART_MAX_STEPS)
    except EngineError as error:
        atoms.info["method"] = f"ETKDG; {error}"
        return atoms
    if bonds(result.atoms) != bonds(atoms):
        atoms.info["method"] = "ETKDG, GFN2-xTB energy; bonds change when relaxed"
        return atoms
    result.atoms.info.update(
        energy_gfn2_eV=result.energy_eV, method=f"GFN2-xTB in ALPB {PART_SOLVENT}"
    )
    return result.atoms


def _energy_first(atoms: Atoms) -> tuple[bool, float]:
    energy = atoms.info["energy_gfn2_eV"]
    return energy is None, round(energy or 0.0, 6)


def prune(
    conformers: list[Atoms], molecule: Mol, threshold_ang: float = PRUNE_RMSD_ANG
) -> list[Atoms]:
    """Keep each conformer whose RMSD to all kept before it exceeds `threshold_ang`.

    RMSD after superposition over heavy atoms and hydrogens on N, O, S, P, equivalent atoms permuted.
    """
    kept: list[Atoms] = []
    for atoms in conformers:
        if all(rmsd_ang(molecule, atoms, other) > threshold_ang for other in kept):
            kept.append(atoms)
    return kept


def rmsd_ang(molecule: Mol, first: Atoms, second: Atoms) -> float:
    """Symmetry-aware RMSD (A) of two geometries of `molecule`, hydrogens on carbon left out."""
    from rdkit import Chem
    from rdkit.Chem import rdMolAlign

    pair = Chem.RWMol(molecule)
    pair.RemoveAllConformers()
    for atoms in (first, second):
        conformer = Chem.Conformer(molecule.GetNumAtoms())
        conformer.SetPositions(np.asarray(atoms.positions, float))
        pair.AddConformer(conformer, assignId=True)
    idle = [
        a.GetIdx()
        for a in pair.GetAtoms()
        if a.GetSymbol() == "H" and a.GetDegree() and a.GetNeighbors()[0].GetSymbol() == "C"
    ]
    for index in reversed(idle):
        pair.RemoveAtom(index)
    if pair.GetNumAtoms() < 2:
        return 0.0
    # ASSUME 2000 permutations of equivalent atoms suffice; beyond them a duplicate may survive, never a conformer go.
    return float(rdMolAlign.GetBestRMS(pair, pair, 0, 1, maxMatches=2000))


def bonds(atoms: Atoms) -> frozenset[tuple[int, int]]:
    """Pairs closer than 1.3 times the sum of covalent radii."""
    from ase.neighborlist import natural_cutoffs, neighbor_list

    cutoffs = natural_cutoffs(atoms, mult=BOND_FACTOR)
    first, second = neighbor_list("ij", atoms, cutoffs)
    return frozenset((int(i), int(j)) for i, j in zip(first, second, strict=True) if i < j)


def gas_phase_conformers(model: LigandModel, n: int = 4, seed: int = 1) -> list[Atoms]:
    """The neutral set as one molecule, lowest GFN2-xTB energy first.

    Ion pairs and larger sets are assembled part by part at contact distance in directions spread evenly
    over the sphere, then relaxed freely in vacuum.

    Returns
    -------
    list of Atoms
        Atom order of the parts of `model`. ``info``: ``energy_gfn2_eV``, ``dipole_debye``, ``method``,
        ``bonds_changed`` (True if the parts exchanged a proton or merged chemically while relaxing).

    Raises
    ------
    BuildError
        No arrangement could be built.
    """
    unpaired = int(model.descriptors.get("unpaired_electrons", 0))
    starts = _best_starts(assemble(model, max(2 * n, 6), seed), model, unpaired, n + SPARE_STARTS)
    relaxed = sorted((_relaxed_set(atoms, model, unpaired) for atoms in starts), key=_energy_first)
    return _distinct_sets(prune(relaxed, with_hydrogens(model.smiles)))[:n]


def _best_starts(starts: list[Atoms], model: LigandModel, unpaired: int, keep: int) -> list[Atoms]:
    """The `keep` arrangements of lowest energy before relaxation, those that GFN2-xTB refuses last."""
    if len(starts) <= keep:
        return starts

    def energy(atoms: Atoms) -> float:
        try:
            return round(single_point(atoms, model.charge, unpaired).energy_eV, 6)
        except EngineError:
            return float("inf")

    return sorted(starts, key=energy)[:keep]


def _distinct_sets(conformers: list[Atoms]) -> list[Atoms]:
    """Drop sets that equal an earlier one up to which of several alike atoms is where."""
    kept: list[Atoms] = []
    for atoms in conformers:
        if not any(_same_shape(atoms, other) for other in kept):
            kept.append(atoms)
    return kept


def _same_shape(first: Atoms, second: Atoms) -> bool:
    """Same energy within 5 meV and same sorted distances between heavy atoms within 0.1 A (rms)."""
    energies = [a.info["energy_gfn2_eV"] for a in (first, second)]
    if None in energies or abs(energies[0] - energies[1]) > SAME_ENERGY_EV:
        return False
    heavy = first.numbers > 1
    if heavy.sum() < 2:
        return True
    spectra = [_distance_spectrum(a[heavy]) for a in (first, second)]
    return float(np.sqrt(((spectra[0] - spectra[1]) ** 2).mean())) < SAME_DISTANCES_ANG


def _distance_spectrum(atoms: Atoms) -> np.ndarray:
    upper = np.triu_indices(len(atoms), 1)
    products = (atoms.numbers[:, None] * atoms.numbers[None, :])[upper]
    distances = atoms.get_all_distances()[upper]
    return distances[np.lexsort((distances, products))]


def _relaxed_set(atoms: Atoms, model: LigandModel, unpaired: int) -> Atoms:
    try:
        result: MoleculeResult = relax(
            atoms, model.charge, unpaired, None, SET_FMAX_EV_PER_ANG, SET_MAX_STEPS
        )
    except EngineError as error:
        atoms.info.update(energy_gfn2_eV=None, method=f"assembled; {error}", bonds_changed=False)
        return atoms
    relaxed = result.atoms
    relaxed.info.update(
        energy_gfn2_eV=result.energy_eV,
        dipole_debye=float(np.linalg.norm(result.dipole_debye)),
        method="GFN2-xTB in vacuum" + ("" if result.converged else ", unconverged"),
        bonds_changed=covalent_pattern(relaxed, model) != covalent_pattern(atoms, model),
    )
    return relaxed


def covalent_pattern(atoms: Atoms, model: LigandModel) -> frozenset[tuple[int, int]]:
    """Bonds of `atoms` without those between metal ions and anything, which come and go in ion pairs."""
    ions = {i for i, part in _atoms_by_part(model) if len(part.symbols) == 1}
    return frozenset(pair for pair in bonds(atoms) if not ions & set(pair))


def _atoms_by_part(model: LigandModel):
    index = 0
    for part in model.parts:
        for _ in part.symbols:
            yield index, part
            index += 1


def assemble(model: LigandModel, n: int, seed: int) -> list[Atoms]:
    """Up to `n` starting arrangements of the parts of a set, in contact, without clashes."""
    if len(model.parts) == 1:
        return [atoms.copy() for atoms in model.parts[0].conformers[:n]]
    return [_arrangement(model, k, n, np.random.default_rng([seed, k])) for k in range(n)]


def _arrangement(model: LigandModel, k: int, n: int, rng: np.random.Generator) -> Atoms:
    """Parts added in order of charge, each where the Coulomb energy of a random sample is lowest."""
    order = sorted(
        range(len(model.parts)),
        key=lambda i: (-abs(model.parts[i].charge), -len(model.parts[i].symbols), i),
    )
    placed: dict[int, Atoms] = {}
    for rank, index in enumerate(order):
        conformers = model.parts[index].conformers
        part = conformers[k % len(conformers)].copy()
        part.positions -= part.positions.mean(axis=0)
        if placed:
            part = _place_beside(part, model.parts[index].charge, placed, model, rank, k, n, rng)
        placed[index] = part
    whole = Atoms()
    for index in range(len(model.parts)):
        whole += placed[index]
    return whole


def _place_beside(
    part: Atoms,
    charge: int,
    placed: dict[int, Atoms],
    model: LigandModel,
    rank: int,
    k: int,
    n: int,
    rng: np.random.Generator,
) -> Atoms:
    """Slide `part` in along a direction until it touches what is there.

    The first partner takes the k-th of n even directions, so that starts differ; later ones take the best of
    a sample by the Coulomb energy of the charged heads.
    """
    from scipy.spatial.transform import Rotation

    there = sum((placed[i] for i in sorted(placed)), Atoms())
    heads = np.array([head_position(placed[i], model.parts[i]) for i in sorted(placed)])
    charges = np.array([model.parts[i].charge for i in sorted(placed)])
    # ASSUME a neutral part goes to the most positive ion, since donors bind metals; an ion goes to the most opposite one
    origin = heads[int(np.argmin(charges * (np.sign(charge) or -1)))]
    directions = even_directions(n)[[k]] if rank == 1 else np.roll(even_directions(24), -k, axis=0)
    index = next(i for i in range(len(model.parts)) if i not in placed and _same(model, i, part))
    best, best_energy = None, np.inf
    for direction in directions:
        for rotation in Rotation.random(4 if len(part) > 1 else 1, random_state=rng):
            turned = part.copy()
            turned.positions = rotation.apply(turned.positions)
            turned.positions += origin - head_position(turned, model.parts[index])
            turned.positions += direction * _contact_distance(turned, there, direction)
            head = head_position(turned, model.parts[index])
            energy = float(
                (charge * charges / np.maximum(np.linalg.norm(heads - head, axis=1), 0.5)).sum()
            )
            if energy < best_energy - 1e-9:
                best, best_energy = turned, energy
    if best is None:
        raise BuildError(f"{model.ligand}: no room for a part of {model.smiles}")
    return best


def _same(model: LigandModel, index: int, part: Atoms) -> bool:
    return model.parts[index].symbols == tuple(part.get_chemical_symbols())


def head_position(atoms: Atoms, part) -> np.ndarray:
    """Where the charge of a part sits: mean position of its first anchor's atoms, else its centre."""
    if part.anchors:
        return atoms.positions[list(part.anchors[0].atoms)].mean(axis=0)
    return atoms.positions.mean(axis=0)


def _contact_distance(moving: Atoms, fixed: Atoms, direction: np.ndarray) -> float:
    """Shift along `direction` (A) that just clears all contacts, coming from outside."""
    from ase.data import covalent_radii, vdw_radii

    def radii(atoms: Atoms) -> np.ndarray:
        return np.array(
            [
                covalent_radii[z] + 0.3
                if np.isnan(vdw_radii[z]) or len(atoms) == 1
                else 0.8 * vdw_radii[z]
                for z in atoms.numbers
            ]
        )

    reach = radii(moving)[:, None] + radii(fixed)[None, :]
    offset = moving.positions[:, None, :] - fixed.positions[None, :, :]
    along = offset @ direction
    across = (offset**2).sum(axis=2) - along**2
    inside = reach**2 - across
    shifts = np.where(inside > 0, np.sqrt(np.maximum(inside, 0.0)) - along, 0.0)
    return float(max(shifts.max(), 0.0))


def even_directions(n: int) -> np.ndarray:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice), shape (n, 3)."""
    k = np.arange(n) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    return np.column_stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)]
    )
