"""Frenkel pairs, Schottky sets, and defects inside the bulk: what leaves, what comes, what stays apart."""

import numpy as np
import pytest

from peropass.errors import InputError
from peropass.surfaces.bulk_defects import make_bulk_defect
from peropass.surfaces.contacts import MIN_CONTACT, covalent_sums
from peropass.surfaces.defects import make_site
from peropass.surfaces.hosts import bulk
from peropass.surfaces.neighbours import minimum_image

# change of (Cs, Pb, Br) by the definition of each defect; a Frenkel pair changes nothing
BULK_CHANGES = {
    "V-X": (0, 0, -1),
    "V-Cs": (-1, 0, 0),
    "V-Pb": (0, -1, 0),
    "V-CsX": (-1, 0, -1),
    "V-PbX2": (0, -1, -2),
    "Cs-Pb": (1, -1, 0),
    "Pb-Cs": (-1, 1, 0),
    "Pb-X": (0, 1, -1),
    "X-Pb": (0, -1, 1),
    "ad-X": (0, 0, 1),
    "ad-Pb": (0, 1, 0),
    "Bi-Pb-V-Cs": (-1, -1, 0),
    "Ag-Pb-V-X": (0, -1, -1),
    "Frenkel-X": (0, 0, 0),
    "Frenkel-Cs": (0, 0, 0),
    "Schottky": (-1, -1, -3),
}


@pytest.fixture(scope="module")
def supercell(host):
    return bulk(host, 5.98).repeat((2, 2, 2))


@pytest.mark.parametrize("name", BULK_CHANGES)
def test_bulk_composition_changes_as_named_and_nothing_clashes(supercell, name):
    made = make_bulk_defect(supercell, name)
    before, after = (cell.symbols.formula.count() for cell in (supercell, made))
    assert tuple(after[s] - before[s] for s in ("Cs", "Pb", "Br")) == BULK_CHANGES[name]
    ratios = made.get_all_distances(mic=True) / covalent_sums(made.numbers, made.numbers)
    np.fill_diagonal(ratios, np.inf)
    assert ratios.min() >= MIN_CONTACT


def test_bulk_pairs_are_neighbours(supercell):
    """Bi on Pb and the Cs vacancy: half a body diagonal apart, sqrt(3)/2 a."""
    made = make_bulk_defect(supercell, "Bi-Pb-V-Cs")
    gone = [p for s, p in zip(supercell.symbols, supercell.positions, strict=True) if s == "Cs"]
    left = made.positions[made.symbols == "Cs"]
    (place,) = [p for p in gone if np.linalg.norm(left - p, axis=1).min() > 0.1]
    cell = made.copy()
    cell.append("He")
    cell.positions[-1] = place
    bismuth = int(np.flatnonzero(cell.symbols == "Bi")[0])
    assert cell.get_distance(bismuth, -1, mic=True) == pytest.approx(5.98 * 3**0.5 / 2)


@pytest.mark.parametrize(
    ("site", "change"), [("Frenkel-X", 0), ("Frenkel-Cs", 0), ("Frenkel-Br", 0), ("Schottky", 5)]
)
def test_paired_sites_keep_the_composition_of_the_crystal(slab, site, change):
    made = make_site(slab, site)
    assert len(slab) - len(made.atoms) == change
    left = slab.symbols.formula.count()
    for symbol, n in made.atoms.symbols.formula.count().items():
        left[symbol] -= n
    assert {n for s, n in left.items() if s in ("Cs", "Pb")} == ({1} if change else {0})
    assert left["Br"] == (3 if change else 0)


def test_frenkel_pair_is_not_healed_at_once(slab):
    made = make_site(slab, "Frenkel-X")
    gap = minimum_image(made.atoms.positions[-1] - made.removed[0][1], slab.cell.array)
    assert made.atoms.symbols[-1] == "Br"
    assert np.linalg.norm(gap) > 3.0


def test_schottky_opens_one_hole_of_each_metal_and_three_halides(slab):
    holes = make_site(slab, "Schottky").holes
    assert [len(holes[f"{role}-hole"]) for role in "ABX"] == [1, 1, 3]


@pytest.mark.parametrize("name", ["Frenkel-Pb", "Frenkel-Q", "Frenkel-", "Schottky-2"])
def test_unknown_pairs_are_refused_in_one_line(slab, name):
    with pytest.raises(InputError, match="allowed") as error:
        make_site(slab, name)
    assert "\n" not in str(error.value)
