"""`peropass compare`: what moved, beyond its error or within it, and why."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report"))

from synthetic import make_campaign

from peropass.cli import main as cli
from peropass.compare import RunComparison, compare
from peropass.report.collect import collect

TOPO = "smoke/CsPbBr3-cubic/001-CsX/V-CsX/topo"


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Path:
    return make_campaign(tmp_path_factory.mktemp("a") / "first", n=9, structures=False)


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first, tmp_path / "second"))


def edit(path: Path, change) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def edit_row(folder: Path, **changes) -> None:
    edit(
        folder / "ranking.json",
        lambda d: next(r for r in d["rows"] if r["candidate"] == "topo").update(changes),
    )


def found(first: Path, second: Path) -> RunComparison:
    return compare(collect(first), collect(second))


def causes(first: Path, second: Path) -> str:
    (move,) = found(first, second).beyond
    assert move.key[3] == "topo"
    return "; ".join(move.causes)


def test_a_run_does_not_differ_from_itself(first: Path) -> None:
    result = found(first, first)
    assert result.beyond == result.within == []
    assert result.common == ()
    assert cli(["compare", str(first), str(first), "--no-html"]) == 0


def test_a_change_within_the_error_is_told_and_passes(first: Path, second: Path) -> None:
    edit_row(second, lability_eV=collect(first).ranking.rows[0].lability_eV)
    row = next(r for r in collect(first).ranking.rows if r.candidate == "topo")
    edit_row(second, lability_eV=row.lability_eV + 0.5 * row.lability_error_eV)
    result = found(first, second)
    assert result.beyond == []
    assert [m.key[3] for m in result.within] == ["topo"]
    assert cli(["compare", str(first), str(second), "--no-html"]) == 0


def test_settings_are_named_as_the_cause(first: Path, second: Path) -> None:
    def change(data):
        data["settings"]["ecut_eV"] = 350
        data["settings_hash"] = "other"

    for path in second.glob("**/relax.record.json"):
        edit(path, change)
    for kind in ("eos", "levels"):
        for path in second.glob(f"**/{kind}.record.json"):
            edit(path, change)
    edit_row(second, lability_eV=5.0)
    assert "settings: ecut_eV 300 -> 350" in causes(first, second)


def test_a_setting_of_the_levels_alone_is_named_as_the_cause(first: Path, second: Path) -> None:
    def change(data):
        data["settings"]["levels"] = {"spin_orbit": "mass"}

    for path in second.glob("**/levels.record.json"):
        edit(path, change)
    edit_row(second, trap_verdict="worse" if verdict(first) != "worse" else "healed")
    assert causes(first, second) == "settings: levels.spin_orbit absent -> mass"


def verdict(folder: Path) -> str | None:
    return next(r for r in collect(folder).ranking.rows if r.candidate == "topo").trap_verdict


def test_the_solvent_of_the_desorption_is_named_as_the_cause(first: Path, second: Path) -> None:
    def dissolve(data):
        for channel in data["channels"]:
            channel["solvent"] = "ethylacetate"
            if channel["free_energy_eV"] is not None:
                channel["free_energy_eV"] -= 1.0
                channel["terms"]["translation"] -= 1.0

    edit(second / TOPO / "candidate.record.json", dissolve)
    row = next(r for r in collect(first).ranking.rows if r.candidate == "topo")
    edit_row(second, lability_eV=row.lability_eV - 1.0)
    told = causes(first, second)
    assert told.startswith("settings: lability.solvent toluene -> ethylacetate")
    assert "translation of the channel" in told
    assert told.endswith(": -1.0000 eV")


def test_a_move_that_no_record_explains_is_told_as_such(first: Path, second: Path) -> None:
    row = next(r for r in collect(first).ranking.rows if r.candidate == "topo")
    edit_row(second, lability_eV=row.lability_eV + 1.0)
    assert causes(first, second) == "not found in the records"


def test_another_geometry_is_named_as_the_cause(first: Path, second: Path) -> None:
    edit(second / TOPO / "p00/relax.record.json", lambda d: d["final"].update(hash="another"))
    edit_row(second, lability_eV=5.0)
    assert "structure: relaxed to another geometry" in causes(first, second)


def test_a_code_revision_is_named_as_the_cause(first: Path, second: Path) -> None:
    edit(second / TOPO / "p00/relax.record.json", lambda d: d["provenance"].update(revision=2))
    edit_row(second, lability_eV=5.0)
    assert "code revision of the relaxation: 1 -> 2" in causes(first, second)


def test_a_missing_reference_is_named_as_the_cause(first: Path, second: Path) -> None:
    def change(data):
        data["reactions"][1].update(value_eV=None, reason="no record of MABr(g)", status="missing")

    edit(second / TOPO / "candidate.record.json", change)
    edit_row(second, vs_native_eV=None)
    assert "missing reference in the second run: vs-native: no record of MABr(g)" in causes(
        first, second
    )


def test_a_term_that_many_reactions_share_is_told_once(first: Path, second: Path) -> None:
    def change(data):
        for reaction in data["reactions"][:2]:
            for term in reaction["terms"]:
                term["energy_eV"] += 0.25 if term["species"] == "slab(V-CsX)" else 1e-5

    edit(second / TOPO / "candidate.record.json", change)
    edit_row(second, lability_eV=5.0)
    told = "energy of slab(V-CsX): +0.2500 eV (in binding, vs-native)"
    assert causes(first, second) == told


def test_weights_are_named_as_the_cause_and_move_ranks(
    first: Path, second: Path, capsys: pytest.CaptureFixture
) -> None:
    edit(second / "ranking.json", lambda d: d["weights"].update(distortion=2.0))
    edit_row(second, rank=99, rank_low=99, rank_high=99)
    assert causes(first, second) == "weights: distortion 0.5 -> 2.0"
    assert cli(["compare", str(first), str(second)]) == 1
    printed = capsys.readouterr().out
    assert "moved beyond its error: 1" in printed
    assert "cause: weights: distortion 0.5 -> 2.0" in printed
    assert f"drawn in {second / 'compare.html'}" in printed
    page = (second / "compare.html").read_text()
    assert "weights: distortion 0.5 -&gt; 2.0" in page
    assert 'class="slope moved"' in page
    assert "<script>" not in page  # a hostile label of the synthetic campaign is text


def test_a_row_that_only_one_run_has_counts(first: Path, second: Path) -> None:
    shutil.rmtree(second / TOPO)
    edit(
        second / "ranking.json",
        lambda d: d.update(rows=[r for r in d["rows"] if r["candidate"] != "topo"]),
    )
    (move,) = found(first, second).beyond
    assert move.beyond == ("only in the first run",)


@pytest.mark.parametrize("spoil", ["absent", "toy", "broken"])
def test_bad_input_exits_with_two(first: Path, second: Path, spoil: str, capsys) -> None:
    ranking = second / "ranking.json"
    if spoil == "absent":
        ranking.unlink()
    elif spoil == "toy":
        edit(ranking, lambda d: d.update(toy=True))
    else:
        ranking.write_text("{")
    assert cli(["compare", str(first), str(second), "--no-html"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_two_committed_runs_differ_in_their_solvent_alone() -> None:
    """The quickstart in toluene and in ethyl acetate: one setting, named for every row that moved."""
    reference = Path(__file__).resolve().parents[2] / "results" / "reference"
    result = found(reference / "quickstart", reference / "quickstart-ethylacetate")
    assert result.common == ()
    assert result.left_out == ()
    moved = [*result.beyond, *result.within]
    assert len(moved) == 8
    for move in moved:
        assert move.causes[0] == "settings: lability.solvent toluene -> ethylacetate"
        assert [c for c in move.causes[1:] if not c.startswith("solvation of the channel")] == []
