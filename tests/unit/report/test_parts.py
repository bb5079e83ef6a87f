"""Tables, methods text, limits, validation, figures and caption."""

from __future__ import annotations

import json
import re
from pathlib import Path

import ase.db
import pytest
from matplotlib.image import imread

from peropass.config import load_campaign
from peropass.report.caption import thresholds_text
from peropass.report.collect import collect
from peropass.report.figures import ranking_figure, write_figures
from peropass.report.limits import assumptions, settings_line
from peropass.report.methods import methods
from peropass.report.payload import pack, rounded
from peropass.report.tables import write_tables
from peropass.report.validation import Comparison, comparisons


def test_ase_database_reads_back_with_ranks_and_structures(made: Path, tmp_path: Path) -> None:
    collection = collect(made)
    write_tables(collection, tmp_path)
    database = ase.db.connect(tmp_path / "structures.ase.json")
    assert len(database) == sum(one.best is not None for one in collection.evidence)
    row = database.get(candidate="taurine")
    one = next(e for e in collection.evidence if e.row.candidate == "taurine")
    assert row.rank == one.row.rank
    assert row.toatoms().get_chemical_formula() == one.best.final.get_chemical_formula()
    assert (
        row.toatoms().constraints[0].index.tolist() == one.best.final.constraints[0].index.tolist()
    )
    assert row.data.model_smiles == "[NH3+]CCS(=O)(=O)[O-]"


def test_json_and_page_hold_the_same_rows(made: Path, tmp_path: Path) -> None:
    collection = collect(made)
    write_tables(collection, tmp_path)
    data = json.loads((tmp_path / "report.json").read_text())
    assert [r["candidate"] for r in data["rows"]] == [
        one.row.candidate for one in collection.evidence
    ]
    assert data["left_out"] == []


def test_methods_cite_what_was_used_and_number_in_order(made: Path) -> None:
    found = methods(collect(made))
    for doi in ("10.1063/5.0182685", "10.1088/1361-648X/aa680e", "10.1103/PhysRevLett.77.3865",
                "10.1002/jcc.21759", "10.1021/acs.jctc.7b00118"):  # fmt: skip
        assert doi in found.plain
    assert "300 eV" in found.text
    assert "GPAW 26.7.0" in found.text
    numbers = [int(reference[1 : reference.index("]")]) for reference in found.references]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "GFN2" not in found.plain  # not used, not cited


def test_methods_name_the_operator_where_it_is_not_that_of_gpaw(made: Path) -> None:
    collection = collect(made)
    assert "relativistic mass" not in methods(collection).plain
    for one in collection.evidence:
        if one.levels is not None:
            one.levels.settings["levels"] = {"spin_orbit": "mass"}
    assert "spin-orbit coupling (operator with the relativistic mass)" in methods(collection).plain


def test_assumptions_join_continuation_lines(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "x = 1\n# ASSUME bonds are rigid: they\n# hardly move.\ny = 2\n    # ASSUME no spin\n"
    )
    found = assumptions(tmp_path)
    assert [(a.module, a.line, a.text) for a in found] == [
        ("m", 2, "Bonds are rigid: they hardly move."),
        ("m", 5, "No spin"),
    ]


def test_settings_line_puts_units_behind_numbers() -> None:
    assert (
        settings_line({"xc": "PBE", "ecut_eV": 300.0, "setups": {}}) == "xc PBE \u00b7 ecut 300 eV"
    )


def test_not_a_number_has_no_word_in_json() -> None:
    assert rounded({"a": [float("nan"), 1.23456789]}) == {"a": [None, 1.23457]}
    assert pack({"a": 1}) == pack({"a": 1})


def test_tau_of_the_host_is_compared_with_bartel(made: Path) -> None:
    """4.10 for CsPbBr3: Bartel et al. 2019, 10.1126/sciadv.aav0693."""
    tau = next(c for c in comparisons(collect(made)) if c.quantity == "tau of CsPbBr3")
    assert tau.published == 4.10
    assert tau.passed


@pytest.mark.parametrize(
    ("computed", "passed"), [(5.98, True), (6.00, True), (6.001, False), (None, False)]
)
def test_a_comparison_passes_up_to_its_tolerance(computed: float | None, passed: bool) -> None:
    assert Comparison("a", computed, 5.98, "Angstrom", 0.02, "s").passed is passed


def without_ids(figure: Path) -> bytes:
    """Bytes of a figure with matplotlib's names of clip paths and markers taken out: they follow memory addresses."""
    return re.sub(rb"[a-z][0-9a-f]{10}", b"id", figure.read_bytes())


def test_figures_are_vectors_with_units_and_equal_on_a_rerun(made: Path, tmp_path: Path) -> None:
    collection = collect(made)
    collection.evidence = [e for e in collection.evidence if e.row.candidate in ("taurine", "topo")]
    first = write_figures(collection, tmp_path / "a")
    again = write_figures(collection, tmp_path / "b")
    assert {p.suffix for p in first} == {".svg", ".pdf"}
    for one, other in zip(first, again, strict=True):
        assert without_ids(one) == without_ids(other)
    ranking = next(
        p for p in first if p.name.startswith("ranking") and p.suffix == ".svg"
    ).read_text()
    assert ranking.count("(eV)") == 3


def test_ranking_figure_is_not_blank_and_takes_one_socket(made: Path, tmp_path: Path) -> None:
    evidence = collect(made).evidence
    with pytest.raises(ValueError, match="one figure per socket"):
        ranking_figure(evidence)
    figure = ranking_figure([e for e in evidence if e.row.site == "V-CsX"])
    figure.savefig(tmp_path / "f.png", dpi=40)
    assert imread(tmp_path / "f.png")[..., :3].std() > 0.05


def test_caption_prints_the_thresholds_of_the_campaign() -> None:
    campaign, protocol = load_campaign("config/quickstart.yaml")
    text = thresholds_text(campaign, protocol)
    assert f"<= {protocol.relax.fmax_eV_per_ang:g} eV/Angstrom" in text
    assert f"{campaign.ranking.samples} draws, seed {campaign.ranking.seed}" in text
