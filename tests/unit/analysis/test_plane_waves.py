"""The number of plane waves is counted right, and its term vanishes where it must."""

import numpy as np
import pytest

from peropass.analysis import plane_waves
from peropass.analysis.plane_waves import excess_of_plane_waves, slope_eV, term_eV
from peropass.errors import MissingTerm


def test_the_count_of_a_real_calculation():
    """GPAW says 12911 coefficients for a cube of 13 A at 300 eV and Gamma (half of them, the functions are real), 13373 for 13.125 A."""
    for box, half in ((13.0, 12911), (13.125, 13373)):
        smooth = (box / 0.529177) ** 3 * (2 * 300 / 27.211386) ** 1.5 / (6 * np.pi**2)
        found = excess_of_plane_waves(box * np.eye(3), (1, 1, 1), 300.0)
        assert np.exp(found) * smooth == pytest.approx(2 * half - 1, rel=1e-5)


def test_large_cells_and_dense_meshes_are_smooth():
    small = [abs(excess_of_plane_waves(a * np.eye(3), (1, 1, 1), 300.0)) for a in (10, 11, 12, 13)]
    meshed = [abs(excess_of_plane_waves(a * np.eye(3), (4, 4, 4), 300.0)) for a in (10, 11, 12, 13)]
    assert np.mean(meshed) < 0.2 * np.mean(small)
    # a mesh in a small cell is Gamma in the repeated one
    once = excess_of_plane_waves(np.diag([6.0, 6.0, 9.0]), (2, 2, 1), 300.0)
    twice = excess_of_plane_waves(np.diag([12.0, 12.0, 9.0]), (1, 1, 1), 300.0)
    assert np.exp(once) == pytest.approx(np.exp(twice), abs=2e-4)


def test_the_cutoff_is_read_in_electronvolts_and_the_cell_in_any_orientation():
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    cell = np.diag([9.0, 11.0, 14.0])
    assert excess_of_plane_waves(cell @ turn, (1, 1, 1), 300.0) == pytest.approx(
        excess_of_plane_waves(cell, (1, 1, 1), 300.0),
        abs=1e-6,  # cells are rounded to 1e-6 Angstrom
    )
    # lengths times f and the cutoff over f^2 are the same spheres
    assert excess_of_plane_waves(2 * cell, (1, 1, 1), 75.0) == pytest.approx(
        excess_of_plane_waves(cell, (1, 1, 1), 300.0), abs=1e-9
    )


def test_harder_elements_hang_more_on_the_basis():
    slopes = {e: slope_eV({e: 1}, 300.0) for e in ("F", "O", "N", "C", "H")}
    assert slopes["F"] < slopes["O"] < slopes["N"] < slopes["C"] < slopes["H"] < 0
    assert slope_eV({"H": 2, "O": 1}, 300.0) == pytest.approx(2 * slopes["H"] + slopes["O"])


def test_what_was_not_measured_is_named():
    with pytest.raises(MissingTerm, match=r"no slope of Uuo at 300 eV"):
        slope_eV({"O": 1, "Uuo": 1}, 300.0)
    with pytest.raises(MissingTerm, match=r"no slopes at a cutoff of 321 eV"):
        slope_eV({"O": 1}, 321.0)


class _Cell:
    """What the term asks of a record."""

    kind, toy, role, kpts = "relax", False, "molecule", (1, 1, 1)
    settings = {"mode": "pw", "ecut_eV": 300.0}

    def __init__(self, box, **changes):
        self.cell_ang = (box * np.eye(3)).tolist()
        self.initial = type("ref", (), {"composition": {"O": 3, "N": 1, "C": 2, "S": 1, "H": 7}})
        self.__dict__.update(changes)


def test_taurine_has_one_energy_in_two_boxes():
    """The same molecule, PBE at 300 eV: -48.2439 eV in a cube of 13 A, -48.6788 eV in one of 13.125 A; the sum over atoms holds to a tenth of that."""
    one, other = -48.2439 + term_eV(_Cell(13.0)), -48.6788 + term_eV(_Cell(13.125))
    assert one == pytest.approx(other, abs=0.1 * (48.6788 - 48.2439) + 0.005)


def test_bulk_atomic_orbitals_and_the_toy_engine_have_no_term():
    for changes in (
        {"role": "bulk"},
        {"kind": "eos"},
        {"toy": True},
        {"settings": {"mode": "lcao", "ecut_eV": 300.0}},
    ):
        assert term_eV(_Cell(13.0, **changes)) == 0.0
    assert abs(term_eV(_Cell(13.0))) > 0.1


def test_the_table_is_what_the_command_writes():
    from peropass.basis import HEAD

    text = plane_waves.BASIS_FILE.read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    assert 300 in plane_waves.basis_table().slopes_eV
