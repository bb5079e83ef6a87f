"""Levels of real calculations on one tiny, polar slab: 7 atoms, plane waves at 200 eV, Gamma.

A 1x1 slab at Gamma has no physical gap; what is tested here are identities that hold for any cell.
"""

import numpy as np
import pytest

from peropass.engine.levels import density_on_plane, extract_levels, hse_levels
from peropass.errors import EngineError

pytestmark = pytest.mark.gpaw


def tiny_slab(vacuum_ang):
    from ase import Atoms
    from ase.constraints import FixAtoms

    a, z = 5.9, vacuum_ang
    atoms = Atoms(
        "CsBrPbBr2CsBr",
        positions=[
            (0, 0, z),
            (a / 2, a / 2, z),
            (a / 2, a / 2, z + a / 2),
            (0, a / 2, z + a / 2),
            (a / 2, 0, z + a / 2),
            (0, 0, z + a),
            (a / 2, a / 2, z + a + 0.3),  # the raised bromide makes the top face polar
        ],
        cell=[a, a, a + 2 * vacuum_ang],
        pbc=(True, True, False),
        constraint=FixAtoms([0, 1]),
    )
    atoms.set_array("fragment", np.zeros(7, int))
    atoms.set_array("layer", np.array([3, 3, 2, 2, 2, 1, 1]))
    return atoms


def converge(atoms, bands=-5, **more):
    from gpaw import GPAW

    atoms.calc = GPAW(
        mode={"name": "pw", "ecut": 200},
        nbands=-20,
        convergence={"bands": bands, "density": 1e-4},
        occupations={"name": "fermi-dirac", "width": 0.02},
        symmetry={"point_group": False},
        poissonsolver={"dipolelayer": "xy"},
        maxiter=100,
        txt=None,
        **more,
    )
    atoms.get_potential_energy()
    return atoms.calc


@pytest.fixture(scope="module")
def slabs():
    """(atoms, calculator, levels) with 6 and with 10 Angstrom of vacuum."""
    out = []
    for vacuum in (6.0, 10.0):
        atoms = tiny_slab(vacuum)
        calc = converge(atoms)
        out.append((atoms, calc, extract_levels(calc, atoms)))
    return out


def test_fillings_count_the_electrons(slabs):
    _, _, found = slabs[0]
    # valence electrons of the datasets: 2 x 9 (Cs) + 14 (Pb) + 4 x 7 (Br)
    assert found["n_electrons"] == 60
    for levels, per_state in ((found["scalar"], 2), (found["soc"], 1)):
        held = levels.first_index * per_state + per_state * sum(levels.filling)
        assert held == pytest.approx(60, abs=1e-3)


def test_each_state_is_normalised(slabs):
    for levels in (slabs[0][2]["scalar"], slabs[0][2]["soc"]):
        total = np.array(levels.weights).sum((1, 2))
        assert total == pytest.approx(np.ones(len(total)), abs=1e-3)


def test_kramers_partners_coincide(slabs):
    """Without magnetism and with time reversal at Gamma every level is twofold."""
    soc = slabs[0][2]["soc"]
    energies, weights = np.array(soc.energies_eV), np.array(soc.weights).sum(-1)
    assert energies[::2] == pytest.approx(energies[1::2], abs=1e-4)
    assert soc.first_index % 2 == 0
    assert weights[::2] == pytest.approx(weights[1::2], abs=1e-2)


def test_spin_orbit_coupling_lowers_the_lead_p_level(slabs):
    """The lead 6p level comes down, so the gap shrinks; the bromide levels move by 0.1-0.2 eV."""

    def gap(levels):
        energies = np.array(levels.energies_eV)
        filled = np.array(levels.filling) > 0.5
        return energies[~filled].min() - energies[filled].max()

    assert gap(slabs[0][2]["soc"]) < gap(slabs[0][2]["scalar"])


def test_the_mass_damps_the_coupling(slabs):
    """The lowest caesium 5p levels, j = 1/2, are pushed down by less; without coupling nothing differs."""
    atoms, calc, found = slabs[0]
    undamped = extract_levels(calc, atoms, operator="bare")
    assert undamped["scalar"] == found["scalar"]
    bare, mass = (np.array(levels.energies_eV) for levels in (undamped["soc"], found["soc"]))
    weights = np.array(found["soc"].weights)[2:4]
    assert weights[:, :, 1][:, [0, 5]].sum(1) == pytest.approx(np.ones(2), abs=0.2)
    assert (mass[2:4] > bare[2:4] + 0.05).all()


def test_more_vacuum_shifts_everything_alike(slabs):
    """The zero of energy depends on the cell: levels, nuclei, semicore and vacuum move together."""
    (_, _, thin), (_, _, thick) = slabs
    shift = thick["vacuum_eV"][0] - thin["vacuum_eV"][0]
    assert abs(shift) > 0.5
    for key in ("atomic_potentials_eV", "semicore_atoms_eV", "vacuum_eV"):
        moved = np.array(thick[key]) - np.array(thin[key])
        assert moved == pytest.approx(np.full(len(moved), shift), abs=0.01)
    occupied = slice(0, 20)
    moved = np.array(thick["scalar"].energies_eV) - np.array(thin["scalar"].energies_eV)
    assert moved[occupied] == pytest.approx(np.full(20, shift), abs=0.01)


def test_more_vacuum_changes_no_finding(slabs):
    """Classified against itself with other vacuum a slab shows no trap and the same gap."""
    from peropass.analysis.traps import gap_states
    from peropass.records import Address, LevelsRecord, Provenance, StructureRef

    thin, thick = (
        LevelsRecord(
            status="ok",
            address=Address(campaign="c", protocol="p"),
            provenance=Provenance(revision=1, physics_hash="x"),
            settings_hash="s",
            settings={},
            structure=StructureRef(file="x", hash="x", n_atoms=7, composition={}),
            **found,
        )
        for _, _, found in slabs
    )
    for kind in ("scalar", "soc"):
        across = gap_states(thin, thick, kind=kind)
        assert across.n_all == 0
        assert across.gap_eV == pytest.approx(across.gap_pristine_eV, abs=0.01)
        assert across.alignment.spread_eV < 0.01
        assert max(across.alignment.disagreements_eV.values()) < 0.01


def test_vacuum_levels_are_those_of_the_plane_average(slabs):
    """Between 1 and 2 Angstrom from the boundary the potential is flat and outside the dipole layer."""
    atoms, calc, found = slabs[1]
    profile = calc.get_electrostatic_potential().mean((0, 1))
    height = atoms.cell.lengths()[2]
    z = np.arange(len(profile)) * height / len(profile)
    below = profile[(z > 1) & (z < 2)].mean()
    above = profile[(z > height - 2) & (z < height - 1)].mean()
    assert found["vacuum_eV"] == pytest.approx([below, above], abs=0.005)
    # a bromide (negative) moved outwards raises the potential energy of an electron on its side
    assert found["vacuum_eV"][1] > found["vacuum_eV"][0] + 0.5


def test_levels_read_from_a_file_are_the_same(slabs, tmp_path):
    from gpaw import GPAW

    atoms, calc, found = slabs[0]
    calc.write(tmp_path / "all.gpw", mode="all")
    again = extract_levels(GPAW(tmp_path / "all.gpw"), atoms, soc=False)
    assert again["scalar"].energies_eV == pytest.approx(found["scalar"].energies_eV, abs=1e-5)
    assert again["vacuum_eV"] == pytest.approx(found["vacuum_eV"], abs=1e-4)


def test_a_file_without_wave_functions_is_refused(slabs, tmp_path):
    from gpaw import GPAW

    atoms, calc, _ = slabs[0]
    calc.write(tmp_path / "density.gpw")
    lean = GPAW(tmp_path / "density.gpw")
    with pytest.raises(EngineError, match="wave functions"):
        hse_levels(lean)
    with pytest.raises(EngineError, match="wave functions"):
        density_on_plane(lean, band=29)
    calc.write(tmp_path / "bare.gpw", include_projections=False)
    with pytest.raises(EngineError, match="projections"):
        extract_levels(GPAW(tmp_path / "bare.gpw"), atoms)


def test_unconverged_empty_bands_are_refused(slabs):
    atoms = slabs[0][0].copy()
    calc = converge(atoms, bands="occupied")
    with pytest.raises(EngineError, match="empty bands"):
        extract_levels(calc, atoms)


def test_hybrid_opens_the_gap(slabs):
    """HSE06 raises the gap of a halide over PBE; the listed states are those of the neutral insulator."""
    _, calc, found = slabs[0]
    hse = hse_levels(calc, n_below=3, n_above=3)
    energies, filled = np.array(hse.energies_eV), np.array(hse.filling) > 0.5
    assert hse.first_index == 54
    assert filled.sum() == 6
    assert hse.n_occupied == 60
    soc = found["soc"]
    pbe = (
        soc.energies_eV[soc.n_occupied - soc.first_index]
        - soc.energies_eV[soc.n_occupied - soc.first_index - 1]
    )
    assert energies[6] - energies[5] > pbe + 0.3


def test_slices_of_a_state_add_up_to_its_pseudo_norm(slabs):
    """All planes together hold the pseudo density: one electron less what the PAW spheres correct."""
    atoms, calc, _ = slabs[0]
    a, _, c = atoms.cell.lengths()
    planes = calc.get_pseudo_wave_function(29).shape[0]
    cuts = [density_on_plane(calc, band=29, through_ang=i * a / planes) for i in range(planes)]
    assert cuts[0]["extent_ang"] == pytest.approx([a, c])
    cell_norm = np.mean([cut["density_per_ang3"].mean() for cut in cuts]) * a * a * c
    assert 0.5 < cell_norm < 1.05


def test_an_odd_electron_is_counted_once_with_and_without_coupling():
    """One bromide less: 53 electrons, spin-polarised, one more of one spin than of the other."""
    atoms = tiny_slab(6.0)
    del atoms[6]
    atoms.set_initial_magnetic_moments([0, 0, 1, 0, 0, 0])
    calc = converge(atoms, spinpol=True)
    found = extract_levels(calc, atoms)
    scalar, soc = found["scalar"], found["soc"]
    assert found["n_electrons"] == 53
    assert set(scalar.spin) == {0, 1}
    assert 2 * scalar.first_index + sum(scalar.filling) == pytest.approx(53, abs=1e-3)
    assert soc.first_index + sum(soc.filling) == pytest.approx(53, abs=1e-3)
    up, down = (
        sum(f for f, s in zip(scalar.filling, scalar.spin, strict=True) if s == spin)
        for spin in (0, 1)
    )
    assert up - down == pytest.approx(1, abs=0.05)
    hse = hse_levels(calc, n_below=2, n_above=2)
    assert hse.first_index + sum(hse.filling) == 53 == hse.n_occupied


def test_k_points_are_those_of_the_irreducible_zone():
    """Three k-points along one axis, two of them related by time reversal."""
    atoms = tiny_slab(6.0)
    found = extract_levels(converge(atoms, kpts={"size": (3, 1, 1), "gamma": True}), atoms)
    assert found["kpts"] == (3, 1, 1)
    for levels, per_state in ((found["scalar"], 2), (found["soc"], 1)):
        kpoint, filling = np.array(levels.kpoint), np.array(levels.filling)
        assert set(kpoint.tolist()) == {0, 1}
        held = [per_state * (levels.first_index + filling[kpoint == k].sum()) for k in (0, 1)]
        assert held == pytest.approx([60, 60], abs=1e-2)


def test_slices_hold_the_states_next_to_the_gap(slabs):
    """Two filled and two empty states; no slice is empty, none holds a negative density."""
    from peropass.engine.levels import edge_densities

    found = edge_densities(slabs[0][1])
    assert (found["filling"] > 0.5).tolist() == [True, True, False, False]
    assert (np.diff(found["energies_eV"]) >= 0).all()
    assert (found["density_per_ang3"] >= 0).all()
    assert (found["density_per_ang3"].max((1, 2)) > 0).all()
