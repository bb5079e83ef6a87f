"""Plans: sums, intervals and wall times against limits that hold for every campaign."""

import json
from pathlib import Path

import pytest
import yaml
from campaign_folder import CAMPAIGN, ROOT, Wildcards, copied, workplace

from peropass import plan as planning
from peropass.cli import main
from peropass.plan import PlannedJob, Tally, planned_jobs, summarise, wall_time_s
from peropass.resources import Estimate
from peropass.workflow import Plan


def job(name, seconds, *needs):
    return PlannedJob("relax_loaded", name, Estimate(seconds, 0.3, 400, 1), needs)


CHAIN = [job("a", 10), job("b", 20, "a"), job("c", 5, "a"), job("d", 1, "b", "c")]


def test_one_core_takes_the_sum_and_many_the_longest_chain():
    assert wall_time_s(CHAIN, 1) == pytest.approx(36)
    assert wall_time_s(CHAIN, 100) == pytest.approx(31)
    assert wall_time_s([], 4) == 0


def test_more_cores_never_take_longer():
    jobs = [job(str(n), 1 + n % 7, *([str(n - 9)] if n > 9 else [])) for n in range(60)]
    times = [wall_time_s(jobs, cores) for cores in (1, 2, 4, 8, 64)]
    assert times == sorted(times, reverse=True)
    assert times[0] == pytest.approx(sum(j.cost.core_s for j in jobs))


def test_needs_outside_the_list_are_done_already():
    assert wall_time_s([job("b", 20, "a")], 1) == pytest.approx(20)


def test_the_interval_holds_the_sum_and_narrows_relatively_with_the_number_of_jobs():
    few, many = Tally(), Tally()
    for tally, number in ((few, 1), (many, 400)):
        for _ in range(number):
            tally.add(Estimate(3600, 0.8, 100, 1))
    for tally in (few, many):
        low, high = tally.interval_h()
        assert low < tally.core_s / 3600 < high
    assert many.interval_h()[1] / 400 < few.interval_h()[1]
    assert Tally().interval_h() == (0, 0)


def test_planned_jobs_are_the_records_of_the_workflow(in_toy_place):
    plan = Plan("small.yaml")
    jobs = planned_jobs(plan)
    outputs = [j.output for j in jobs]
    assert len(set(outputs)) == len(outputs)
    builds = {output for output in outputs if output.endswith("build.extxyz")}
    assert set(outputs) - builds == {file for file, _ in plan.all_records()}
    known = set(outputs)
    assert all(need in known for j in jobs for need in j.needs)


def test_hops_are_planned_with_the_rest(in_toy_place, tmp_path):
    """One choice, two ends and one band for the clean surface and for each row that is named."""
    text = Path("small.yaml").read_text()
    native = next(c.key for c in Plan("small.yaml").campaign.candidates if c.role == "native")
    hops = tmp_path / "hops.yaml"  # the place itself is shared
    hops.write_text(f"{text}\nmigration: {{rows: [{native}]}}\n")
    plan = Plan(str(hops))
    jobs = planned_jobs(plan)
    number = {rule: sum(job.rule == rule for job in jobs) for rule in ("hop", "hopend", "band")}
    assert number == {"hop": 2, "hopend": 4, "band": 2}
    outputs = {j.output for j in jobs if not j.output.endswith("build.extxyz")}
    assert outputs == {file for file, _ in plan.all_records()}
    known = {j.output for j in jobs}
    assert all(need in known for j in jobs for need in j.needs)


def test_metals_and_halogen_are_planned_where_they_are_named(in_toy_place, tmp_path):
    """One equation of state per metal, one molecule, and every site record waits for them; without the names nothing changes."""
    text = Path("small.yaml").read_text()
    before = {j.output for j in planned_jobs(Plan("small.yaml"))}
    host = Plan("small.yaml").campaign.hosts[0]
    named = tmp_path / "elements.yaml"
    named.write_text(f"{text}\nphases: {{{host}: [A, B, X2]}}\n")
    plan = Plan(str(named))
    jobs = planned_jobs(plan)
    new = {j.output: j for j in jobs if j.output not in before}
    halogen = f"{plan.ions(host)['X']}2"
    assert sorted(j.rule for j in new.values()) == ["bulk_metal", "bulk_metal", "halogen"]
    assert {Path(output).parent.name for output in new} == {"Cs", "Pb", halogen}
    assert {j.output for j in jobs if not j.output.endswith("build.extxyz")} == {
        file for file, _ in plan.all_records()
    }
    for job in jobs:
        if job.rule == "site" and f"/{host}/" in job.output:
            assert set(new) <= set(job.needs)


def test_the_first_native_of_the_campaign_is_the_baseline(in_toy_place, tmp_path):
    """Also where its name comes last in the alphabet: what the jobs are given keeps the order of the file."""
    data = yaml.safe_load(Path("small.yaml").read_text())
    natives = [
        {"ligand": "ma-br", "role": "native", "name": "z-first"},
        {"ligand": "ola-br", "tail_carbons": 2, "role": "native", "name": "a-second"},
    ]
    file = tmp_path / "two.yaml"
    file.write_text(yaml.safe_dump(data | {"candidates": [*natives, {"ligand": "kx"}]}))
    plan = Plan(str(file))
    given = json.loads(plan.candidate_meta(Wildcards(host="CsPbBr3-cubic", candidate="kx")))
    assert [key for key, _ in given["natives"]] == ["z-first", "a-second"]
    assert plan.campaign.native.key == "z-first"


def test_a_row_has_as_many_relaxations_as_it_asks_for(in_toy_place, tmp_path):
    data = yaml.safe_load(Path("small.yaml").read_text())
    rows = [
        {"ligand": "ma-br", "role": "native"},
        {"ligand": "kx", "pockets": 2},
        {"ligand": "dbsa", "relax": 2},
    ]
    file = tmp_path / "pockets.yaml"
    file.write_text(yaml.safe_dump(data | {"campaign": "pockets", "candidates": rows}))
    relaxed = [
        Path(j.output).parent for j in planned_jobs(_unstored(file)) if j.rule == "relax_loaded"
    ]
    found = {
        row: sorted(p.name for p in relaxed if p.parent.name == row)
        for row in ("ma-br", "kx", "dbsa")
    }
    assert found == {"ma-br": ["k0"], "kx": ["k0", "k1", "k2"], "dbsa": ["k0", "k1"]}


def test_a_finished_campaign_has_nothing_left_but_its_report(in_toy_place):
    summary = summarise(Plan("small.yaml"), [1])
    assert summary.total.number - summary.done.number == 1  # the fixture writes no report
    assert summary.total.number == sum(tally.number for tally in summary.rules.values())


def test_the_quickstart_is_planned_in_words(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(workplace(tmp_path))  # where no record is there
    assert main(["plan", "config/quickstart.yaml", "--cores", "2"]) == 0
    said = capsys.readouterr().out
    for word in (
        "core-hours",
        "90 % interval",
        "memory / MB",
        "disk / MB",
        "wall time",
        "dearest",
        "cost model",
    ):
        assert word in said
    assert said.count("relax_loaded") > 1


def test_production_settings_cost_more_than_the_smallest(capsys, tmp_path):
    import yaml

    hours = []
    for protocol in ("smoke", "production"):
        data = {**CAMPAIGN, "campaign": f"plan-{protocol}", "protocol": protocol}
        file = tmp_path / f"{protocol}.yaml"
        file.write_text(yaml.safe_dump(data))
        jobs = planned_jobs(_unstored(file))
        hours.append(sum(j.cost.core_s for j in jobs))
    assert hours[1] > 3 * hours[0]


def _unstored(file):
    """A plan whose checked rows are not kept: nothing is written into the working folder."""
    from unittest import mock

    with mock.patch("peropass.check.write_text"):
        return Plan(str(file))


def test_spent_hours_are_held_against_estimates(in_toy_place):
    said = planning.comparison(Plan("small.yaml"))
    assert "total" in said
    assert "relax_loaded" in said


def test_a_campaign_that_was_moved_is_compared_where_it_lies(in_toy_place, tmp_path, capsys):
    moved = copied(Path("results/small"), tmp_path / "reference")
    here = planning.comparison(Plan("small.yaml"))
    assert planning.comparison(Plan("small.yaml"), moved) == here
    assert planning.comparison(Plan("small.yaml"), moved / "logs") != here
    assert main(["plan", "small.yaml", "--records", str(moved)]) == 2
    assert "with --compare" in capsys.readouterr().err


def test_no_cores_are_refused(capsys):
    assert main(["plan", "config/quickstart.yaml", "--cores", "0"]) == 2
    assert "1 or more" in capsys.readouterr().err


def test_a_campaign_of_controls_computes_the_named_slabs_alone(in_toy_place, tmp_path):
    """Two slabs and a loaded one; no gas-phase reference, no fragment, no row of a ranking."""
    place = {"host": "CsPbBr3-cubic", "termination": "001-CsX"}
    controls = [
        {"name": "bare", "site": "V-CsX", **place},
        {"name": "loaded", "site": "pristine", "candidate": "kx", **place},
    ]
    data = {**CAMPAIGN, "campaign": "checked-sites", "controls": controls}
    data |= {"candidates": [{"ligand": "kx"}], "phases": {place["host"]: ["BX2"]}}
    config = tmp_path / "controls.yaml"  # the place itself is shared
    config.write_text(yaml.safe_dump(data))
    plan = Plan(str(config))
    outputs = [j.output for j in planned_jobs(plan)]
    builds = {output for output in outputs if output.endswith("build.extxyz")}
    records = {file for file, _ in plan.all_records()}
    assert set(outputs) - builds == records
    assert plan.candidate_records() == []
    names = [file.split("/toy/CsPbBr3-cubic/")[1] for file in records if "/toy/" in file]
    assert "phases/PbBr2/relax.record.json" in names
    assert "001-CsX/pristine/kx/k0/site.record.json" in names
    assert not any("fragment" in name or "molecules" in name for name in names)


def test_a_group_of_short_jobs_fits_into_a_short_partition(in_toy_place):
    """Walltimes of a group add up: fifty assemblies or twenty vibrations stay below two hours."""
    profile = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
    number = yaml.safe_load(profile[profile.index("group-components:") :])["group-components"]
    plan, place = Plan("small.yaml"), {"host": "CsPbBr3-cubic", "candidate": "kx"}
    for stage, group in (("candidate", "assembly"), ("thermo", "thermo")):
        assert number[group] * plan.runtime(stage)(Wildcards(**place), attempt=1) <= 120
