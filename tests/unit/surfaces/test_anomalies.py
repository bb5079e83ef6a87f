"""Anomalies: each kind made by hand is named; relaxations as they should be are not."""

import numpy as np
import pytest

from peropass.surfaces.anomalies import detect_anomalies
from peropass.surfaces.poses import generate_poses


@pytest.fixture
def loaded(socket, ma_bromide):
    """Methylammonium bromide in the socket; C N H3 H3 Br are the last nine atoms."""
    return generate_poses(socket.atoms, socket.holes, ma_bromide, n=1, seed=1).poses[0].atoms


def kinds(before, after):
    return {text.split(":")[0] for text in detect_anomalies(before, after)}


def test_nothing_happened(loaded):
    assert detect_anomalies(loaded, loaded.copy()) == []


@pytest.mark.parametrize("degrees", [5.0, 12.0])
def test_octahedral_tilt_and_rumpling_are_no_anomaly(loaded, degrees):
    """Equatorial halides swing by up to 12 degrees about their Pb, Cs rumples by 0.4 A."""
    after = loaded.copy()
    after.set_constraint()
    swing = 2.99 * np.tan(np.radians(degrees))
    layer, symbols = after.arrays["layer"], np.array(after.get_chemical_symbols())
    for n, i in enumerate(np.flatnonzero((layer == 2) & (symbols == "Br"))):
        along = 1.0 if n % 2 else -1.0
        after.positions[i] += along * swing * np.array([0.7071, 0.7071, 0.0])
    after.positions[(layer == 1) & (symbols == "Cs"), 2] += 0.4
    after.positions[layer == 0] += np.random.default_rng(0).normal(scale=0.05, size=(9, 3))
    assert detect_anomalies(loaded, after) == []


def test_a_ligand_that_settles_by_an_angstrom_is_no_anomaly(loaded):
    after = loaded.copy()
    after.set_constraint()
    after.positions[-9:-1] += [0.6, 0.3, 0.5]
    assert detect_anomalies(loaded, after) == []


def test_desorbed(loaded):
    after = loaded.copy()
    after.positions[-9:, 2] += 6.0
    assert "desorbed" in kinds(loaded, after)


def test_half_of_a_pair_desorbs(loaded):
    after = loaded.copy()
    after.positions[-9:-1, 2] += 7.0
    (text,) = [t for t in detect_anomalies(loaded, after) if t.startswith("desorbed")]
    assert "C0" in text
    assert "> 1.25" in text


def test_dissociated(loaded):
    """C-N broken: methyl stays, ammonia leaves by 1.5 A."""
    after = loaded.copy()
    amine = [-8, -4, -3, -2]
    axis = after.positions[-8] - after.positions[-9]
    after.positions[amine] += 1.5 * axis / np.linalg.norm(axis)
    assert "dissociated" in kinds(loaded, after)


def test_proton_transferred(loaded):
    """One N-H hydrogen placed at 1.45 A from the bromide of the pair."""
    after = loaded.copy()
    bromide, nitrogen = after.positions[-1], after.positions[-8]
    towards = nitrogen - bromide
    after.positions[-2] = bromide + 1.45 * towards / np.linalg.norm(towards)
    found = kinds(loaded, after)
    assert "proton transferred" in found
    assert "dissociated" not in found


def test_surface_atom_pulled_out(loaded):
    after = loaded.copy()
    lead = np.flatnonzero(after.symbols == "Pb")[0]
    after.positions[lead, 2] += 5.0
    assert "surface atom pulled out" in kinds(loaded, after)


def test_intercalated(loaded):
    after = loaded.copy()
    after.positions[-9:-1, 2] -= 3.0
    assert "intercalated" in kinds(loaded, after)


def test_moved_to_another_site(loaded):
    after = loaded.copy()
    after.positions[-1, :2] += np.array([4.2, 0.0])
    after.positions[-1, 2] += 1.5
    assert "moved to another site" in kinds(loaded, after)


def test_messages_print_their_threshold(loaded):
    after = loaded.copy()
    after.positions[-9:, 2] += 6.0
    assert all(">" in text or "<" in text for text in detect_anomalies(loaded, after))


def test_different_atoms_are_refused(loaded):
    with pytest.raises(ValueError, match="different atoms"):
        detect_anomalies(loaded, loaded[:-1])


def test_periodic_wrapping_is_no_motion(loaded):
    after = loaded.copy()
    after.positions[-9:] += after.cell.array[0]
    after.positions[3] -= after.cell.array[1]
    assert detect_anomalies(loaded, after) == []
