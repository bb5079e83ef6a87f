"""Layers below a slab continue the crystal: distances of the cubic lattice, composition of one more unit, frozen."""

import numpy as np
import pytest
from ase.constraints import FixAtoms

from peropass.errors import BuildError
from peropass.surfaces.hosts import load_host
from peropass.surfaces.slabs import build_slab
from peropass.surfaces.thickness import add_bulk_layers

A = 5.9


def slab(lateral="sqrt2", layers=3, termination="001-CsX"):
    return build_slab(
        load_host("CsPbBr3-cubic"),
        termination,
        a_ang=A,
        lateral=lateral,
        layers=layers,
        height_ang=22.0,
        tilt=False,
    )


@pytest.mark.parametrize("lateral", ["sqrt2", "2x2"])
def test_it_is_the_slab_that_the_builder_makes(lateral):
    """Untilted: every interatomic distance of the builder's own five-layer slab, in the same number."""
    grown, wanted = add_bulk_layers(slab(lateral), A), slab(lateral, layers=5)
    assert grown.get_chemical_formula() == wanted.get_chemical_formula()
    found, target = (np.sort(a.get_all_distances(mic=True).ravel()) for a in (grown, wanted))
    assert found == pytest.approx(target, abs=1e-4)


def test_what_was_there_keeps_its_place_and_the_vacuum_its_height():
    before = slab()
    after = add_bulk_layers(before, A, n_pairs=2)
    moved = after.positions[: len(before)] - before.positions
    assert moved == pytest.approx(np.tile([0, 0, 2 * A], (len(before), 1)), abs=1e-9)
    assert after.cell.lengths()[2] - before.cell.lengths()[2] == pytest.approx(2 * A)
    assert after.positions[:, 2].min() == pytest.approx(before.positions[:, 2].min())
    assert after.arrays["layer"].max() == 7


def test_the_new_layers_are_frozen_and_belong_to_the_slab():
    before = slab()
    after = add_bulk_layers(before, A)
    frozen = next(c for c in after.constraints if isinstance(c, FixAtoms)).get_indices()
    assert set(range(len(before), len(after))) <= set(frozen.tolist())
    assert not after.arrays["fragment"].any()


def test_a_bottom_that_is_not_an_ideal_frozen_layer_is_refused():
    loose = slab()
    loose.set_constraint()
    with pytest.raises(BuildError, match="frozen"):
        add_bulk_layers(loose, A)
    bent = slab()
    bent.positions[bent.arrays["layer"].argmax(), 2] -= 0.3
    with pytest.raises(BuildError, match="frozen"):
        add_bulk_layers(bent, A)
