"""Spin-orbit coupling as a second variation, without or with the relativistic mass in its operator.

Between the scalar-relativistic partial waves of one atom, in Hartree atomic units,

    bare    H = (alpha^2 / 4) (1 / r) (dV/dr) L.sigma              gpaw.spinorbit as it is (10.1103/PhysRevB.94.235106)
    mass    H = (alpha^2 / 4) (1 / r) (dV/dr) L.sigma / M(r)       M(r) = 1 + (alpha^2 / 2) (eps - V(r))

with the potential energy V of an electron and eps = 0: states next to the gap lie within one Hartree of it, which is 3e-5 in M, while M is 1.1 at
0.02 Bohr from a lead nucleus and 6 at 0.0004 Bohr, from where the operator takes much of its size. The mass comes from eliminating the small
component of the Dirac equation (10.1088/0022-3719/10/16/019).
"""

from __future__ import annotations

import numpy as np
from ase.units import alpha

from peropass.engine.protocol import SpinOrbit


def spin_orbit_states(calc, *, operator: SpinOrbit = "mass", **options):
    """Eigenstates with spin-orbit coupling over the whole Brillouin zone.

    Parameters
    ----------
    calc : gpaw.new.ase_interface.ASECalculator
        Converged calculation with projections.
    operator
        `bare` or `mass`, see the module.
    options
        Passed on to `gpaw.spinorbit.soc_eigenstates`: n1, n2, eigenvalues (eV), ...

    Returns
    -------
    gpaw.spinorbit.BZWaveFunctions
    """
    from gpaw.spinorbit import soc_eigenstates

    # ASSUME one power of M with the operator `mass`. Eliminating the small component gives two, but the basis of scalar-relativistic waves
    # lacks those of p1/2, which contract. With one power the p shells of free Br, I, Pb and Bi split as with the Dirac equation to 4 %,
    # with two 3-19 % too little; with `bare`, the operator as GPAW has it, 3-18 % too much.
    return soc_eigenstates(calc if operator == "bare" else _with_mass(calc), **options)


def relativistic_mass(
    r: np.ndarray, force: np.ndarray, fine_structure: float = alpha
) -> np.ndarray:
    """M(r) = 1 - (alpha^2 / 2) V(r), in units of the electron's mass, on a radial grid.

    Parameters
    ----------
    r : array (n,)
        Distance from the nucleus (Bohr), ascending; r[0] may be zero and then takes the value of r[1].
    force : array (n,)
        dV/dr (Hartree / Bohr) of the potential energy V of an electron; tends to Z / r^2 at the nucleus.
    fine_structure
        alpha; zero gives M = 1.
    """
    # ASSUME eps = 0 and V = 0 at the end of the grid, 4-5 Bohr from the nucleus: both are off by less than 2 Hartree, which changes M by 5e-5.
    charge = (force * r**2)[1:]  # the charge that r sees: smooth, where the force itself diverges
    steps = 0.5 * (charge[1:] + charge[:-1]) * (1 / r[1:-1] - 1 / r[2:])
    potential = -np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    mass = 1 - 0.5 * fine_structure**2 * potential
    return np.concatenate([mass[:1], mass])


def damped_setup(setup, xc, density_matrix: np.ndarray, fine_structure: float = alpha):
    """A PAW dataset with phi / sqrt(M) for its partial waves phi, to be given to `gpaw.spinorbit.soc`.

    The integrals of that function are bilinear in the partial waves, so that each is divided by M. The potential is that of the
    atom's own density.

    Parameters
    ----------
    setup : gpaw.setup.Setup
    xc : gpaw.xc functional
    density_matrix : array (nspins, npairs)
        Packed atomic density matrix of GPAW.
    """
    from gpaw.spinorbit import get_radial_potential_derivative

    force = get_radial_potential_derivative(setup, xc, density_matrix)
    root = np.sqrt(relativistic_mass(setup.xc_correction.rgd.r_g, force, fine_structure))
    waves = [phi[: len(root)] / root for phi in setup.data.phi_jg]
    return _View(setup, data=_View(setup.data, phi_jg=waves))


class _View:
    """An object seen with some of its attributes replaced; the object itself stays as it is."""

    def __init__(self, seen, **replaced) -> None:
        self._seen = seen
        self.__dict__.update(replaced)

    def __getattr__(self, name: str):
        return getattr(self._seen, name)


class _DampedSetups(_View):
    """The datasets of a calculation, with damped partial waves where `by_atom` has them."""

    def __getitem__(self, atom: int):
        return self.by_atom.get(atom, self._seen[atom])

    def __iter__(self):
        return iter(self._seen)


def _with_mass(calc) -> _View:
    """`calc` as `gpaw.spinorbit.soc_eigenstates` is to see it: nothing but the partial waves differ."""
    xc, matrices = calc.hamiltonian.xc, calc.density.D_asp
    damped = {a: damped_setup(calc.wfs.setups[a], xc, matrix) for a, matrix in matrices.items()}
    return _View(calc, wfs=_View(calc.wfs, setups=_DampedSetups(calc.wfs.setups, by_atom=damped)))
