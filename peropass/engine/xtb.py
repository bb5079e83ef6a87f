"""GFN-xTB of poses: the slab frozen, the ligand relaxed, in a laterally repeated cell (tblite).

The bare sqrt2 cell collapses in GFN1 (energies of -1e5 eV); repeated to 16 A it behaves. The repeat is the
supercell of fewest copies that is 16 A wide both ways: four copies of the sqrt2 cell, but two, along the diagonals,
of the 2x2 cell. All copies of the ligand move together, so forces are averages over the copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context

import numpy as np
from ase import Atoms
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    CalculatorSetupError,
    all_changes,
)
from ase.constraints import FixAtoms
from ase.data import covalent_radii
from ase.optimize import BFGS

from peropass.engine.model_hessian import pair_spring_hessian
from peropass.errors import EngineError

METHODS = ("GFN1-xTB", "GFN2-xTB")
FALLBACK = "GFN2-xTB"
MIN_LATERAL_ANG = 16.0
# ASSUME layers below the third add the same energy to all poses: the frozen slab is cut to its top three layers,
# itself a neutral slab of the same termination (tests/bench compares the order with five layers).
SCORED_LAYERS = 3
# ASSUME 1000 K electronic temperature: slabs with open holes converge, poses keep their order.
ELECTRONIC_TEMPERATURE_K = 1000.0
FMAX_EV_PER_ANG = 0.15
MAX_STEP_ANG = 0.35
MAX_FORCE_EV_PER_ANG = 20.0  # a collapsed GFN1 cell shows 1e3
MAX_GAIN_EV = 10.0  # more than any adsorption energy: a bond was made up
MAX_SHIFT_ANG = 3.0
MIN_CONTACT = 0.75
LIGAND_BOND = 1.25  # of the sum of covalent radii


@dataclass(frozen=True)
class XtbScore:
    """What the cheap tier makes of one pose.

    Attributes
    ----------
    energy_xtb_eV : float or None
        Total energy per unrepeated cell; comparable among poses of one candidate on one slab.
    accepted : bool
        Whether `atoms` are relaxed; else they are the pose as it was placed.
    reason : str
        Method, steps, and why a relaxed geometry was refused.
    as_placed : dict
        Of a pose that was not relaxed: what the calculator found, for a relaxation that follows.
    """

    energy_xtb_eV: float | None
    accepted: bool
    reason: str
    method: str
    atoms: Atoms
    as_placed: dict = field(default_factory=dict, repr=False, compare=False)


class FrozenSlabXtb(Calculator):
    """GFN-xTB of a slab cell from its lateral repeat: energy per cell, forces averaged over copies."""

    implemented_properties = ("energy", "forces")

    def __init__(self, method: str, min_lateral_ang: float = MIN_LATERAL_ANG) -> None:
        super().__init__()
        self.method, self.min_lateral_ang = method, min_lateral_ang
        self.evaluations = 0
        self._inner: Calculator | None = None
        self._repeated: Atoms | None = None
        self._offsets = np.zeros((0, 3))

    def knows(self, atoms: Atoms, results: dict) -> None:
        """Take over results that were computed for `atoms` before."""
        self.atoms, self.results = atoms.copy(), dict(results)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        from tblite.ase import TBLite

        super().calculate(atoms, properties, system_changes)
        if self._inner is None or set(system_changes) - {"positions"}:
            self._repeated, self._offsets = repeated(self.atoms, self.min_lateral_ang)
            self._inner = TBLite(
                method=self.method,
                verbosity=0,
                electronic_temperature=ELECTRONIC_TEMPERATURE_K,
                max_iterations=150,
            )
            self._repeated.calc = self._inner
        copies = len(self._repeated) // len(self.atoms)
        self._repeated.positions = np.tile(self.atoms.positions, (copies, 1)) + self._offsets
        self.evaluations += 1
        self.results["energy"] = self._repeated.get_potential_energy() / copies
        forces = self._repeated.get_forces().reshape(copies, len(self.atoms), 3)
        self.results["forces"] = forces.mean(axis=0)


def repeated(atoms: Atoms, min_lateral_ang: float = MIN_LATERAL_ANG) -> tuple[Atoms, np.ndarray]:
    """Lateral supercell, copy after copy, and the shift (copies * n, 3) of each of its atoms."""
    matrix = supercell(atoms, min_lateral_ang)
    lateral = atoms.cell.array[:2]
    points = [(i, j) for i in range(matrix[0, 0]) for j in range(matrix[1, 1])]
    placed = np.tile(atoms.positions, (len(points), 1))
    made = Atoms(
        np.tile(atoms.numbers, len(points)),
        positions=placed + np.repeat(np.array(points) @ lateral, len(atoms), axis=0),
        cell=[*_reduced(matrix @ lateral), atoms.cell.array[2]],
        pbc=(True, True, False),
    )
    made.wrap()
    made.pbc = True
    return made, made.positions - placed


def supercell(atoms: Atoms, min_lateral_ang: float = MIN_LATERAL_ANG) -> np.ndarray:
    """Integer matrix (2, 2), upper triangular, of the fewest copies that are `min_lateral_ang` wide.

    Widths are the heights of the reduced supercell; among equal numbers of copies the widest one is taken.
    """
    lateral = atoms.cell.array[:2]
    copies = 1
    while True:
        found = [
            (round(float(min(_heights(_reduced(matrix @ lateral)))), 6), matrix)
            for matrix in _triangular(copies)
        ]
        width, matrix = max(found, key=lambda pair: pair[0])
        if width >= min_lateral_ang:
            return matrix
        copies += 1


def _triangular(copies: int) -> list[np.ndarray]:
    """All two-dimensional superlattices of `copies` cells in Hermite normal form."""
    return [
        np.array([[a, b], [0, copies // a]])
        for a in range(1, copies + 1)
        if copies % a == 0
        for b in range(copies // a)
    ]


def _reduced(vectors: np.ndarray) -> np.ndarray:
    """Shortest pair (2, 3) that spans the same lattice (Gauss reduction)."""
    first, second = vectors
    while True:
        if np.linalg.norm(second) < np.linalg.norm(first) - 1e-9:
            first, second = second, first
        turns = np.round(first @ second / (first @ first) - 1e-9)
        if turns == 0:
            break
        second = second - turns * first
    if np.cross(first, second)[2] < 0:
        second = -second
    return np.array([first, second])


def _heights(vectors: np.ndarray) -> tuple[float, float]:
    area = np.linalg.norm(np.cross(*vectors))
    return float(area / np.linalg.norm(vectors[1])), float(area / np.linalg.norm(vectors[0]))


def score_poses(
    poses: Sequence[Atoms],
    *,
    method: str = "GFN1-xTB",
    min_lateral_ang: float = MIN_LATERAL_ANG,
    relax_steps: int = 2,
    workers: int = 1,
    known: Sequence[XtbScore] = (),
) -> list[XtbScore]:
    """Energy of each pose with its ligand relaxed for a few steps on the frozen slab.

    Parameters
    ----------
    poses : sequence of Atoms
        Same composition and slab; array ``fragment`` marks the ligand.
    method : str
        ``GFN1-xTB`` or ``GFN2-xTB``; GFN2 takes over for all poses if GFN1 converges for none.
    relax_steps : int
        Quasi-Newton steps of the ligand; 0 scores poses as they are placed.
    workers : int
        Processes among which the poses are shared; each wants a core of its own.
    known : sequence of XtbScore
        Earlier scores of the same poses, one for each: what they found as placed is not computed again.

    Raises
    ------
    EngineError
        Unknown method, or poses of different composition.
    """
    if method not in METHODS:
        raise EngineError(f"cheap tier {method!r} is unknown; allowed: {', '.join(METHODS)}")
    if len({pose.get_chemical_formula() for pose in poses}) > 1:
        raise EngineError("poses of different composition cannot be compared by total energy")
    known = known or [None] * len(poses)
    scores = _score_all(poses, known, method, min_lateral_ang, relax_steps, workers)
    if poses and method != FALLBACK and all(s.energy_xtb_eV is None for s in scores):
        scores = _score_all(poses, known, FALLBACK, min_lateral_ang, relax_steps, workers)
    return scores


def _score_all(
    poses: Sequence[Atoms],
    known: Sequence[XtbScore | None],
    method: str,
    min_lateral_ang: float,
    relax_steps: int,
    workers: int,
) -> list[XtbScore]:
    settings = (method, min_lateral_ang, relax_steps)
    if workers == 1 or len(poses) < 2:
        return [_score(*pair, *settings) for pair in zip(poses, known, strict=True)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_score, poses, known, *(repeat(value) for value in settings)))


def upper_part(pose: Atoms, layers: int = SCORED_LAYERS) -> np.ndarray:
    """Indices of the ligand and of the top `layers` atomic layers; all atoms where that would leave something out.

    Needs the array ``layer`` (1 = topmost). A dopant or a defect below the cut keeps the whole slab: the rest must
    be layers of the same composition as the ones above them.
    """
    every = np.arange(len(pose))
    if "layer" not in pose.arrays:
        return every
    layer, slab = pose.arrays["layer"], pose.arrays["fragment"] == 0
    if layer[slab].max(initial=0) <= layers:
        return every
    contents = {
        n: pose[slab & (layer == n)].symbols.formula.count() for n in range(1, layer.max() + 1)
    }
    deep = [n for n in contents if n > layers]
    whole = contents[layers] == contents[max(contents)] and all(
        contents[n] == contents[n - 2] for n in deep if n - 2 >= layers
    )
    elements = {e for n in contents if n <= layers for e in contents[n]}
    if not whole or any(set(contents[n]) - elements for n in deep):
        return every
    return every[~slab | (layer <= layers)]


def describe(method: str, poses: Sequence[Atoms], min_lateral_ang: float = MIN_LATERAL_ANG) -> str:
    """The cheap tier in words, for the record: `2x2 repeat`, or the number of copies if they are skewed."""
    matrix = supercell(poses[0], min_lateral_ang) if poses else np.eye(2, dtype=int)
    words = f"{matrix[0, 0]}x{matrix[1, 1]} repeat"
    if matrix[0, 1]:
        words = f"repeat of {matrix[0, 0] * matrix[1, 1]} copies"
    cut = bool(poses) and len(upper_part(poses[0])) < len(poses[0])
    return f"{method}, {words}, frozen slab" + (f" of {SCORED_LAYERS} layers" if cut else "")


def _score(
    pose: Atoms, known: XtbScore | None, method: str, min_lateral_ang: float, relax_steps: int
) -> XtbScore:
    part = upper_part(pose)
    start = pose[part]
    start.set_constraint()
    ligand = np.flatnonzero(start.arrays["fragment"] == 1)
    trial = start.copy()
    trial.set_constraint(FixAtoms(np.setdiff1d(np.arange(len(trial)), ligand)))
    trial.calc = FrozenSlabXtb(method, min_lateral_ang)
    if known is not None and known.method == method and known.as_placed:
        trial.calc.knows(trial, known.as_placed)
    kept = pose.copy()
    try:
        first = float(trial.get_potential_energy())
        start_force = _largest(trial.get_forces()[ligand])
    except (CalculationFailed, CalculatorSetupError) as error:
        return XtbScore(None, False, f"{method}: {_one_line(error)}", method, kept)
    if not np.isfinite(first) or start_force > MAX_FORCE_EV_PER_ANG:
        reason = f"{method}: force {start_force:.1f} > {MAX_FORCE_EV_PER_ANG:.0f} eV/A as placed"
        return XtbScore(None, False, reason, method, kept)
    if relax_steps <= 0:
        found = dict(trial.calc.results)
        return XtbScore(first, False, f"{method}: scored as placed", method, kept, found)
    try:
        optimiser = BFGS(trial, logfile=None, maxstep=MAX_STEP_ANG)
        optimiser.H0 = _start_hessian(trial, ligand)
        optimiser.run(fmax=FMAX_EV_PER_ANG, steps=relax_steps)
        last, force = float(trial.get_potential_energy()), _largest(trial.get_forces()[ligand])
    except (CalculationFailed, CalculatorSetupError) as error:
        reason = f"{method}: relaxation failed ({_one_line(error)}), pose kept as placed"
        return XtbScore(first, False, reason, method, kept)
    refusal = _refusal(start, trial, ligand, first, last, force)
    if refusal:
        return XtbScore(first, False, f"{method}: {refusal}, pose kept as placed", method, kept)
    kept.positions[part] = trial.positions
    reason = f"{method}: ligand relaxed {optimiser.nsteps} steps, fmax {force:.2f} eV/A"
    return XtbScore(last, True, reason, method, kept)


def _start_hessian(atoms: Atoms, ligand: np.ndarray) -> np.ndarray:
    """Model Hessian (3n, 3n) of the ligand in the field of the frozen slab; slab rows are inert.

    Stiff bonds and soft rigid motions from the first step on: a handful of steps then moves the ligand
    as a whole, where a diagonal start would spend them on its bonds.
    """
    free = (3 * ligand[:, None] + np.arange(3)).ravel()
    hessian = 70.0 * np.eye(3 * len(atoms))
    hessian[np.ix_(free, free)] = pair_spring_hessian(atoms)[np.ix_(free, free)]
    return hessian


def _refusal(
    before: Atoms, after: Atoms, ligand: np.ndarray, first: float, last: float, force: float
) -> str:
    """Why a relaxed pose is not believed; empty if it is."""
    if not np.isfinite(last) or force > MAX_FORCE_EV_PER_ANG:
        return f"force {force:.1f} > {MAX_FORCE_EV_PER_ANG:.0f} eV/A"
    if first - last > MAX_GAIN_EV:
        return f"energy fell by {first - last:.1f} > {MAX_GAIN_EV:.0f} eV"
    if last > first:
        return f"energy rose by {last - first:.2f} eV"
    shift = _largest(after.positions[ligand] - before.positions[ligand])
    if shift > MAX_SHIFT_ANG:
        return f"an atom moved {shift:.1f} > {MAX_SHIFT_ANG:.1f} A"
    if (_bonds(before, ligand) != _bonds(after, ligand)).any():
        return "bonds of the ligand changed"
    contact = _closest(after, ligand)
    if contact < MIN_CONTACT:
        return f"contact {contact:.2f} < {MIN_CONTACT:.2f} of the sum of covalent radii"
    return ""


def _bonds(atoms: Atoms, ligand: np.ndarray) -> np.ndarray:
    """Bond matrix of the ligand's non-metal, non-halide skeleton (n, n)."""
    part = atoms[ligand]
    radii = covalent_radii[part.numbers]
    skeleton = np.isin(part.get_chemical_symbols(), ("H", "B", "C", "N", "O", "Si", "P", "S"))
    lengths = np.linalg.norm(part.positions[:, None] - part.positions[None], axis=-1)
    bonded = lengths < LIGAND_BOND * (radii[:, None] + radii[None])
    return bonded & skeleton[:, None] & skeleton[None]


def _closest(atoms: Atoms, ligand: np.ndarray) -> float:
    lengths = atoms.get_all_distances(mic=True)
    radii = covalent_radii[atoms.numbers]
    ratios = lengths / (radii[:, None] + radii[None])
    np.fill_diagonal(ratios, np.inf)
    return float(ratios[ligand].min())


def _largest(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=-1).max(initial=0.0))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
