"""Structure files: published cells, space groups, sources."""

import csv
import hashlib

import numpy as np
import pytest
import spglib

from peropass.errors import InputError
from peropass.surfaces.diatomics import diatomic_names, load_diatomic
from peropass.surfaces.hosts import STRUCTURES, bulk, host_names, load_host, load_phase
from peropass.surfaces.molecular_cations import placeholders

ALL = [(folder, name) for folder in ("hosts", "phases") for name in host_names(STRUCTURES / folder)]


@pytest.mark.parametrize(
    ("name", "a_ang"),
    [("CsPbCl3-cubic", 5.605), ("CsPbBr3-cubic", 5.874), ("CsPbI3-cubic", 6.289)],
)
def test_published_cubic_constants(name, a_ang):
    assert load_host(name).pseudocubic_ang == pytest.approx(a_ang, abs=1e-9)


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_cell_has_the_stated_symmetry_and_content(folder, name):
    host = load_host(name, STRUCTURES / folder)
    atoms = bulk(host, molecules=False)  # molecules are disordered in the crystal
    data = spglib.get_symmetry_dataset(
        (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), symprec=1e-3
    )
    assert data.number == host.space_group
    charges = {e: q for ions in host.ions.values() for e, q in ions.items()}
    names = {stand_in: name for name, stand_in in placeholders(host.molecules).items()}
    assert sum(charges[names.get(s, s)] for s in atoms.get_chemical_symbols()) == 0
    assert len(atoms) % host.formula_units == 0


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_bond_lengths_are_chemical(folder, name):
    """Pb-X and Sn-X bonds of halides lie between 2.6 and 3.4 A; no ion comes nearer than that."""
    atoms = bulk(load_host(name, STRUCTURES / folder), molecules=False)
    atoms = atoms.repeat(2) if len(atoms) < 25 else atoms
    distances = atoms.get_all_distances(mic=True)
    np.fill_diagonal(distances, np.inf)
    ion = atoms.arrays["ion"]
    assert distances.min() > 2.6
    if "B" in ion and "X" in ion:
        assert distances[np.ix_(ion == "B", ion == "X")].min(axis=1).max() < 3.4


@pytest.mark.parametrize("halide", ["Cl", "Br", "I"])
def test_octahedra_of_tilted_phases_are_regular(halide):
    """Six Pb-X bonds of one length: tilted phases turn octahedra and hardly distort them."""
    atoms = bulk(load_host(f"CsPb{halide}3-ortho")).repeat(2)
    ion = atoms.arrays["ion"]
    distances = np.sort(atoms.get_all_distances(mic=True)[np.ix_(ion == "B", ion == "X")], axis=1)
    assert np.ptp(distances[:, :6]) < 0.06
    assert (distances[:, 6] > 4.5).all()


def test_scaling_keeps_the_shape():
    host = load_host("CsPbBr3-ortho")
    atoms = bulk(host, 6.0)
    assert (atoms.get_volume() / host.formula_units) ** (1 / 3) == pytest.approx(6.0)
    assert atoms.cell.lengths()[2] / atoms.cell.lengths()[0] == pytest.approx(11.759 / 8.207)


def test_unknown_host_is_one_line_with_the_allowed_names():
    with pytest.raises(InputError) as error:
        load_host("CsPbF3-cubic")
    assert "CsPbF3-cubic" in str(error.value)
    assert "CsPbBr3-cubic" in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_key_is_named(tmp_path):
    text = (STRUCTURES / "phases" / "CsBr.yaml").read_text()
    (tmp_path / "CsBr.yaml").write_text(text + "colour: white\n")
    with pytest.raises(InputError, match="colour"):
        load_host("CsBr", tmp_path)


def test_reservoir_without_b_ion_says_so():
    with pytest.raises(InputError, match="no B ion"):
        load_phase("CsBr").symbol("B")


def test_sources_list_every_structure_file_with_its_hash():
    with open(STRUCTURES / "SOURCES.tsv", encoding="utf-8") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream, delimiter="\t")}
    for folder, name in ALL:
        row = rows[f"{folder}/{name}.yaml"]
        content = (STRUCTURES / folder / f"{name}.yaml").read_bytes()
        assert row["sha256"] == hashlib.sha256(content).hexdigest(), row["file"]
        assert row["doi"] == load_host(name, STRUCTURES / folder).source.doi
    for name in diatomic_names():
        row = rows[f"molecules/{name}.yaml"]
        content = (STRUCTURES / "molecules" / f"{name}.yaml").read_bytes()
        assert row["sha256"] == hashlib.sha256(content).hexdigest(), row["file"]
        assert row["doi"] == load_diatomic(name).source.doi
    for file in sorted((STRUCTURES / "starts").iterdir()):
        row = rows[f"starts/{file.name}"]
        assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest(), row["file"]
        assert row["origin"]


@pytest.mark.parametrize(("name", "neighbours"), [("Pb", 12), ("Cs", 8)])
def test_metals_are_close_packed_or_body_centred(name, neighbours):
    """12 nearest neighbours a / sqrt(2) away (fcc), 8 at sqrt(3) a / 2 (bcc)."""
    metal = load_phase(name)
    atoms = bulk(metal).repeat(3)
    distances = np.sort(atoms.get_distances(0, range(1, len(atoms)), mic=True))
    length = metal.cell.a_ang * (2**-0.5 if neighbours == 12 else 3**0.5 / 2)
    assert distances[:neighbours] == pytest.approx(np.full(neighbours, length))
    assert distances[neighbours] > 1.1 * length


def test_halogens_are_single_bonds_and_grow_down_the_group():
    """Bonds of twice the covalent radii (Cl 1.02, Br 1.20, I 1.39 A) within 6 %."""
    found = [load_diatomic(name).atoms.get_distance(0, 1) for name in ("Cl2", "Br2", "I2")]
    assert found == pytest.approx([2.04, 2.40, 2.78], rel=0.06)


def test_a_halogen_that_nobody_wrote_down_is_one_line():
    with pytest.raises(InputError, match="Br2, Cl2, I2") as error:
        load_diatomic("At2")
    assert "\n" not in str(error.value)


def test_one_cubic_cell_stands_for_cubic_phases_of_elements_alone():
    """What a campaign may take lattice constant and bulk energy from: no tilts, no alloy, no disordered molecule."""
    why = {name: load_host(name).not_one_cubic_cell for name in host_names()}
    able = {name for name, reason in why.items() if not reason}
    assert able == {f"Cs{b}{x}3-cubic" for b in ("Pb", "Sn") for x in ("Cl", "Br", "I")}
    assert "4 formula units" in why["CsPbBr3-ortho"]
    assert "Br/Cl" in why["CsPbBr2Cl-cubic"]
    assert "FA" in why["FAPbI3-cubic"]
