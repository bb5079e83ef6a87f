"""Alignment of two slabs on their common frozen atoms."""

import numpy as np
import pytest
from level_model import LIGAND, TOP_BROMINE, Model, pristine, vacancy

from peropass.analysis.alignment import align, common_frozen_atoms, lateral_distances
from peropass.errors import AnalysisRefused


def test_a_constant_shift_is_found_exactly():
    found = align(pristine().record(), vacancy().record(shift=-0.8))
    assert found.shift_eV == pytest.approx(-0.8)
    assert found.spread_eV == pytest.approx(0.0)
    assert found.vacuum_shift_eV == pytest.approx(-0.8)
    assert found.semicore_shift_eV == pytest.approx(-0.8)
    assert found.n_atoms == 3
    assert found.flags("slab") == []


def test_aligning_backwards_changes_the_sign():
    a, b = pristine().record(), vacancy().record(shift=0.37)
    assert align(a, b).shift_eV == pytest.approx(-align(b, a).shift_eV)


def test_only_frozen_atoms_count():
    """Potentials near the defect and in the ligand may move by volts without touching the alignment."""
    system = Model(remove=[TOP_BROMINE], ligand=LIGAND, site="V-X").record()
    wild = [v if i in system.fixed else v + 5.0 for i, v in enumerate(system.atomic_potentials_eV)]
    system = system.model_copy(update={"atomic_potentials_eV": wild})
    assert align(pristine().record(), system).shift_eV == pytest.approx(0.0)


def test_spread_is_the_standard_deviation():
    """Frozen atoms off by -0.075, 0 and +0.075 eV: sqrt(2/3) * 0.075 = 0.061 eV, beyond 0.05."""
    system = vacancy().record()
    potentials = list(system.atomic_potentials_eV)
    for atom, change in zip(system.fixed, (-0.075, 0.0, 0.075), strict=True):
        potentials[atom] += change
    found = align(
        pristine().record(), system.model_copy(update={"atomic_potentials_eV": potentials})
    )
    assert found.spread_eV == pytest.approx(0.075 * np.sqrt(2 / 3))
    assert found.uncertainty_eV == pytest.approx(found.spread_eV / np.sqrt(3))
    assert "spread" in found.flags("slab")[0]


def test_a_lateral_wave_averages_out_over_a_whole_layer():
    """Potentials of +0.2 and -0.2 eV on equal numbers of frozen atoms shift nothing; the layer is flagged all the same."""
    p = pristine().record()
    both = p.model_copy(update={"fixed": [0, 1, 2, 3, 4, 5]})
    waves = [0.2, -0.2, 0.2, -0.2, 0.2, -0.2]
    potentials = [v + (waves[i] if i < 6 else 0.0) for i, v in enumerate(p.atomic_potentials_eV)]
    found = align(both, both.model_copy(update={"atomic_potentials_eV": potentials}))
    assert found.shift_eV == pytest.approx(0.0)
    assert found.spread_eV == pytest.approx(0.2)
    assert found.uncertainty_eV == pytest.approx(0.2 / np.sqrt(6))
    assert any("spread" in flag for flag in found.flags("slab"))


def test_an_independent_route_that_disagrees_is_the_error():
    """Frozen atoms agree with each other, the vacuum level puts the slab 0.07 eV elsewhere: that is the error."""
    p = pristine().record()
    below, above = p.vacuum_eV
    found = align(p, p.model_copy(update={"vacuum_eV": [below + 0.07, above]}))
    assert found.spread_eV == pytest.approx(0.0)
    assert found.uncertainty_eV == pytest.approx(0.07)
    assert found.flags("slab") == []


def test_another_order_of_atoms_is_matched():
    system = pristine().record(shift=1.0)
    n = len(system.symbols)
    back = list(range(n))[::-1]
    shuffled = system.model_copy(
        update={
            **{
                name: [getattr(system, name)[i] for i in back]
                for name in (
                    "symbols",
                    "positions_ang",
                    "atomic_potentials_eV",
                    "semicore_atoms_eV",
                )
            },
            "fixed": sorted(n - 1 - i for i in system.fixed),
        }
    )
    pairs = common_frozen_atoms(pristine().record(), shuffled)
    assert pairs == [(i, n - 1 - i) for i in system.fixed]
    assert align(pristine().record(), shuffled).shift_eV == pytest.approx(1.0)


def test_other_elements_and_other_places_do_not_match():
    p = pristine().record()
    assert len(common_frozen_atoms(p, p)) == 3
    exchanged = p.model_copy(update={"symbols": ["Sn", *p.symbols[1:]]})
    assert len(common_frozen_atoms(p, exchanged)) == 2
    moved = [list(x) for x in p.positions_ang]
    for atom in p.fixed:
        moved[atom][0] += 0.2
    with pytest.raises(AnalysisRefused, match="no frozen atom"):
        align(p, p.model_copy(update={"positions_ang": moved}))


def test_missing_cross_checks_are_left_out():
    p = pristine().record()
    bare = p.model_copy(update={"vacuum_eV": None, "semicore_atoms_eV": []})
    found = align(p, bare)
    assert found.vacuum_shift_eV is None
    assert found.semicore_shift_eV is None
    assert len(found.checks("slab")) == 1


def test_distances_use_the_nearest_image_of_a_skewed_cell():
    """In a 60 degree cell (0.5, 0.5) is half a short diagonal, a/2, from an image; 0.9 a is 0.1 a away."""
    a = 4.0
    cell = np.array([[a, 0, 0], [a / 2, a * np.sqrt(3) / 2, 0], [0, 0, 30.0]])
    points = np.array([0.9 * cell[0], 0.5 * (cell[0] + cell[1]), [0, 0, 29.0]])
    found = lateral_distances(np.zeros((1, 3)), points, cell)[0]
    assert found == pytest.approx([0.1 * a, 0.5 * a, 29.0])
