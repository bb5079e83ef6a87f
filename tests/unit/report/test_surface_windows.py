"""Surface and formation energies of the committed slabs over a window that made-up phases bound: numbers and drawing."""

from pathlib import Path

import numpy as np
import pytest

from peropass.analysis.sites import thermo_fields
from peropass.records import (
    Address,
    CalculationRecord,
    Energy,
    EosRecord,
    Provenance,
    SiteRecord,
    StructureRef,
    read_record,
)
from peropass.report.level_diagram import figure_svg
from peropass.report.sites import SiteEvidence, surface_figures, window_views

HOST = Path(__file__).resolve().parents[3] / "results/reference/controls/smoke-hse/CsPbBr3-cubic"
IONS = ("Cs", "Pb", "Br")
SLABS = ("001-CsX/pristine", "001-PbX2/pristine", "001-CsX/V-CsX")


def made_up(composition, energy, like):
    """A toy record of a phase that nobody computed, with the settings of the committed ones."""
    return CalculationRecord(
        status="ok",
        toy=True,
        kind="relax",
        role="bulk",
        address=Address(campaign="c", protocol="p", candidate="toy"),
        provenance=Provenance(revision=1, physics_hash="toy"),
        settings_hash=like.settings_hash,
        settings={},
        kpts=(1, 1, 1),
        final=StructureRef(file="toy", hash="toy", n_atoms=1, composition=composition),
        energy=Energy(electronic_eV=energy, free_eV=energy, total_eV=energy),
    )


def evidence(gains):
    """Slabs of the campaign with phases that lie `gains` (BX2 from host, A4BX6, AB2X5; eV) below their neighbours."""
    bulk = [read_record(file, EosRecord) for file in sorted(HOST.rglob("eos.record.json"))]
    tilted = read_record(HOST / "phases/CsPbBr3-ortho/relax.record.json", CalculationRecord)
    host = tilted.energy.total_eV / tilted.final.composition["Pb"]  # the ground state of the host
    salt = next(b.energy.total_eV for b in bulk if b.composition == {"Br": 1, "Cs": 1})
    bulk.append(tilted)
    lead_salt = host - salt + gains[0]
    bulk += [
        made_up({"Pb": 1, "Br": 2}, lead_salt, bulk[0]),
        made_up({"Cs": 4, "Pb": 1, "Br": 6}, host + 3 * salt - gains[1], bulk[0]),
        made_up({"Cs": 1, "Pb": 2, "Br": 5}, host + lead_salt - gains[2], bulk[0]),
    ]
    found = []
    for name in SLABS:
        face, site = name.split("/")
        place = Address(campaign="c", protocol="p", host="h", termination=face, site=site)
        pristine, slab = (
            read_record(HOST / face / s / "none/none/relax.record.json", CalculationRecord)
            for s in ("pristine", site)
        )
        record = SiteRecord(
            status="ok",
            toy=True,
            address=place,
            provenance=Provenance(revision=1, physics_hash="toy"),
            **thermo_fields(pristine, slab, bulk, IONS),
        )
        found.append(SiteEvidence("x", record))
    return found


def lines(figure):
    return {line.get_label(): line.get_data() for line in figure.axes[0].lines}


def test_stable_phases_end_the_window_that_is_shaded():
    """PbBr2 0.30 eV from the host; Cs4PbBr6 0.09 eV lower ends it at -0.03 (three CsBr), CsPb2Br5 0.05 eV lower at -0.25."""
    figures = surface_figures(evidence((0.30, 0.09, 0.05)))
    assert set(figures) == {"h.surface", "h.formation"}
    for figure in figures.values():
        box = (
            figure.axes[0].patches[0].get_extents().transformed(figure.axes[0].transData.inverted())
        )
        assert (box.x0, box.x1) == (pytest.approx(-0.25), pytest.approx(-0.03))
        svg = figure_svg(figure)
        for phase in ("PbBr2", "CsPb2Br5", "Cs4PbBr6", "CsBr"):
            assert f">{phase}<" in svg


def test_both_terminations_together_cost_the_same_everywhere():
    """A CsBr and a PbBr2 face of equal area are whole formula units; CsBr-rich surroundings favour the CsBr face."""
    drawn = lines(surface_figures(evidence((0.30, 0.09, 0.05)))["h.surface"])
    dmu, caesium = drawn["001-CsX pristine"]
    _, lead = drawn["001-PbX2 pristine"]
    assert dmu == pytest.approx([-0.30, -0.25, -0.03, 0.0])
    assert np.ptp(caesium + lead) == pytest.approx(0.0, abs=1e-9)
    assert (np.diff(caesium) < 0).all()
    committed = read_record(HOST / "001-CsX/pristine/none/none/site.record.json", SiteRecord)
    at_salt = next(p.surface_J_per_m2 for p in committed.points if p.phase == "CsBr")
    assert caesium[-1] == pytest.approx(at_salt)  # this limit needs no other phase


def test_a_pair_vacancy_costs_an_electronvolt_more_per_electronvolt_of_its_salt():
    dmu, cost = lines(surface_figures(evidence((0.30, 0.09, 0.05)))["h.formation"])["001-CsX V-CsX"]
    assert np.polyfit(dmu, cost, 1)[0] == pytest.approx(1.0)


def test_an_unstable_host_has_no_shaded_window_and_the_figure_says_so():
    figure = surface_figures(evidence((-0.10, 0.0, 0.0)))["h.surface"]
    assert len(figure.axes[0].patches) == 0
    assert "window empty: the host is unstable by 0.100 eV" in figure_svg(figure)


def test_the_page_says_what_is_dotted_and_shaded():
    captions = [caption for caption, _ in window_views(evidence((0.30, 0.09, 0.05)))]
    assert [c.split(" of ")[0] for c in captions] == ["Surface energies", "Formation energies"]
    assert all("no phase that was computed is more stable" in c for c in captions)
