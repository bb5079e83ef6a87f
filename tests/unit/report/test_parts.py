"""Tables, methods text, limits, validation, figures and caption."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import ase.db
import pytest
from matplotlib.image import imread

from peropass.analysis.scoring import AXES
from peropass.chemistry.entries import Source
from peropass.config import load_campaign
from peropass.records import Address, EosRecord, GapRecord, Provenance, write_record
from peropass.report.caption import thresholds_text
from peropass.report.collect import collect
from peropass.report.figures import ranking_figure, write_figures
from peropass.report.limits import assumptions, protocol_limits, settings_line
from peropass.report.literature import citations
from peropass.report.methods import methods
from peropass.report.page import TEMPLATES
from peropass.report.payload import pack, plain, recomputing, rounded
from peropass.report.tables import write_tables
from peropass.report.validation import Comparison, comparisons, reference_comparisons


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
    assert row.total_energy_eV == one.best.record.energy.total_eV
    assert row.data.settings_hash == one.best.record.settings_hash


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


def test_methods_name_the_operator_of_the_spin_orbit_coupling(made: Path) -> None:
    collection = collect(made)
    plain = methods(collection).plain
    assert "spin-orbit coupling (operator without the relativistic mass)" in plain
    for one in collection.evidence:
        if one.levels is not None:
            one.levels.settings["levels"] = {"spin_orbit": "mass"}
    assert "spin-orbit coupling (operator with the relativistic mass)" in methods(collection).plain


def test_methods_write_formulas_as_chemists_do_and_name_the_conditions(made: Path) -> None:
    text = methods(collect(made)).text
    assert "lattice constant of CsPbBr3 is 5.990 Angstrom" in text
    assert "298.15 K and 0.001 mol/l, solvent: toluene" in text
    assert "D3(BJ) (dftd3 1.7.0)" in text
    assert "k-points 1 x 1 x 1) were relaxed, with the atoms of the bottom layers frozen" in text


def test_limits_name_what_the_protocol_of_the_campaign_leaves_out(made: Path) -> None:
    collection = collect(made)
    small, assumed, coupling = protocol_limits(collection)
    # 5.98 Angstrom times sqrt(2)
    assert "cell of 8.46 x 8.46 Angstrom, k-points 1 x 1 x 1" in small
    assert assumed == "All 2 terms of the error model are assumed, none is measured."
    assert "without the relativistic mass" in coupling
    collection.evidence.clear()
    assert protocol_limits(collection) == [assumed]


def test_every_source_key_of_the_library_has_a_citation() -> None:
    for key in get_args(Source):
        (found,) = citations(key)
        assert found.startswith(f"{key}: ")
        assert "20" in found  # a year
    assert len(citations("Mu2022; Park2020")) == 2
    assert citations("somewhere") == []


def test_the_command_of_a_row_makes_its_candidate_record(made: Path) -> None:
    collection = collect(made)
    one = next(e for e in collection.evidence if e.row.candidate == "topo")
    found = recomputing(one)
    folder = "results/synthetic/smoke/CsPbBr3-cubic/001-CsX/V-CsX/topo"
    assert found["command"] == (
        f"snakemake --config campaign=config/synthetic.yaml -- {folder}/candidate.record.json"
    )
    assert found["folder"] == folder


def test_the_map_calls_better_what_the_ranking_does() -> None:
    """Ends of the axes in the page's script against those of the score."""
    axes = re.findall(r'\["(\w+)", "[^"]*", "(lower|higher)"\]', (TEMPLATES / "map.js").read_text())
    shared = {name: better for name, better in axes if name in AXES}
    assert len(shared) > 7
    assert shared == {name: AXES[name].better for name in shared}


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
    settings = {"eigenstate_tolerance_eV2_per_electron": 1e-06, "smearing_eV": 1e-10}
    assert (
        settings_line(settings)
        == "eigenstate tolerance 1e-6 eV\u00b2/electron \u00b7 smearing 1e-10 eV"
    )


def test_not_a_number_has_no_word_in_json() -> None:
    assert rounded({"a": [float("nan"), 1.23456789]}) == {"a": [None, 1.23457]}
    assert pack({"a": 1}) == pack({"a": 1})


def test_records_by_way_of_json_are_the_same_numbers(made: Path) -> None:
    """The quick way and the plain one give equal data, not-a-number included."""
    for one in collect(made).evidence:
        if one.candidate is not None:
            assert plain(one.candidate) == rounded(one.candidate.model_dump())
    address = Address(campaign="synthetic", protocol="smoke")
    record = _bulk_record(address, {"x": float("nan"), "y": [float("inf"), 1.23456789, 3]})
    assert plain(record)["settings"] == {"x": None, "y": [None, 1.23457, 3]}


def _bulk_record(address: Address, settings: dict, **numbers: float) -> EosRecord:
    return EosRecord(
        status="ok",
        address=address,
        provenance=Provenance(revision=1, physics_hash="synthetic"),
        settings_hash="synthetic",
        settings=settings,
        composition={"Cs": 1, "Pb": 1, "Br": 3},
        kpts=(4, 4, 4),
        **numbers,
    )


def test_published_bulk_values_stand_beside_the_reference_records(tmp_path: Path) -> None:
    """Published: 5.98 +- 0.02 A and 1.77 +- 0.05 eV for cubic CsPbBr3 with PBE."""
    address = Address(campaign="synthetic", protocol="bulk-PBE", host="CsPbBr3-cubic")
    folder = tmp_path / "bulk-PBE" / "CsPbBr3-cubic"
    eos = _bulk_record(address, {}, a_without_dispersion_ang=6.1)
    write_record(eos, folder / "eos.record.json")
    shared = eos.model_dump(include={"status", "address", "provenance", "settings_hash", "settings", "composition", "kpts"})  # fmt: skip
    gap = GapRecord(**shared, a_ang=6.1, gap_eV=1.75, gap_soc_eV=0.3, gap_soc_mass_eV=0.7)
    write_record(gap, folder / "gap.record.json")
    found = {c.quantity: c for c in reference_comparisons(tmp_path)}
    assert not found["lattice constant of CsPbBr3-cubic, PBE (protocol bulk-PBE)"].passed
    assert found["band gap of CsPbBr3-cubic, PBE (protocol bulk-PBE)"].passed
    drops = [c for name, c in found.items() if "drop" in name]
    assert [round(c.computed, 6) for c in drops] == [1.05, 1.45]
    assert found["lattice constant of CsPbI3-cubic, PBE (protocol bulk-PBE)"].computed is None
    assert found["tau of CsPbI3"].passed  # 4.30: Bartel et al. 2019, 10.1126/sciadv.aav0693


def test_a_reference_record_that_does_not_parse_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "bulk-PBE" / "CsPbBr3-cubic"
    folder.mkdir(parents=True)
    (folder / "eos.record.json").write_text("{")
    found = {c.quantity: c for c in reference_comparisons(tmp_path)}
    broken = found["lattice constant of CsPbBr3-cubic, PBE (protocol bulk-PBE)"]
    assert broken.computed is None
    assert "not JSON" in broken.note


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
