"""The analytic spread of the BEEF-vdW ensemble is that of ASE's sampled one, and cancels where energies cancel."""

import numpy as np
import pytest
from ase.dft.bee import BEEFEnsemble

from peropass.engine.beef import MODES, modes_of
from peropass.engine.protocol import EnergySettings

# exchange and correlation contributions of H2 and a shifted copy (eV): any numbers of this size will do
H2 = np.concatenate([-15.2 * (-0.65) ** np.arange(30), [-1.9, -1.6]])


def test_the_length_of_the_modes_is_the_spread_of_samples():
    sampled = BEEFEnsemble(None, -7.6, H2, "BEEF-vdW", verbose=False).get_ensemble_energies(4000, 1)
    modes = modes_of(H2)
    assert len(modes) == MODES
    assert np.linalg.norm(modes) == pytest.approx(np.std(sampled), rel=0.05)


def test_modes_add_up_like_energies():
    other = H2 * np.linspace(0.9, 1.1, 32)
    both = np.array(modes_of(H2)) + np.array(modes_of(other))
    assert both == pytest.approx(np.array(modes_of(H2 + other)), abs=1e-6)
    assert np.linalg.norm(np.array(modes_of(H2)) - modes_of(H2)) == 0


@pytest.mark.parametrize("xc", ["BEEF-vdW", "vdW-DF2"])
def test_dispersion_is_not_counted_twice(xc):
    settings = {"ecut_eV": 300, "smearing_eV": 0.05}
    settings |= {"energy_tolerance_eV_per_electron": 1e-5, "density_tolerance": 1e-4}
    with pytest.raises(ValueError, match="own dispersion"):
        EnergySettings(xc=xc, dispersion="d3bj", **settings)
    assert EnergySettings(xc=xc, dispersion="none", **settings).xc == xc
