"""Sites and controls in the report: what has data is drawn, what was refused says so, a page without ranking is whole."""

import sys
from pathlib import Path

import numpy as np
import pytest

from peropass.analysis.controls import Asked, judge
from peropass.analysis.sites import trap_fields
from peropass.records import (
    Address,
    ControlsRecord,
    HalideEnds,
    LevelsRecord,
    PotentialPoint,
    Provenance,
    SiteRecord,
    read_record,
    write_record,
)
from peropass.report.collect import collect
from peropass.report.page import build_report
from peropass.report.sites import SiteEvidence, site_figures, site_view, surface_figures

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "analysis"))

from level_model import dangling_lead, pristine, vacancy

PROVENANCE = Provenance(revision=1, physics_hash="synthetic")


@pytest.fixture
def with_sites(campaign: Path) -> Path:
    """Site records of the synthetic pristine slab and of one socket, with slices and a table of controls."""
    face = next(campaign.glob("*/*/001-CsX"))
    models = {"pristine": pristine(), "V-CsX": dangling_lead(vacancy(), 0.7)}
    levels = {}
    for site, model in models.items():
        file = face / site / "none/none/levels.record.json"
        levels[site] = model.record(address=read_record(file, LevelsRecord).address)
        write_record(levels[site], file)
    records = {}
    for site, record in levels.items():
        points = [
            PotentialPoint(
                phase=phase,
                dmu_eV=dmu,
                formation_eV=cost if site == "V-CsX" else None,
                surface_J_per_m2=0.1 if site == "pristine" else None,
            )
            for phase, dmu, cost in (("CsBr", 0.0, 0.8), ("PbBr2", -0.3, 0.5))
        ]
        made = SiteRecord(
            status="ok",
            address=record.address,
            provenance=PROVENANCE,
            points=points,
            **trap_fields(levels["pristine"], record),
        )
        records[site] = made
        write_record(made, face / site / "none/none/site.record.json")
        n = 4
        np.savez_compressed(
            face / site / "none/none/levels.slices.npz",
            density_per_ang3=np.ones((n, 6, 9), np.float32),
            extent_ang=np.array([8.0, 22.0]),
            through_ang=np.zeros(n),
            energies_eV=np.arange(n, dtype=float),
            filling=np.array([1.0, 1.0, 0.0, 0.0]),
            band=np.arange(n),
            spin=np.zeros(n, int),
        )
    place = levels["V-CsX"].address
    common = {"host": place.host, "termination": place.termination}
    asked = [
        Asked(name="one", site="V-CsX", expected="trap", **common),
        Asked(name="two", site="V-X", expected="no-trap", **common),
    ]
    table = ControlsRecord(
        status="ok",
        address=Address(campaign=place.campaign, protocol=place.protocol),
        provenance=PROVENANCE,
        rows=judge(asked, {"one": records["V-CsX"]}),
    )
    write_record(table, campaign / "controls.json")
    return campaign


def test_each_site_is_drawn_with_what_it_has(with_sites):
    found = collect(with_sites)
    assert [one.record.address.site for one in found.sites] == ["V-CsX", "pristine"]
    found.sites = found.sites[:1]
    html = build_report(found).html
    figures = ("levels", "density", "highest filled state", "lowest empty state", "window")
    assert html.count('<figure class="drawn">') == len(figures)
    assert "inside the gap of the pristine slab, with spin-orbit coupling" in html
    assert "<td>layer 1 1.00</td><td>Pb 6p 1.00</td>" in html
    assert 'id="controls"' in html
    assert "not run yet" in html
    assert 'id="ranking"' in html


def test_without_slices_or_energies_there_is_no_such_figure(with_sites):
    for file in with_sites.rglob("levels.slices.npz"):
        file.write_bytes(b"torn")
    for file in with_sites.rglob("site.record.json"):
        record = read_record(file, SiteRecord)
        write_record(record.model_copy(update={"points": []}), file)
    found = collect(with_sites)
    assert set(site_figures(found.sites[0])) == {"levels", "density"}
    assert surface_figures(found.sites) == {}


def test_a_refused_site_is_shown_with_its_reason(with_sites):
    file = next(with_sites.glob("*/*/001-CsX/V-CsX/none/none/site.record.json"))
    address = read_record(file, SiteRecord).address
    refused = SiteRecord(
        status="failed", reason="k-points differ", address=address, provenance=PROVENANCE
    )
    write_record(refused, file)
    found = collect(with_sites)
    found.sites = [one for one in found.sites if one.record.status == "failed"]
    assert "failed: k-points differ" in build_report(found).html


def test_a_page_of_controls_needs_no_ranking(with_sites):
    """No table of candidates and no script that would look for one."""
    found = collect(with_sites)
    found.evidence, found.sites = [], []
    html = build_report(found).html
    assert 'id="ranking"' not in html
    assert "<script" not in html
    assert 'href="#controls"' in html


def test_a_halide_vacancy_is_a_range_on_the_page_and_two_lines_in_the_figure():
    """Numbers of both ends with their phases; lead ends the poor side, bromine the rich one."""
    points = [
        PotentialPoint(
            phase=phase,
            dmu_eV=dmu,
            halide=HalideEnds(
                poor_phase="Pb",
                rich_phase="Br2",
                poor_mu_eV=-1.5,
                poor_formation_eV=poor,
                rich_formation_eV=poor + 1.5,
            ),
        )
        for phase, dmu, poor in (("CsBr", 0.0, 1.2), ("PbBr2", -0.3, 1.1))
    ]
    record = SiteRecord(
        status="failed",
        reason="no levels here",
        address=Address(campaign="c", protocol="p", host="h", termination="t", site="V-X"),
        provenance=PROVENANCE,
        points=points,
    )
    one = SiteEvidence("x", record)
    facts = dict(site_view(one).facts)
    assert facts["formation energy with CsBr"] == "1.20 (with Pb) to 2.70 (with Br2) eV per cell"
    figure = surface_figures([one])["h.formation"]
    drawn = {line.get_label(): line.get_data() for line in figure.axes[0].lines}
    assert drawn["t V-X, with Pb"][1] == pytest.approx([1.1, 1.2])
    assert drawn["t V-X, with Br2"][1] == pytest.approx([2.6, 2.7])
