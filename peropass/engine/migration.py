"""Barrier of a vacancy hop by the nudged elastic band: IDPP path, climbing image, any ASE calculator, resumable.

Improved tangents 10.1063/1.1323224, climbing image 10.1063/1.1329672, IDPP start 10.1063/1.4878664. Energies in eV, path
lengths in Angstrom. Images are evaluated by the workers of an `ImagePool`, all at once or one after the other; the band
is written by rename after every step, so a killed run goes on from its last band.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.mep import NEB
from ase.optimize import FIRE

from peropass.engine.image_pool import ImagePool
from peropass.errors import BuildError, DeadlineReached
from peropass.ids import digest, structure_hash

BAND_FILE = "band.extxyz"
SAME_PLACE_ANG = 0.05


@dataclass(frozen=True)
class BandSettings:
    """How a band is relaxed.

    Attributes
    ----------
    images : int
        Moving images between the two ends.
    fmax_eV_per_ang : float
        Largest force of the band when it counts as converged.
    climb_below_eV_per_ang : float
        The highest image climbs once the plain band is below this.
    """

    images: int = 5
    fmax_eV_per_ang: float = 0.05
    climb_below_eV_per_ang: float = 0.3
    max_steps: int = 200
    max_step_ang: float = 0.1
    spring_eV_per_ang2: float = 1.0


@dataclass(frozen=True)
class Band:
    """A relaxed path, ends included.

    Attributes
    ----------
    energies_eV, lengths_ang : tuple of float, length images + 2
        Relative to the start; length along the path in the space of all atoms.
    images : tuple of Atoms
        Geometries without calculators.
    """

    energies_eV: tuple[float, ...]
    lengths_ang: tuple[float, ...]
    images: tuple[Atoms, ...]
    converged: bool
    steps: int
    fmax_eV_per_ang: float

    @property
    def saddle(self) -> int:
        """Index of the highest image."""
        return int(np.argmax(self.energies_eV))

    @property
    def barrier_eV(self) -> float:
        """Highest image above the start."""
        return max(self.energies_eV) - self.energies_eV[0]

    @property
    def reverse_barrier_eV(self) -> float:
        """Highest image above the end."""
        return max(self.energies_eV) - self.energies_eV[-1]


class _PooledNEB(NEB):
    """Band whose images are evaluated by a pool, each geometry once: optimiser and convergence test ask in turn."""

    pool: ImagePool
    _state: tuple[bytes, bool] | None = None
    _forces: np.ndarray | None = None

    def get_forces(self) -> np.ndarray:
        state = (self.get_positions().tobytes(), bool(self.climb))
        if state != self._state:
            _evaluate(self.images, self.pool)
            self._forces, self._state = super().get_forces(), state
        return self._forces.copy()


def _evaluate(images: Sequence[Atoms], pool: ImagePool) -> None:
    """Give every image that lacks it the energy and forces of its present positions."""
    stale = [i for i in images if i.calc is None or i.calc.check_state(i)]
    for image, (energy, forces) in zip(stale, pool.evaluate(stale), strict=True):
        image.calc = SinglePointCalculator(image, energy=energy, forces=forces)


def relax_band(
    start: Atoms,
    end: Atoms,
    pool: ImagePool,
    folder: str | Path,
    settings: BandSettings | None = None,
    deadline_s: float | None = None,
    mobile: Sequence[int] | None = None,
    method: str = "",
) -> Band:
    """Minimum-energy path between two relaxed ends.

    Parameters
    ----------
    start, end : Atoms
        Relaxed; same atoms in the same order, same cell and frozen atoms.
    pool : ImagePool
        Evaluates the images.
    folder
        Work folder; a band of the same ends, settings and method found there is continued.
    deadline_s : float, optional
        Unix time after which no further step is begun.
    mobile : sequence of int, optional
        Atoms that the band relaxes; all others stay where the interpolation between the ends puts them. All free atoms by
        default.
    method : str
        Name of the method behind the pool: part of the identity of the band.

    Raises
    ------
    BuildError
        The two ends do not belong together.
    DeadlineReached
        The band is on disk; the same call goes on.
    """
    settings = settings or BandSettings()
    check_ends(start, end)
    chosen = None if mobile is None else sorted(int(i) for i in mobile)
    key = digest([structure_hash(start), structure_hash(end), asdict(settings), method, chosen])
    path = Path(folder) / BAND_FILE
    images, done, climbing = _resume(path, key) or (_interpolate(start, end, settings), 0, False)
    if chosen is not None:
        others = np.setdiff1d(np.arange(len(start)), chosen)
        for image in images:
            image.set_constraint(FixAtoms(others))
    _evaluate(images, pool)
    neb = _PooledNEB(
        images, k=settings.spring_eV_per_ang2, climb=climbing, method="improvedtangent"
    )
    neb.pool = pool
    with FIRE(neb, logfile=None, maxstep=settings.max_step_ang) as optimiser:
        fmax = _band_fmax(neb)
        while done < settings.max_steps:
            if not neb.climb and fmax <= settings.climb_below_eV_per_ang:
                neb.climb = True
                fmax = _band_fmax(neb)
            if neb.climb and fmax <= settings.fmax_eV_per_ang:
                break
            if deadline_s is not None and time.time() >= deadline_s:
                raise DeadlineReached(f"band of {settings.images} images after {done} steps")
            optimiser.step()
            done += 1
            fmax = _band_fmax(neb)
            _save(path, key, neb, done)
    energies = [float(e) for e in neb.energies]
    return Band(
        energies_eV=tuple(e - energies[0] for e in energies),
        lengths_ang=tuple(path_lengths(images)),
        images=tuple(_bare(image) for image in images),
        converged=bool(neb.climb and fmax <= settings.fmax_eV_per_ang),
        steps=done,
        fmax_eV_per_ang=fmax,
    )


def check_ends(start: Atoms, end: Atoms) -> None:
    """Raise BuildError unless two structures can be the ends of one path."""
    if start.get_chemical_symbols() != end.get_chemical_symbols():
        raise BuildError("band: the ends hold different atoms, or the same in another order")
    if not np.allclose(start.cell.array, end.cell.array) or list(start.pbc) != list(end.pbc):
        raise BuildError("band: the ends have different cells")
    if _frozen(start) != _frozen(end):
        raise BuildError("band: the ends have different frozen atoms")
    moved = path_lengths([start, end])[-1]
    if moved < SAME_PLACE_ANG:
        raise BuildError(f"band: the ends are the same structure ({moved:.3f} A apart)")
    frozen = sorted(_frozen(start))
    if frozen and not np.allclose(start.positions[frozen], end.positions[frozen], atol=1e-4):
        raise BuildError("band: frozen atoms lie at different places in the two ends")


def path_lengths(images: Sequence[Atoms]) -> list[float]:
    """Length along a path up to each image, Angstrom; shortest lateral images."""
    from ase.geometry import find_mic

    lengths = [0.0]
    for one, other in zip(images[:-1], images[1:], strict=True):
        steps, _ = find_mic(other.positions - one.positions, one.cell, one.pbc)
        lengths.append(lengths[-1] + float(np.linalg.norm(steps)))
    return lengths


def _frozen(atoms: Atoms) -> set[int]:
    return {int(i) for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}


def _interpolate(start: Atoms, end: Atoms, settings: BandSettings) -> list[Atoms]:
    images = [_bare(start) for _ in range(settings.images + 1)] + [_bare(end)]
    NEB(images, method="improvedtangent").interpolate(method="idpp", mic=True)
    for image in images:
        image.calc = None
    return images


def _bare(atoms: Atoms) -> Atoms:
    bare = atoms.copy()
    bare.calc = None
    return bare


def _band_fmax(neb) -> float:
    forces = neb.get_forces()
    return float(np.linalg.norm(forces, axis=1).max())


def _save(path: Path, key: str, neb, steps: int) -> None:
    from ase.io import write

    frames = []
    for image, energy in zip(neb.images, neb.energies, strict=True):
        frame = _bare(image)
        frame.info = {"key": key, "steps": steps, "climb": bool(neb.climb)}
        frame.calc = SinglePointCalculator(frame, energy=float(energy))
        frames.append(frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp.extxyz")
    write(temporary, frames, format="extxyz")
    os.replace(temporary, path)


def _resume(path: Path, key: str) -> tuple[list[Atoms], int, bool] | None:
    """The band on disk if it belongs to the same ends and settings, else None."""
    from ase.io import read

    if not path.exists():
        return None
    frames = read(path, index=":", format="extxyz")
    if not frames or frames[0].info.get("key") != key:
        return None
    info = frames[0].info
    ends = (0, len(frames) - 1)
    for k, frame in enumerate(frames):
        # The ends do not move: their forces are not asked for. The others are evaluated again, for forces.
        energy, frame.calc = frame.get_potential_energy(), None
        if k in ends:
            zero = np.zeros_like(frame.positions)
            frame.calc = SinglePointCalculator(frame, energy=energy, forces=zero)
    return frames, int(info["steps"]), bool(info["climb"])
