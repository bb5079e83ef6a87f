"""Bands on potentials whose barrier is known: a cosine row, and a copper vacancy whose hop is symmetric."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc100
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read
from ase.optimize import BFGS

from peropass.engine.image_pool import ImagePool
from peropass.engine.migration import (
    BAND_FILE,
    BandSettings,
    path_lengths,
    relax_band,
)
from peropass.errors import BuildError, DeadlineReached
from peropass.surfaces.hops import choose_hop, hop_beside_hole, vacancy_hop

PERIOD_ANG = 4.0
HEIGHT_EV = 0.35


class CosineRow(Calculator):
    """V = height/2 (1 - cos 2 pi x / period) + (y^2 + z^2): minima one period apart, saddle `height` above them."""

    implemented_properties = ("energy", "forces")
    name = "cosine"

    def __init__(self, height=HEIGHT_EV):
        super().__init__()
        self.height = height
        self.calls = 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        x, y, z = self.atoms.positions.T
        phase = 2 * np.pi * x / PERIOD_ANG
        self.results["energy"] = float(np.sum(self.height / 2 * (1 - np.cos(phase)) + y**2 + z**2))
        slope = self.height * np.pi / PERIOD_ANG * np.sin(phase)
        self.results["forces"] = -np.stack([slope, 2 * y, 2 * z], axis=1)


def band_of(start, end, calculator, folder, settings=None, **options):
    """`relax_band` with one calculator in this process."""
    with ImagePool(lambda _: calculator, 1) as pool:
        return relax_band(start, end, pool, folder, settings, **options)


class RowWithoutXenon(CosineRow):
    """A worker that dies of a xenon atom."""

    def calculate(self, atoms=None, *args, **kwargs):
        if "Xe" in atoms.symbols:
            raise ValueError("xenon")
        super().calculate(atoms, *args, **kwargs)


def cosine_row(_worker):
    return RowWithoutXenon()


def ends():
    box = [20.0, 20.0, 20.0]
    return tuple(Atoms("Br", positions=[[x, 0, 0]], cell=box) for x in (0.0, PERIOD_ANG))


@pytest.mark.parametrize("images", [3, 4])
def test_climbing_image_finds_the_saddle_of_a_cosine(tmp_path, images):
    # With four images none starts on the saddle: only climbing brings one there.
    settings = BandSettings(images=images, fmax_eV_per_ang=0.005)
    band = band_of(*ends(), CosineRow(), tmp_path, settings)
    assert band.converged
    assert band.barrier_eV == pytest.approx(HEIGHT_EV, abs=1e-3)
    assert band.reverse_barrier_eV == pytest.approx(HEIGHT_EV, abs=1e-3)
    assert band.images[band.saddle].positions[0, 0] == pytest.approx(PERIOD_ANG / 2, abs=0.03)
    assert band.lengths_ang[-1] == pytest.approx(PERIOD_ANG, abs=0.01)


def test_finished_band_is_not_relaxed_again(tmp_path):
    settings = BandSettings(images=4, fmax_eV_per_ang=0.005)
    first = band_of(*ends(), CosineRow(), tmp_path, settings)
    again = CosineRow()
    second = band_of(*ends(), again, tmp_path, settings)
    assert second.barrier_eV == pytest.approx(first.barrier_eV, abs=1e-6)
    assert second.steps == first.steps
    assert again.calls <= settings.images + 2


class DyingRow(CosineRow):
    """Loses power in the middle of a step."""

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        if self.calls == 40:
            raise KeyboardInterrupt


def test_killed_band_goes_on_from_its_last_step(tmp_path):
    settings = BandSettings(images=4, fmax_eV_per_ang=0.005)
    with pytest.raises(KeyboardInterrupt):
        band_of(*ends(), DyingRow(), tmp_path, settings)
    saved = read(tmp_path / BAND_FILE, index=":")
    assert saved[0].info["steps"] > 3
    assert [p.name for p in tmp_path.iterdir()] == [BAND_FILE]
    fresh = CosineRow()
    band = band_of(*ends(), fresh, tmp_path, settings)
    assert band.converged
    assert band.barrier_eV == pytest.approx(HEIGHT_EV, abs=1e-3)
    # The steps before the kill are not done again: each costs one call per moving image.
    assert fresh.calls <= (band.steps - saved[0].info["steps"] + 3) * settings.images


def test_deadline_stops_before_the_next_step(tmp_path):
    with pytest.raises(DeadlineReached):
        band_of(*ends(), CosineRow(), tmp_path, BandSettings(images=4), deadline_s=0.0)
    partial = band_of(*ends(), CosineRow(), tmp_path, BandSettings(images=4, max_steps=4))
    assert not partial.converged


def test_band_of_other_ends_is_not_continued(tmp_path):
    settings = BandSettings(images=3, fmax_eV_per_ang=0.005)
    band_of(*ends(), CosineRow(), tmp_path, settings)
    start, end = ends()
    end.positions[0, 0] = 2 * PERIOD_ANG
    other = band_of(start, end, CosineRow(), tmp_path, settings)
    assert other.lengths_ang[-1] == pytest.approx(2 * PERIOD_ANG, rel=0.05)


def test_surface_vacancy_hop_in_copper_is_symmetric(tmp_path):
    slab = fcc100("Cu", (2, 2, 2), vacuum=6.0)
    slab.set_constraint(FixAtoms([a.index for a in slab if a.tag == 2]))
    vacancy, hopper = choose_hop(slab, "Cu", slab.positions[-1])
    start, end = vacancy_hop(slab, vacancy, hopper)
    assert len(start) == len(slab) - 1
    for atoms in (start, end):
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.01)
    band = band_of(start, end, EMT(), tmp_path, BandSettings(images=3, fmax_eV_per_ang=0.03))
    assert band.converged
    assert band.barrier_eV > 0.1
    assert band.barrier_eV == pytest.approx(band.reverse_barrier_eV, abs=0.01)
    assert band.saddle == 2
    frozen = start.constraints[0].index
    for image in band.images:
        assert image.positions[frozen] == pytest.approx(start.positions[frozen])


def test_hop_crosses_the_cell_boundary_by_the_shortest_way():
    row = Atoms(
        "Br2", positions=[[0.5, 0, 0], [9.5, 0, 0]], cell=[10, 10, 10], pbc=(True, True, False)
    )
    start, end = vacancy_hop(row, 0, 1)
    assert path_lengths([start, end])[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("pair", [(0, 0), (0, 2)])
def test_impossible_hops_are_refused(pair):
    atoms = Atoms("Br2Cs", positions=[[0, 0, 0], [3, 0, 0], [6, 0, 0]], cell=[12] * 3)
    with pytest.raises(BuildError, match="one element"):
        vacancy_hop(atoms, *pair)


def test_ends_that_do_not_belong_together_are_refused(tmp_path):
    start, end = ends()
    with pytest.raises(BuildError, match="same structure"):
        band_of(start, start, CosineRow(), tmp_path)
    end.cell[0, 0] = 30
    with pytest.raises(BuildError, match="cells"):
        band_of(start, end, CosineRow(), tmp_path)
    with pytest.raises(BuildError, match="two are needed"):
        choose_hop(start, "Br", [0, 0, 0])


def test_images_in_parallel_give_the_band_of_one_process(tmp_path):
    settings = BandSettings(images=3, max_steps=3)
    with ImagePool(cosine_row, 2) as pool:
        parallel = relax_band(*ends(), pool, tmp_path / "two", settings)
        with pytest.raises(ChildProcessError, match="died"):
            pool.evaluate([Atoms("Xe")] * 2)
    alone = band_of(*ends(), CosineRow(), tmp_path / "one", settings)
    assert parallel.energies_eV == pytest.approx(alone.energies_eV, abs=1e-12)


def test_atoms_that_are_not_mobile_stay_on_the_interpolated_path(tmp_path):
    start = Atoms("Br2", positions=[[0, 0, 0.3], [0, 0, 9.0]], cell=[20.0] * 3)
    end = start.copy()
    end.positions[:, 0] += [PERIOD_ANG, 0.4]
    settings = BandSettings(images=3, max_steps=5)
    band = band_of(start, end, CosineRow(), tmp_path, settings, mobile=[0])
    shifts = [image.positions[1, 0] for image in band.images]
    assert shifts == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.02)
    assert all(image.positions[1, 2] == pytest.approx(9.0) for image in band.images)


@pytest.fixture
def layered():
    """Pristine toy slab: a frozen row of Cs, a free row of four Br, two Br and two Cs on top."""
    positions = [[4 * k, 0, 0] for k in range(4)] + [[4 * k, 0, 3] for k in range(4)]
    positions += [[0, 0, 6], [8, 0, 6], [4, 0, 6], [12, 0, 6]]
    slab = Atoms("Cs4Br4Br2Cs2", positions=positions, cell=[16, 16, 30], pbc=(True, True, False))
    slab.set_array("fragment", np.zeros(len(slab), int))
    slab.set_constraint(FixAtoms(range(4)))
    return slab


def test_the_hop_is_the_same_on_the_clean_and_on_the_loaded_slab(layered):
    socket = layered.copy()
    del socket[[9, 11]]  # the halide at x = 8 and the Cs at x = 12
    loaded = socket.copy() + Atoms("KBr", positions=[[12, 0, 6.4], [8, 0.3, 6.2]])
    loaded.arrays["fragment"][-2:] = 1
    loaded.positions[4:8] += 0.2
    bare = hop_beside_hole(layered, socket, layered, "Br")
    covered = hop_beside_hole(layered, socket, loaded, "Br")
    # The halide right below the hole at x = 8 leaves; a neighbour 4 A away hops in.
    assert layered.positions[bare.vacancy] == pytest.approx([8, 0, 3])
    assert (covered.vacancy, covered.hopper) == (bare.vacancy, bare.hopper)
    assert bare.distance_ang == pytest.approx(4.0)
    assert covered.start.symbols[covered.moved] == "Br"
    moved = path_lengths([covered.start, covered.end])[-1]
    assert moved == pytest.approx(covered.distance_ang)
    assert covered.start.arrays["fragment"].sum() == 2


def test_a_site_that_is_not_made_by_removal_has_no_hop(layered):
    antisite = layered.copy()
    antisite.symbols[11] = "Pb"
    with pytest.raises(BuildError, match="removed"):
        hop_beside_hole(layered, antisite, layered, "Br")
