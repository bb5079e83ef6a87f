"""Equation of state: the fit returns the parameters of a generated curve; the scan centres itself and resumes."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from peropass.config import PROTOCOLS_FILE
from peropass.engine import equation_of_state as eos
from peropass.engine.electronic import TOY_VOLUME_PER_ATOM_ANG3, ToyEngine
from peropass.engine.jobs import Job
from peropass.engine.protocol import load_protocols
from peropass.records import Address, EosPoint, EosRecord, read_record

TOY = load_protocols(PROTOCOLS_FILE)["toy"]
A_TOY = (5 * TOY_VOLUME_PER_ATOM_ANG3) ** (1 / 3)  # where the toy engine has its minimum


def birch_murnaghan(a, a0, e0, b0_gpa, b1):
    """10.1103/PhysRev.71.809, third order, E(V) with eta = (a0/a)^2."""
    b0 = b0_gpa / 160.21766208
    eta = (a0 / np.asarray(a)) ** 2
    return e0 + 9 * b0 * a0**3 / 16 * ((eta - 1) ** 3 * b1 + (eta - 1) ** 2 * (6 - 4 * eta))


@pytest.mark.parametrize(
    ("a0", "b0", "b1"), [(5.98, 17.0, 4.5), (5.61, 27.0, 4.0), (4.25, 160.0, 5.2)]
)
def test_the_fit_returns_what_made_the_curve(a0, b0, b1):
    constants = a0 * (1.004 + np.array(eos.STRAINS))
    found = eos.fit(list(constants), list(birch_murnaghan(constants, a0, -14.2, b0, b1)))
    assert found.a_ang == pytest.approx(a0, abs=1e-4)
    assert found.energy_eV == pytest.approx(-14.2, abs=1e-5)
    assert found.bulk_modulus_GPa == pytest.approx(b0, rel=1e-3)


@pytest.mark.filterwarnings("ignore:Covariance")
@pytest.mark.parametrize(
    "energies",
    [[5, 4, 3, 2, 1.5], [1, 1, 1, 1, 1], [0, 1, 4, 1, 0]],
    ids=["downhill", "flat", "maximum"],
)
def test_a_curve_without_a_minimum_has_no_fit_inside(energies):
    constants = [5.8, 5.9, 6.0, 6.1, 6.2]
    found = eos.fit(constants, [float(e) for e in energies])
    assert found is None or not 5.85 < found.a_ang < 6.15 or found.bulk_modulus_GPa <= 0


def cell(a):
    return Atoms(
        "CsPbBr3",
        scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)],
        cell=[a] * 3,
        pbc=True,
    )


@pytest.mark.parametrize("a_ang", [3.2, 4.951, 6.045, 8.0])
def test_metals_have_an_even_mesh_of_forty_angstrom(a_ang):
    """Whatever the cell: points times lattice constant is the reach of the mesh in real space."""
    setting = eos.metal_setting(a_ang)
    n = setting.kpts[0]
    assert setting.kpts == (n, n, n)
    assert n % 2 == 0
    assert 40.0 <= n * a_ang < 40.0 + 2 * a_ang
    assert setting.rigid
    assert not setting.gamma_centred


def test_scaling_keeps_fractional_coordinates():
    big = eos.scaled(cell(5.0), 6.0)
    assert big.cell.lengths() == pytest.approx([6, 6, 6])
    assert big.get_scaled_positions() == pytest.approx(cell(5.0).get_scaled_positions())


def job(folder: Path) -> Job:
    return Job(
        address=Address(campaign="c", protocol="toy", host="CsPbBr3-cubic"),
        protocol=TOY,
        record=folder / "eos.record.json",
        role="bulk",
        stage="bulk",
        setting=eos.bulk_setting(TOY),
        relax=False,
    )


@pytest.fixture
def counted(monkeypatch):
    """Lattice constants that the toy engine was asked for."""
    asked = []
    evaluate = ToyEngine.evaluate

    def counting(self, atoms):
        asked.append(round(float(atoms.cell.lengths()[0]), 3))
        return evaluate(self, atoms)

    monkeypatch.setattr(ToyEngine, "evaluate", counting)
    return asked


@pytest.mark.parametrize("start", [0.94, 1.0, 1.06])
def test_the_scan_walks_to_the_minimum_from_either_side(tmp_path, counted, start):
    record = eos.run(cell(start * A_TOY), job(tmp_path), None, "")
    assert record.status == "ok"
    assert record.a_ang == pytest.approx(A_TOY, abs=0.003)
    assert record.a_without_dispersion_ang == pytest.approx(A_TOY, abs=0.003)
    assert len(counted) == len(set(counted)), "no volume is computed twice"
    assert read_record(
        tmp_path / "eos.record.json", EosRecord, allow_toy=True
    ) == record.model_copy(
        update={"structure": record.structure.model_copy(update={"file": "eos.equilibrium.extxyz"})}
    )


def test_a_finished_scan_is_read_not_repeated(tmp_path, counted):
    eos.run(cell(A_TOY), job(tmp_path), None, "")
    once = (tmp_path / "eos.record.json").read_bytes()
    counted.clear()
    (tmp_path / "eos.record.json").unlink()
    eos.run(cell(A_TOY), job(tmp_path), None, "")
    assert counted == []
    assert (tmp_path / "eos.record.json").read_bytes() == once


def test_a_killed_scan_goes_on_where_it_was(tmp_path, counted, monkeypatch):
    calls = {"left": 3}
    evaluate = ToyEngine.evaluate

    def killed(self, atoms):
        if not calls["left"]:
            raise KeyboardInterrupt
        calls["left"] -= 1
        return evaluate(self, atoms)

    monkeypatch.setattr(ToyEngine, "evaluate", killed)
    with pytest.raises(KeyboardInterrupt):
        eos.run(cell(A_TOY), job(tmp_path), None, "")
    done = list(counted)
    assert len(done) == 3
    monkeypatch.setattr(ToyEngine, "evaluate", evaluate)
    record = eos.run(cell(A_TOY), job(tmp_path), None, "")
    assert record.status == "ok"
    assert not set(done) & set(counted[3:])


def test_a_torn_list_of_points_is_no_obstacle(tmp_path):
    eos.run(cell(A_TOY), job(tmp_path), None, "")
    (folder,) = tmp_path.glob("work-*")
    whole = (folder / "points.json").read_text()
    (folder / "result.record.json").unlink()
    (folder / "points.json").write_text(whole[: len(whole) // 2])
    assert eos.run(cell(A_TOY), job(tmp_path), None, "").status == "ok"
    assert json.loads((folder / "points.json").read_text()) == json.loads(whole)


def test_no_minimum_is_a_failed_record_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(eos, "fit", lambda *_: None)
    record = eos.run(cell(A_TOY), job(tmp_path), None, "")
    assert record.status == "failed"
    assert "no minimum" in record.reason
    assert read_record(tmp_path / "eos.record.json", allow_toy=True).status == "failed"


def test_the_published_value_is_a_check_next_to_the_found_one(tmp_path):
    record = eos.run(cell(A_TOY), job(tmp_path), 5.98, "somebody 1999")
    (check,) = record.checks
    assert "5.98" in check.limit
    assert "somebody 1999" in check.limit
    assert check.passed == (abs(record.a_without_dispersion_ang - 5.98) <= 0.02)


def test_the_points_of_one_scan_are_told_from_those_of_another():
    """Two interleaved scans of 2 + 2 strains of 1.2 %, as a run with and without dispersion leaves them."""
    constants = [round(c * (1 + s), 3) for c in (5.9, 5.95) for s in eos.STRAINS]
    points = [EosPoint(a_ang=a, energy_eV=0.0) for a in sorted(constants)]
    assert [p.a_ang for p in eos.points_of_one_scan(points, 5.907)] == constants[:5]
    assert [p.a_ang for p in eos.points_of_one_scan(points, 5.948)] == constants[5:]
    assert eos.points_of_one_scan(points[:4], 5.9) == []
