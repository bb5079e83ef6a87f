"""Ranking rules: order, intervals, ties, self-test, and rows that cannot rank."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from peropass.analysis import ranking
from peropass.analysis.ranking import csv_text, rank, write_csv
from peropass.analysis.ranking_rows import lability_without_cs
from peropass.analysis.uncertainty import ErrorModel, ErrorTerm, load_error_model
from peropass.errors import InputError
from peropass.records import Channel, read_record, write_record

SHIPPED_ERRORS = Path(__file__).parents[3] / "config" / "error-model.yaml"
WEIGHTS = {"vs_native_eV": 1.0, "lability_eV": 1.0, "trap_verdict": 1.0, "distortion": 0.5}
ISSUE_COLUMNS = (
    "rank,rank_low,rank_high,candidate,class,host,termination,site,status,binding_energy_eV,vs_native_eV,"
    "dispersion_share_eV,trap_verdict,n_traps,gap_eV,t,mu,tau,n_atoms,core_seconds"
)


def errors(own=0.0, common=0.0, of_dispersion=0.0):
    return ErrorModel(
        protocol="synthetic",
        terms={
            "own": ErrorTerm(origin="assumed", because="test", sigma_eV=own),
            "common": ErrorTerm(origin="assumed", because="test", sigma_eV=common, common=1.0),
            "dispersion": ErrorTerm(
                origin="assumed", because="test", of_dispersion=of_dispersion, common=1.0
            ),
        },
    )


def ranked(candidates, model=None, weights=None, **kwargs):
    result = rank(candidates, weights or {"vs_native_eV": 1.0}, model or errors(), 7, 400, **kwargs)
    return result, {row.candidate: row for row in result.rows}


def test_lower_exchange_energy_ranks_first(make_candidate):
    made = [make_candidate(n, versus=v) for n, v in (("a", 0.2), ("b", -0.4), ("c", 0.0))]
    result, rows = ranked(made)
    assert [row.candidate for row in result.rows] == ["b", "c", "a"]
    assert [(r.rank, r.rank_low, r.rank_high) for r in result.rows] == [
        (1, 1, 1),
        (2, 2, 2),
        (3, 3, 3),
    ]
    assert rows["b"].tied_with == []


def test_order_of_the_records_does_not_matter(make_candidate):
    rng = np.random.default_rng(5)
    made = [make_candidate(f"c{i}", versus=float(rng.normal())) for i in range(12)]
    one, _ = ranked(made, errors(own=0.3))
    other, _ = ranked(made[::-1], errors(own=0.3))
    assert one.rows == other.rows


def test_adding_a_candidate_does_not_reorder_the_others(make_candidate):
    made = [
        make_candidate("a", versus=-0.3, lability=0.5, verdict="partly"),
        make_candidate("b", versus=-0.1, lability=0.9, verdict="unchanged"),
        make_candidate("c", versus=0.1, lability=0.4, verdict="healed"),
    ]
    before, _ = ranked(made, weights=WEIGHTS)
    after, _ = ranked(
        [*made, make_candidate("z", versus=9.0, lability=-5.0, verdict="worse")], weights=WEIGHTS
    )
    assert [r.candidate for r in before.rows] == [r.candidate for r in after.rows][:3]


def test_candidates_closer_than_their_errors_are_tied(make_candidate):
    made = [make_candidate("a", versus=-0.50), make_candidate("b", versus=-0.49)]
    made.append(make_candidate("far", versus=3.0))
    _, rows = ranked(made, errors(own=0.1))
    assert rows["a"].tied_with == ["b"]
    assert rows["b"].tied_with == ["a"]
    assert (rows["a"].rank_low, rows["a"].rank_high) == (1, 2)
    assert (rows["b"].rank_low, rows["b"].rank_high) == (1, 2)
    assert (rows["far"].rank_low, rows["far"].rank_high, rows["far"].tied_with) == (3, 3, [])


def test_common_errors_tie_nobody(make_candidate):
    made = [make_candidate("a", versus=-0.50), make_candidate("b", versus=-0.49)]
    _, rows = ranked(made, errors(common=1.0))
    assert (rows["a"].rank_high, rows["a"].tied_with) == (1, [])


def test_dispersion_error_ties_only_those_of_different_dispersion(make_candidate):
    made = [
        make_candidate("a", versus=-0.50, dispersion=-1.0),
        make_candidate("b", versus=-0.49, dispersion=-1.0),
        make_candidate("c", versus=-0.48, dispersion=0.0),
    ]
    _, rows = ranked(made, errors(of_dispersion=0.2))
    assert rows["a"].tied_with == ["c"]


def test_equal_candidates_share_rank_and_are_tied(make_candidate):
    _, rows = ranked([make_candidate("a"), make_candidate("b"), make_candidate("c", versus=1.0)])
    assert (rows["a"].rank, rows["b"].rank, rows["c"].rank) == (1, 1, 3)
    assert rows["a"].tied_with == ["b"]


def test_probability_of_swapping_matches_the_normal_distribution(make_candidate):
    # Two candidates one standard deviation of their difference apart swap in 16 % of the draws: the 95th
    # percentile of the better one's rank is 2; at three standard deviations (0.1 %) it is 1.
    for gap, worst in ((1.0, 2), (3.0, 1)):
        made = [
            make_candidate("a", versus=0.0),
            make_candidate("b", versus=gap * 0.1 * 2**0.5),
        ]
        _, rows = ranked(made, errors(own=0.1))
        assert rows["a"].rank_high == worst


def test_same_seed_same_ranking(make_candidate):
    made = [make_candidate(f"c{i}", versus=i * 0.05) for i in range(6)]
    assert ranked(made, errors(own=0.1))[0] == ranked(made, errors(own=0.1))[0]


def test_what_cannot_rank_is_a_row_with_its_reason(make_candidate):
    made = [
        make_candidate("good"),
        make_candidate("lost", status="anomalous", reason="desorbed"),
        make_candidate("bad", status="failed", reason="no SCF"),
        make_candidate("slow", status="unconverged", reason="150 steps"),
        make_candidate("toy", toy=True),
        make_candidate("lacks", binding=None),
    ]
    result, rows = ranked(made, expected=["good", "gone"])
    assert [r.candidate for r in result.rows if r.rank is not None] == ["good"]
    assert rows["lost"].reason == "desorbed"
    assert rows["gone"].status == "missing"
    assert "toy" in rows["toy"].reason
    assert "no record of the native" in rows["lacks"].reason
    assert result.toy
    assert result.counts["missing"] == 1
    assert result.counts["ranked"] == 1
    assert result.expected == 7


def test_self_test_is_checked_and_does_not_rank(make_candidate):
    made = [
        make_candidate("csbr", role="self-test", self_test=0.004, versus=-9.0),
        make_candidate("a"),
    ]
    result, rows = ranked(made)
    assert rows["csbr"].rank is None
    assert rows["csbr"].role == "self-test"
    assert rows["a"].rank == 1
    assert result.self_tests[0].passed
    failing, _ = ranked([make_candidate("csbr", role="self-test", self_test=-0.02)])
    assert not failing.self_tests[0].passed
    absent, _ = ranked([make_candidate("csbr", role="self-test")])
    assert not absent.self_tests[0].passed


def test_native_ranks_as_the_zero_line(make_candidate):
    made = [
        make_candidate("native", role="native", versus=None),
        make_candidate("better", versus=-0.2),
        make_candidate("worse", versus=0.2),
    ]
    result, rows = ranked(made)
    assert [r.candidate for r in result.rows] == ["better", "native", "worse"]
    assert rows["native"].vs_native_eV is None


def test_without_native_binding_energies_stand_in_and_it_is_said(make_candidate):
    made = [
        make_candidate("weak", binding=-0.5, versus=None),
        make_candidate("strong", binding=-1.5, versus=None),
    ]
    result, rows = ranked(made)
    assert rows["strong"].rank == 1
    assert rows["strong"].vs_native_eV is None
    assert any("no native reference" in note for note in result.notes)


def test_candidate_without_the_energy_axis_does_not_rank(make_candidate):
    made = [make_candidate("a"), make_candidate("b"), make_candidate("lacks", versus=None)]
    _, rows = ranked(made)
    assert rows["lacks"].rank is None
    assert "vs_native_eV" in rows["lacks"].reason


def test_axis_that_nobody_has_is_left_out_and_said(make_candidate):
    result, rows = ranked([make_candidate("a"), make_candidate("b", versus=1.0)], weights=WEIGHTS)
    assert set(rows["a"].scaled) == {"vs_native_eV"}
    assert any("lability_eV" in note and "left out" in note for note in result.notes)


def test_missing_axis_widens_the_interval(make_candidate):
    made = [
        make_candidate("low", lability=0.0),
        make_candidate("high", lability=2.0),
        make_candidate("unknown", lability=None),
        make_candidate("middle", lability=1.05),
    ]
    _, rows = ranked(made, weights=WEIGHTS)
    assert (rows["unknown"].rank_low, rows["unknown"].rank_high) == (2, 3)
    assert any("lability_eV" in flag for flag in rows["unknown"].flags)
    assert rows["high"].rank_high == 1


def test_undecided_traps_count_as_unknown(make_candidate):
    made = [make_candidate(n, verdict=n) for n in ("healed", "worse", "undecided")]
    _, rows = ranked(made, weights=WEIGHTS)
    assert [rows[n].rank for n in ("healed", "undecided", "worse")] == [1, 2, 3]
    assert rows["undecided"].flags


def test_score_is_the_weighted_mean_of_the_scaled_axes(make_candidate):
    made = [
        make_candidate("a", versus=-0.2, lability=0.6, verdict="partly", shift=0.3),
        make_candidate("b", versus=0.4, lability=1.2, verdict="healed", shift=0.1),
    ]
    result, rows = ranked(made, weights=WEIGHTS)
    for row in rows.values():
        total = sum(WEIGHTS[k] * v for k, v in row.scaled.items()) / sum(WEIGHTS.values())
        assert row.score == pytest.approx(total)
    # Ends of the window: 1 eV better than the native, nothing to heal, no shift score one each.
    perfect = make_candidate("p", versus=-1.0, lability=2.0, verdict="no-trap-to-heal", shift=0.0)
    assert ranked([perfect], weights=WEIGHTS)[1]["p"].score == pytest.approx(1.0)
    assert result.scales["vs_native_eV"] == (-1.0, 1.0)
    assert result.axes["lability_eV"] == "higher"


def test_rank_that_hangs_on_caesium_dispersion_is_flagged(make_candidate):
    made = [
        make_candidate("cs", versus=-0.5, dispersion_cs=-0.9),
        make_candidate("plain", versus=-0.3, dispersion_cs=0.0),
    ]
    _, rows = ranked(made)
    assert any("Cs pairs" in flag for flag in rows["cs"].flags)


def with_exchange(candidate):
    """Exchange = binding + (socket + AX - pristine slab): one number for all rows of a socket, in every part."""
    binding = candidate.reaction("binding")
    shifted = {
        "name": "exchange",
        "value_eV": binding.value_eV + 0.304,
        "dispersion_eV": binding.dispersion_eV + 0.125,
        "dispersion_cs_eV": binding.dispersion_cs_eV - 0.25,
    }
    reactions = [*candidate.reactions, binding.model_copy(update=shifted)]
    return candidate.model_copy(update={"reactions": reactions})


def test_the_exchange_axis_ranks_as_the_binding_axis_does(make_candidate):
    """Rank, interval, ties and the flag for caesium are the same, because the two axes differ by a constant."""
    rng = np.random.default_rng(11)
    made = [
        with_exchange(
            make_candidate(
                f"c{i:02d}",
                binding=float(-rng.uniform(0.5, 2.5)),
                dispersion=float(-rng.uniform(0.2, 1.0)),
                dispersion_cs=float(-rng.choice([0.0, 0.5])),
            )
        )
        for i in range(14)
    ]
    model = errors(own=0.05, common=0.1, of_dispersion=0.2)
    share = ErrorTerm(origin="assumed", because="test", of_dispersion=0.2, common=0.7)
    reservoir = ErrorTerm(
        origin="assumed", because="test", sigma_eV=0.05, common=1.0, enters="exchange"
    )
    terms = model.terms | {"dispersion": share, "reservoir": reservoir}
    model = ErrorModel(protocol="synthetic", terms=terms)

    def told(axis):
        rows = ranked(made, model, {axis: 1.0})[1]
        return {
            name: (r.rank, r.rank_low, r.rank_high, r.tied_with, r.flags)
            for name, r in rows.items()
        }

    assert told("exchange_eV") == told("binding_energy_eV")
    assert any(flags for *_, flags in told("exchange_eV").values())


def test_lability_without_caesium_counts_what_leaves_and_what_bulk_takes_part(make_candidate):
    """A ligand that leaves alone loses what held it; one that takes CsBr along loses what its own reaction holds."""
    complex_ = Channel(
        name="with-CsBr",
        equation="synthetic",
        electronic_eV=0.9,
        free_energy_eV=0.9,
        temperature_K=298.15,
        concentration_M=1e-3,
        solvent="none",
        dispersion_cs_eV=0.05,
    )
    alone = make_candidate("a", lability=0.8, dispersion_cs=-0.3)
    assert lability_without_cs(alone) == pytest.approx(0.5)
    both = make_candidate("b", lability=1.4, dispersion_cs=-0.3, extra=[complex_])
    assert lability_without_cs(both) == pytest.approx(0.85)
    assert lability_without_cs(make_candidate("c")) is None


def test_a_lability_that_is_not_known_hangs_on_no_caesium(make_candidate):
    made = [
        make_candidate("cs", versus=0.0, lability=None, dispersion_cs=-0.9),
        make_candidate("low", versus=0.0, lability=0.9),
        make_candidate("high", versus=0.0, lability=1.2),
    ]
    _, rows = ranked(made, weights={"lability_eV": 1.0})
    assert not any("Cs pairs" in flag for flag in rows["cs"].flags)


def test_weights_change_who_is_first_and_the_range_shows_it(make_candidate):
    made = [
        make_candidate("binds", versus=-0.5, lability=0.5),
        make_candidate("stays", versus=-0.1, lability=1.2),
    ]
    _, rows = ranked(made, weights={"vs_native_eV": 1.0, "lability_eV": 1.0})
    assert {rows["binds"].weights_rank_high, rows["stays"].weights_rank_high} == {2}
    first = ranked(made, weights={"vs_native_eV": 1.0, "lability_eV": 0.0})[1]
    assert first["binds"].rank == 1
    assert first["stays"].pareto_front == 1  # weight 0 still counts in the fronts


def test_sockets_rank_separately(make_candidate):
    made = [
        make_candidate("a", versus=-1.0),
        make_candidate("a", versus=5.0, site="V-X"),
        make_candidate("b", versus=0.0),
    ]
    result, _ = ranked(made, expected=["CsPbBr3-cubic/001-CsX/V-X/b"])
    found = {(r.site, r.candidate): r.rank for r in result.rows}
    assert found == {
        ("V-CsX", "a"): 1,
        ("V-CsX", "b"): 2,
        ("V-X", "a"): 1,
        ("V-X", "b"): None,
    }


@pytest.mark.parametrize(
    ("weights", "named"),
    [({"beauty": 1.0}, "beauty"), ({"vs_native_eV": -1.0}, "-1"), ({"vs_native_eV": 0.0}, "> 0")],
)
def test_bad_weights_are_refused(make_candidate, weights, named):
    with pytest.raises(InputError, match=named):
        ranked([make_candidate("a")], weights=weights)


def test_two_records_of_one_candidate_are_refused(make_candidate):
    with pytest.raises(InputError, match="two of"):
        ranked([make_candidate("a"), make_candidate("a")])


def test_empty_campaign_gives_an_empty_ranking():
    result, rows = ranked([], expected=["a"])
    assert rows["a"].status == "missing"
    assert result.counts["ranked"] == 0


def test_csv_has_the_fixed_leading_columns_and_every_row(make_candidate, tmp_path):
    made = [
        make_candidate("a", dispersion=-0.3),
        make_candidate("b", status="failed", reason="x, y"),
    ]
    result, _ = ranked(made, expected=["gone"])
    text = csv_text(result)
    assert text.splitlines()[0].startswith(ISSUE_COLUMNS + ",")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["candidate"] for r in rows] == ["a", "b", "gone"]
    assert rows[0]["dispersion_share_eV"] == "-0.3"
    assert rows[1]["rank"] == ""
    assert rows[1]["reason"] == "x, y"
    assert write_csv(result, tmp_path / "ranking.csv").read_text() == text
    path = write_record(result, tmp_path / "ranking.json")
    assert read_record(path) == result


def test_shipped_error_model_ranks(make_candidate):
    made = [make_candidate("a", versus=-0.05), make_candidate("b", versus=0.0, role="native")]
    _, rows = ranked(made, load_error_model(SHIPPED_ERRORS, "smoke"))
    assert rows["a"].binding_error_eV > 0.05
    assert rows["a"].tied_with == ["b"]
    assert ranking.REVISION == 1


def test_ladders_are_compared_with_the_first_native_of_the_same_socket(make_candidate):
    rows = [
        make_candidate("native", lability=0.5, role="native"),
        make_candidate("holds", lability=0.9, binding=-1.4),
        make_candidate("elsewhere", lability=0.9, site="V-X"),
        make_candidate("unknown"),
    ]
    notes = {name: row.lability_note for name, row in ranked(rows)[1].items()}
    assert "held longer by 0.40 eV" in notes["holds"]
    assert "harder by 0.40 eV" in notes["holds"]
    assert notes["native"] == notes["elsewhere"] == notes["unknown"] == ""
