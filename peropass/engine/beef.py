"""Error ensemble of BEEF-vdW (10.1103/PhysRevB.85.235149) as 31 independent modes per calculation.

The functional's parameters scatter with a known covariance W (31 x 31). With x the exchange and correlation contributions of a
calculation, y_i = x_i (i < 30), y_30 = x_30 - x_31, the energy scatters with variance y^T W y = |z|^2, z = W^(1/2) y. Modes z add up like
energies, so the standard deviation of a reaction energy is the length of the sum of its terms' modes: no sampling, no seed.
"""

from __future__ import annotations

import numpy as np

FUNCTIONAL = "BEEF-vdW"
MODES = 31


def ensemble_modes(calculator) -> list[float]:
    """Modes z of a converged BEEF-vdW calculation, eV."""
    return modes_of(np.asarray(calculator.get_nonselfconsistent_energies("beefvdw"), float))


def modes_of(contributions: np.ndarray) -> list[float]:
    """Modes from the 32 contributions (30 Legendre terms of exchange, LDA and PBE correlation), eV."""
    from ase.dft.pars_beefvdw import uiOmega

    values, vectors = np.linalg.eigh(np.asarray(uiOmega, float))
    reduced = np.append(contributions[:30], contributions[30] - contributions[31])
    return [round(float(z), 8) for z in np.sqrt(np.clip(values, 0, None)) * (vectors.T @ reduced)]
