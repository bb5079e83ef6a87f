"""Slabs: stoichiometry, symmetry, frozen layers, vacuum, tilt."""

import numpy as np
import pytest
import spglib

from peropass.errors import InputError
from peropass.surfaces.contacts import headroom_ang
from peropass.surfaces.hosts import load_host
from peropass.surfaces.slabs import OUTER_A_SHIFT_ANG, TILT_DEG, build_slab

TERMINATIONS = ["001-CsX", "001-PbX2"]


def group(atoms):
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    return spglib.get_symmetry_dataset(cell, symprec=1e-3)


@pytest.mark.parametrize("layers", [3, 5])
@pytest.mark.parametrize("termination", TERMINATIONS)
@pytest.mark.parametrize(("lateral", "units", "side"), [("sqrt2", 2, 2**0.5), ("2x2", 4, 2)])
def test_composition_and_cell(host, termination, lateral, units, side, layers):
    """n layers of AX and BX2 alternate: (n +- 1)/2 of each, `units` formula units per layer."""
    slab = build_slab(host, termination, a_ang=6.0, lateral=lateral, layers=layers, height_ang=40)
    outer, inner = (layers + 1) // 2, (layers - 1) // 2
    n_ax, n_bx2 = (outer, inner) if termination == "001-CsX" else (inner, outer)
    count = slab.symbols.formula.count()
    assert count["Cs"] == units * n_ax
    assert count["Pb"] == units * n_bx2
    assert count["Br"] == units * (n_ax + 2 * n_bx2)
    assert slab.cell.lengths()[:2] == pytest.approx([6.0 * side] * 2)
    assert slab.pbc.tolist() == [True, True, False]


@pytest.mark.parametrize("termination", TERMINATIONS)
def test_both_faces_are_the_same(host, termination):
    """The ideal slab keeps the mirror plane parallel to its faces: P4/mmm (123)."""
    slab = build_slab(host, termination, a_ang=6.0, layers=5, height_ang=40, tilt=False)
    assert group(slab).number == 123


def test_tilted_start_is_in_phase(host):
    """a0a0c+ tilt of a CsX slab: P4/mbm, the space group of the tetragonal phase, within the rattle."""
    slab = build_slab(host, "001-CsX", a_ang=6.0, layers=5, height_ang=40, frozen_layers=0)
    ideal = build_slab(host, "001-CsX", a_ang=6.0, layers=5, height_ang=40, tilt=False)
    moves = np.linalg.norm(slab.positions - ideal.positions, axis=1)
    # equatorial halides swing by a/2 tan(angle); everything else but the outer Cs stays but for the rattle
    swing = 3.0 * np.tan(np.radians(TILT_DEG))
    equatorial = (slab.numbers == 35) & np.isin(slab.arrays["layer"], [2, 4])
    assert moves[equatorial] == pytest.approx(swing, abs=0.2)
    outer_cs = (slab.numbers == 55) & np.isin(slab.arrays["layer"], [1, 5])
    assert moves[~equatorial & ~outer_cs].max() < 0.2
    slab.positions[outer_cs] = ideal.positions[outer_cs]
    cell = (slab.cell.array, slab.get_scaled_positions(), slab.numbers)
    assert spglib.get_symmetry_dataset(cell, symprec=0.4).number == 127


def test_every_second_outer_cs_starts_off_its_symmetric_place(host):
    slab = build_slab(
        host, "001-CsX", a_ang=6.0, layers=3, height_ang=30, frozen_layers=1, off_centre=True
    )
    ideal = build_slab(host, "001-CsX", a_ang=6.0, layers=3, height_ang=30, tilt=False)
    moves = np.linalg.norm(slab.positions - ideal.positions, axis=1)
    top_cs = (slab.numbers == 55) & (slab.arrays["layer"] == 1)
    assert np.sort(moves[top_cs]) == pytest.approx([0.0, OUTER_A_SHIFT_ANG], abs=0.2)


def test_frozen_bottom_is_bulk_like_and_marked(host):
    tilted = build_slab(host, "001-CsX", a_ang=6.0, layers=5, height_ang=40, frozen_layers=2)
    ideal = build_slab(host, "001-CsX", a_ang=6.0, layers=5, height_ang=40, tilt=False)
    frozen = tilted.constraints[0].get_indices()
    assert sorted(frozen) == sorted(np.flatnonzero(tilted.arrays["layer"] >= 4))
    assert np.allclose(tilted.positions[frozen], ideal.positions[frozen])


def test_vacuum_is_split_around_the_cell_boundary(host):
    """The dipole layer sits at the boundary: at least 4 A from the nearest atom on either side."""
    slab = build_slab(host, "001-CsX", a_ang=6.0, layers=3, height_ang=24, tilt=False)
    heights = slab.positions[:, 2]
    assert heights.min() >= 4.0
    assert 24 - heights.max() >= 4.0
    assert headroom_ang(slab) == pytest.approx(24 - 6.0)


def test_layers_count_from_the_top(host):
    slab = build_slab(host, "001-PbX2", a_ang=6.0, layers=5, height_ang=40, tilt=False)
    for layer in range(1, 6):
        heights = slab.positions[slab.arrays["layer"] == layer, 2]
        assert heights == pytest.approx(slab.positions[:, 2].max() - 3.0 * (layer - 1))


def test_building_is_deterministic(host):
    first, second = (
        build_slab(host, "001-CsX", a_ang=5.98, layers=3, height_ang=25) for _ in range(2)
    )
    assert np.array_equal(first.positions, second.positions)


def test_names_use_the_hosts_own_ions():
    host = load_host("CsSnI3-cubic")
    named = build_slab(host, "001-SnI2", a_ang=6.2, layers=3, height_ang=30)
    generic = build_slab(host, "001-PbX2", a_ang=6.2, layers=3, height_ang=30)
    assert np.array_equal(named.positions, generic.positions)
    assert set(named.get_chemical_symbols()) == {"Cs", "Sn", "I"}


@pytest.mark.parametrize("termination", ["110-CsX", "110-PbX2", "001-CsX", "001-PbX2"])
def test_orthorhombic_faces(termination):
    """Pbnm (110) and (001) are pseudo-cubic {100} faces: the same composition as the cubic slab."""
    host = load_host("CsPbBr3-ortho")
    slab = build_slab(
        host, termination, a_ang=5.84, lateral="2x2", layers=5, height_ang=40, tilt=False
    )
    cubic = build_slab(
        load_host("CsPbBr3-cubic"),
        termination.replace("110", "001"),
        a_ang=5.84,
        lateral="2x2",
        layers=5,
        height_ang=40,
    )
    assert slab.symbols.formula.count() == cubic.symbols.formula.count()
    # inversion or a mirror swaps the faces
    assert any(r[2, 2] == -1 for r in group(slab).rotations)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"termination": "001-RbX"}, "001-CsX"),
        ({"termination": "110-CsX"}, "none for these Miller indices"),
        ({"lateral": "1x1"}, "sqrt2, 2x2, 2sqrt2"),
        ({"layers": 4}, "odd"),
        ({"height_ang": 12.0}, "at least"),
        ({"frozen_layers": 3}, "0 to 2"),
    ],
)
def test_bad_input_names_what_is_allowed(host, change, words):
    arguments = {"termination": "001-CsX", "a_ang": 6.0, "layers": 3, "height_ang": 30} | change
    with pytest.raises(InputError, match=words):
        build_slab(host, arguments.pop("termination"), **arguments)


def test_delta_phase_has_no_slab():
    with pytest.raises(InputError, match="delta"):
        build_slab(load_host("CsPbI3-delta"), "001-CsX", a_ang=6.0, layers=3, height_ang=30)
