"""Density slices on the card of a candidate, from the committed records of the quickstart."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from peropass.records import CandidateRecord, LevelsRecord, RankingRecord, SiteRecord, read_record
from peropass.report.collect import Evidence
from peropass.report.level_diagram import spin_polarised
from peropass.report.payload import card, pack
from peropass.report.sites import SiteEvidence, site_view
from peropass.report.slices import read_slices, shown_states, state_words

REFERENCE = Path(__file__).resolve().parents[3] / "results/reference"
FACE = REFERENCE / "quickstart/smoke/CsPbBr3-cubic/001-CsX"
CONTROLS = REFERENCE / "controls/smoke-hse/CsPbBr3-cubic/001-CsX"
MOST_CHARACTERS = 40_000  # that a card may grow by, packed


def levels_of(folder: Path) -> LevelsRecord:
    return read_record(folder / "levels.record.json", LevelsRecord)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """Methylammonium bromide, whose highest filled state lies inside the gap of the pristine slab."""
    rows = read_record(REFERENCE / "quickstart/ranking.json", RankingRecord).rows
    row = next(row for row in rows if row.candidate == "ma-br")
    pose = FACE / "V-CsX/ma-br/k0"
    return Evidence(
        row,
        read_record(pose.parent / "candidate.record.json", CandidateRecord),
        levels=levels_of(pose),
        pristine_levels=levels_of(FACE / "pristine/none/none"),
        socket_levels=levels_of(FACE / "V-CsX/none/none"),
        slices=pose / "levels.slices.npz",
    )


@pytest.fixture(scope="module")
def shown(evidence) -> dict:
    return card(evidence)


def with_slices(one: Evidence, path: Path) -> dict:
    return card(Evidence(**{**vars(one), "slices": path}))


def test_the_two_states_next_to_the_gap_are_named_as_the_list_of_states_names_them(evidence, shown):
    state = evidence.candidate.traps.states_after_scalar[0]
    filled, empty = (picture["caption"] for picture in shown["slices"])
    assert filled.startswith(f"Highest filled state, {state.energy_above_vbm_eV:.2f} eV above")
    assert state.label in filled
    assert state.character in filled
    # what an empty state of a lead halide is made of: Umari et al., doi:10.1038/srep04467
    assert empty.startswith("Lowest empty state")
    assert "not inside the gap of the pristine slab; Pb 6p" in empty


def test_the_distance_of_the_two_states_is_the_gap_of_the_record(evidence, shown):
    """The slices are at the only k-point, so that they span the gap without spin-orbit coupling."""
    assert evidence.levels.kpts == (1, 1, 1) or set(evidence.levels.scalar.kpoint) == {0}
    filled, empty = (
        float(re.search(r"([\d.]+) eV above", picture["caption"])[1]) for picture in shown["slices"]
    )
    assert empty - filled == pytest.approx(evidence.candidate.traps.gap_scalar_eV, abs=0.011)


def test_a_picture_has_units_on_its_axes_and_says_in_words_what_it_shows(shown):
    for picture in shown["slices"]:
        for words in ("along the surface (\u212b)", "height (\u212b)", "pseudo density", "Pb"):
            assert words in picture["svg"]
        assert picture["caption"] in picture["alt"]
        assert "Brightest" in picture["alt"]


def test_a_picture_is_whole_xml_without_a_script(shown):
    for picture in shown["slices"]:
        tags = {
            node.tag.rpartition("}")[2] for node in ElementTree.fromstring(picture["svg"]).iter()
        }
        assert "image" in tags
        assert not tags & {"script", "foreignObject", "a"}


def test_a_card_stays_small(shown):
    without = {**shown, "slices": []}
    assert 0 < len(pack(shown)) - len(pack(without)) < MOST_CHARACTERS


def test_the_same_records_give_the_same_card(evidence, shown):
    assert pack(card(evidence)) == pack(shown)


def test_without_a_whole_file_nothing_is_drawn(evidence, tmp_path):
    torn = tmp_path / "torn.npz"
    torn.write_bytes(b"torn")
    with np.load(evidence.slices) as stored:
        fewer = {**stored, "energies_eV": stored["energies_eV"][:2]}
    np.savez(tmp_path / "fewer.npz", **fewer)
    for name in ("absent.npz", "torn.npz", "fewer.npz"):
        assert with_slices(evidence, tmp_path / name)["slices"] == []


def test_collecting_finds_the_file_beside_the_levels(campaign, evidence):
    from peropass.report.collect import collect

    found = next(one for one in collect(campaign).evidence if one.levels is not None)
    shutil.copy(evidence.slices, found.slices)
    assert found.slices.name == "levels.slices.npz"
    assert read_slices(found.slices) is not None


def test_spins_are_named_where_the_calculation_has_two():
    """Neutral V-X has an odd number of electrons; V-CsX has an even one and is computed without spin."""
    odd, even = (CONTROLS / site / "none/none" for site in ("V-X", "V-CsX"))
    assert spin_polarised(levels_of(odd))
    assert not spin_polarised(levels_of(even))
    words = [
        [state_words(slices, n) for n in shown_states(slices)]
        for slices in (read_slices(folder / "levels.slices.npz") for folder in (odd, even))
    ]
    assert words[0] == [
        f"{place} state, spin {spin}"
        for spin in ("up", "down")
        for place in ("highest filled", "lowest empty")
    ]
    assert words[1] == ["highest filled state", "lowest empty state"]


def test_the_card_knows_which_slabs_have_two_spins(evidence, shown):
    assert shown["polarised"] == {"before": False, "after": False}
    odd = levels_of(CONTROLS / "V-X/none/none")
    assert card(Evidence(**{**vars(evidence), "socket_levels": odd}))["polarised"]["before"]


def test_a_site_lists_its_states_without_coupling_by_spin_where_it_has_two():
    def view(site: str):
        folder = CONTROLS / site / "none/none"
        record = read_record(folder / "site.record.json", SiteRecord)
        return site_view(SiteEvidence("", record, levels_of(folder)), figures=False)

    odd, even = view("V-X"), view("V-CsX")
    assert {state["spin"] for state in odd.scalar_states} == {"up", "down"}
    assert {state["spin"] for state in odd.states} == {""}  # coupling leaves no spin to name
    assert even.scalar_states == []
