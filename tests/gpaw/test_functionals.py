"""Every functional that a protocol may name starts, with PAW datasets made with the functional that GPAW asks for."""

from pathlib import Path
from typing import get_args

import gpaw
import pytest
from ase import Atoms
from tiny import protocol

from peropass.engine import gpaw_calculator, paw_datasets
from peropass.engine.electronic import GpawEngine, Setting
from peropass.engine.protocol import EnergySettings
from peropass.errors import EngineError

pytestmark = pytest.mark.gpaw
FUNCTIONALS = get_args(EnergySettings.model_fields["xc"].annotation)
BOUND_EV = (
    -4.5
)  # experiment 4.48 eV, all functionals within 0.3; spin-paired reference atoms add to it


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Datasets that this test generates, and no others but the shipped ones."""
    monkeypatch.setenv(paw_datasets.FOLDER_VARIABLE, str(tmp_path))
    before = list(gpaw.setup_paths)
    gpaw.setup_paths[:] = [path for path in before if "gpaw_data" in str(path)]
    yield tmp_path
    gpaw.setup_paths[:] = before


@pytest.mark.parametrize("xc", FUNCTIONALS)
def test_hydrogen_starts(xc, folder):
    atoms = Atoms("H2", [(1.5, 1.5, 1.13), (1.5, 1.5, 1.87)], cell=[3, 3, 3], pbc=True)
    engine = GpawEngine(protocol(xc=xc), Setting(slab=False, kpts=(1, 1, 1)), folder)
    result = engine.evaluate(atoms, forces=False)
    assert result.n_electrons == 2
    assert result.electronic_eV < BOUND_EV
    used = Path(engine.calculator.dft.setups[0].data.filename)
    assert used == paw_datasets.find("H", xc), "provenance hashes the file that GPAW took"
    assert set(gpaw_calculator.dataset_hashes({"H"}, xc)) == {"paw-H"}


@pytest.mark.parametrize("symbol", ["H", "Cl"])
def test_the_recipe_gives_shipped_datasets_back(symbol):
    """gpaw-data 1.2.1, made in 2008-2013; the atoms of that time were converged to 1e-5 Hartree."""
    from gpaw.setup_data import SetupData

    shipped, again = SetupData(symbol, "PBE"), paw_datasets.generate(symbol, "PBE")
    assert again.e_total == pytest.approx(shipped.e_total, abs=2e-5)
    assert again.eps_j == pytest.approx(shipped.eps_j, abs=1e-5)
    assert (again.Nv, again.Nc, again.rcut_j) == (shipped.Nv, shipped.Nc, shipped.rcut_j)


def test_a_generated_dataset_is_the_same_file_each_time(folder, monkeypatch):
    first = paw_datasets.hashes({"H"}, "PBEsol")
    file = paw_datasets.find("H", "PBEsol")
    assert folder in Path(file).parents
    file.unlink()
    assert paw_datasets.hashes({"H"}, "PBEsol") == first
    assert first != paw_datasets.hashes({"H"}, "PBE")
    assert not list(folder.rglob("*.part"))


def test_an_element_without_parameters_is_refused(folder):
    with pytest.raises(EngineError, match="PBEsol dataset of Po"):
        paw_datasets.prepare({"Po"}, "PBEsol")
