"""What GPAW 26.7 does in plane waves at more cost than it must, changed on a calculator. The numbers stay what they are.

Both changes reach into GPAW's own objects; docs/benchmarks.md has what each of them wins.
"""

from __future__ import annotations

import numpy as np

MOST_PHASES_BYTES = 256 * 2**20  # of one rank; larger cells leave them to be made on the way
BLOCK_BYTES = 2**20  # stays in the cache of a core


def quicken(calculator) -> None:
    """Both changes, on a calculator that has a calculation already; asked twice, nothing more happens."""
    orthonormal_after_moves(calculator)
    keep_phases(calculator)


def orthonormal_after_moves(calculator) -> None:
    """Let a plane-wave calculator orthonormalise its wave functions whenever it has moved them.

    GPAW moves the atomic parts of the wave functions with the atoms and makes the first density of the next SCF cycle from them as they
    are, although they are neither orthogonal nor normalised any more. Where d electrons move (zinc) that density is worse than
    a superposition of atoms.
    """
    ibzwfs = calculator.dft.ibzwfs
    if getattr(ibzwfs, "orthonormal_after_moves", False):
        return
    move = ibzwfs.move

    def moved(relpos_ac, atomdist) -> None:
        move(relpos_ac, atomdist)
        ibzwfs.orthonormalize()

    ibzwfs.move = moved
    ibzwfs.orthonormal_after_moves = True


def keep_phases(calculator) -> None:
    """Let the compensation charges keep their phases exp(-iG.R) until the atoms move, and work in blocks that stay in the cache.

    They live on the grid of the electrostatic potential, eight times the cutoff, and GPAW makes them anew twice in each SCF iteration, with sines
    and cosines for every atom: a fifth to a quarter of an iteration. Its own way of keeping them is the one that its projectors use. On GPUs
    nothing is changed.
    """
    charges = calculator.dft.pot_calc.poisson_solver.ghat_aLh
    layout = charges.layout  # makes the functions where they are not made yet
    functions = charges._lfc
    if functions.xp.__name__ != "numpy" or not functions.save_memory:
        return
    n_vectors, n_functions = len(functions.Y_GL), functions.nI
    functions.blocksize = max(100, BLOCK_BYTES // (16 * max(n_functions, 1)))
    if 16 * n_vectors * len(functions.pos_av) > MOST_PHASES_BYTES:
        return
    place = functions.set_positions

    def placed(relpos_ac, atomdist) -> None:
        # GPAW would make them with four arrays of that size on the way
        functions.save_memory = True
        place(relpos_ac, atomdist)
        functions.emiGR_Ga = _phases(functions)
        functions.save_memory = False

    functions.set_positions = placed
    placed(charges.relpos_ac, layout.atomdist)


def _phases(functions) -> np.ndarray:
    """exp(-iG.R), one column per atom, times the phase of the k-point."""
    phases = np.empty((len(functions.G_plus_k_Gv), len(functions.pos_av)), complex)
    for atom, position in enumerate(functions.pos_av):
        angle = functions.G_plus_k_Gv @ position
        phases[:, atom].real = np.cos(angle)
        phases[:, atom].imag = -np.sin(angle)
        phases[:, atom] *= functions.eikR_a[atom]
    return phases
