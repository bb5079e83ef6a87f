"""Octahedra with closed-form distortions, and a cubic slab built by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peropass.analysis.distortion import SlabGeometry, measure, octahedron

REGULAR = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
A = 5.9


def slab(move=None, drop=(), ligand=None):
    """Two PbBr2 layers between CsBr layers in a 2x2 cell; `move` atom -> shift, `drop` atoms, extra Br of a ligand."""
    symbols, roles, positions = [], [], []
    for i in range(2):
        for j in range(2):
            for layer in range(5):
                z = layer * A / 2
                if layer % 2:
                    basis = [("Pb", "B", 0, 0), ("Br", "X", 0.5, 0), ("Br", "X", 0, 0.5)]
                else:
                    basis = [("Cs", "A", 0.5, 0.5), ("Br", "X", 0, 0)]
                for symbol, role, u, v in basis:
                    symbols.append(symbol)
                    roles.append(role)
                    positions.append(((i + u) * A, (j + v) * A, z))
    positions = np.array(positions)
    for atom, shift in (move or {}).items():
        positions[atom] += shift
    keep = [k for k in range(len(symbols)) if k not in drop]
    symbols, roles = [symbols[k] for k in keep], [roles[k] for k in keep]
    positions = positions[keep]
    of_slab = [True] * len(keep)
    if ligand is not None:
        symbols, roles, of_slab = [*symbols, "Br"], [*roles, "X"], [*of_slab, False]
        positions = np.vstack([positions, ligand])
    cell = np.diag([2 * A, 2 * A, 40.0])
    return SlabGeometry(tuple(symbols), np.array(roles), positions, cell, np.array(of_slab))


def top_bromide():
    return max(
        (k for k, s in enumerate(slab().symbols) if s == "Br"),
        key=lambda k: slab().positions_ang[k, 2],
    )


def test_regular_octahedron_has_no_distortion():
    found = octahedron(3.0 * REGULAR)
    assert found["bond_length_distortion"] == pytest.approx(0)
    assert found["angle_variance_deg2"] == pytest.approx(0)
    assert found["quadratic_elongation"] == pytest.approx(1)


def test_elongation_along_one_axis_has_its_closed_form():
    # d = (a, a, a, a, c, c): d_0 = (a^2 c)^(1/3); angles stay right.
    a, c = 2.9, 3.4
    found = octahedron(REGULAR * [a, a, c])
    regular = (a * a * c) ** (1 / 3)
    assert found["quadratic_elongation"] == pytest.approx((4 * a**2 + 2 * c**2) / 6 / regular**2)
    assert found["angle_variance_deg2"] == pytest.approx(0, abs=1e-9)
    mean = (4 * a + 2 * c) / 6
    expected = (4 * (mean - a) + 2 * (c - mean)) / 6 / mean
    assert found["bond_length_distortion"] == pytest.approx(expected)


def test_shear_by_a_small_angle_has_its_closed_form():
    # One axis leaning by delta towards another: four of the twelve angles become 90 +- delta.
    delta = np.radians(4.0)
    sheared = REGULAR.copy()
    sheared[4:] = np.outer([1, -1], [np.sin(delta), 0, np.cos(delta)])
    found = octahedron(sheared)
    assert found["angle_variance_deg2"] == pytest.approx(4 * 4.0**2 / 11)
    assert found["bond_length_distortion"] == pytest.approx(0)


@given(st.integers(0, 2**32 - 1))
def test_distortion_does_not_depend_on_orientation_or_order(seed):
    rng = np.random.default_rng(seed)
    vertices = 3 * REGULAR + rng.normal(scale=0.2, size=(6, 3))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = rng.permutation(vertices @ rotation)
    assert octahedron(turned) == pytest.approx(octahedron(vertices))


def test_cubic_slab_is_straight_and_unmoved():
    found = measure(slab(), slab())
    assert found.pb_x_pb_angle_deg == pytest.approx(180)
    assert found.tilt_deg == pytest.approx(0)
    assert found.n_octahedra == 8
    assert found.quadratic_elongation == pytest.approx(1)
    assert (found.max_surface_shift_ang, found.n_broken) == (0, 0)
    assert found.clean["pb_x_pb_angle_deg"] == pytest.approx(180)


def test_displaced_atom_is_the_largest_shift():
    found = measure(slab(move={top_bromide(): (0.0, 0.3, 0.4)}), slab())
    assert found.max_surface_shift_ang == pytest.approx(0.5)
    assert found.bond_length_distortion > 0
    assert found.n_broken == 0


def test_missing_halide_opens_one_octahedron_and_a_ligand_halide_closes_it():
    top = top_bromide()
    hole = slab().positions_ang[top]
    bare = measure(slab(drop=(top,)), slab())
    assert (bare.n_broken, bare.n_octahedra) == (1, 7)
    healed = measure(slab(drop=(top,), ligand=hole), slab())
    assert (healed.n_broken, healed.n_octahedra) == (0, 8)
    assert healed.max_surface_shift_ang == 0


def test_lead_pulled_out_counts_as_broken():
    lead = max(
        (k for k, s in enumerate(slab().symbols) if s == "Pb"),
        key=lambda k: slab().positions_ang[k, 2],
    )
    found = measure(slab(move={lead: (0, 0, 4.0)}), slab())
    assert found.max_surface_shift_ang > 2.5
    assert found.n_broken >= 1


def test_rigid_shift_by_a_lateral_period_changes_nothing():
    moved = slab()
    shifted = SlabGeometry(
        moved.symbols,
        moved.roles,
        moved.positions_ang + [2 * A, 0, 0],
        moved.cell_ang,
        moved.of_slab,
    )
    assert measure(shifted, slab()).max_surface_shift_ang == pytest.approx(0, abs=1e-9)


def test_slab_without_octahedra_gives_no_numbers():
    lone = SlabGeometry(
        ("Cs", "Cl"),
        np.array(["A", "X"]),
        np.array([[0, 0, 0], [3, 0, 0.0]]),
        np.eye(3) * 20,
        np.ones(2, bool),
    )
    found = measure(lone, lone)
    assert (found.bond_length_distortion, found.pb_x_pb_angle_deg, found.n_octahedra) == (
        None,
        None,
        0,
    )
