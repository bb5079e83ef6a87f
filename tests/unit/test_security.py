"""Campaign files are data: hostile names and tags stop in one line, nothing is executed, nothing leaves results/."""

import ast
import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from campaign_folder import CAMPAIGN, workplace

from peropass.cli import main
from peropass.config import load_campaign
from peropass.errors import InputError
from peropass.ids import NAME
from peropass.validation import load_yaml
from peropass.workflow import Plan

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*sorted((ROOT / "peropass").rglob("*.py")), *sorted((ROOT / "scripts").glob("*.py"))]
HOSTILE = [
    "../outside",
    "/etc/passwd",
    "a/b",
    "x; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "x && touch pwned",
    "x | tee pwned",
    "-rf",
    "x\ny",
    "x y",
    "'quoted'",
    '"quoted"',
    "{wildcard}",
    "{config[campaign]}",
    "x\x00y",
    "n\u00e4me",
    "con..",
    "~",
    "",
    "a" * 65,
]
PLACES = (
    "campaign",
    "protocol",
    "hosts",
    "terminations",
    "sites",
    "name",
    "ligand",
    "variant",
    "partner",
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(workplace(tmp_path))
    return tmp_path


def with_value(where, value):
    row = {"ligand": "kx", "name": "second"}
    data = {**CAMPAIGN, "candidates": [CAMPAIGN["candidates"][0], row]}
    if where in ("campaign", "protocol"):
        return {**data, where: value}
    if where in ("hosts", "terminations", "sites"):
        return {**data, where: [value]}
    row[where] = value
    return data


@pytest.mark.parametrize("where", PLACES)
def test_hostile_names_never_get_past_the_schema(where):
    from peropass.config import Campaign
    from peropass.validation import validated

    for value in HOSTILE:
        with pytest.raises(InputError) as refused:
            validated(Campaign, with_value(where, value), "hostile.yaml")
        assert "\n" not in str(refused.value), (where, value)


BLOCKS = {
    "controls.name": lambda v: {"controls": [{"name": v, "host": "h", "termination": "t", "site": "s"}]},
    "controls.candidate": lambda v: {
        "controls": [{"name": "n", "host": "h", "termination": "t", "site": "s", "candidate": v}]
    },
    "phases.host": lambda v: {"phases": {v: ["BX2"]}},
    "phases.phase": lambda v: {"phases": {"CsPbBr3-cubic": [v]}},
    "migration.rows": lambda v: {"migration": {"rows": [v]}},
    "comparisons.of": lambda v: {
        "comparisons": [{"kind": "non-additivity", "of": v, "parts": ["a", "b"]}]
    },
    "comparisons.parts": lambda v: {
        "comparisons": [{"kind": "non-additivity", "of": "a", "parts": [v, "b"]}]
    },
}  # fmt: skip


@pytest.mark.parametrize("where", BLOCKS)
def test_hostile_names_never_get_past_the_optional_blocks(where):
    from peropass.config import Campaign
    from peropass.validation import validated

    for value in HOSTILE:
        with pytest.raises(InputError) as refused:
            validated(Campaign, {**CAMPAIGN, **BLOCKS[where](value)}, "hostile.yaml")
        assert "\n" not in str(refused.value), (where, value)


@pytest.mark.parametrize("value", ["../outside", "$(touch pwned)", "x; touch pwned", "a/b"])
def test_the_command_refuses_a_hostile_name_in_one_line_and_writes_nothing(value, place, capsys):
    (place / "hostile.yaml").write_text(yaml.safe_dump(with_value("name", value)))
    before = snapshot(place)
    assert main(["check", "hostile.yaml"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert snapshot(place) == before


TAGS = [
    "!!python/object/apply:os.system ['touch pwned']",
    "!!python/object/new:os.system ['touch pwned']",
    "!!python/name:os.system",
    "!!python/module:os",
]


@pytest.mark.parametrize("tag", TAGS)
def test_yaml_tags_make_no_objects(tag, place):
    (place / "tagged.yaml").write_text(f"campaign: {tag}\n")
    with pytest.raises(InputError, match=r"tagged\.yaml"):
        load_yaml("tagged.yaml")
    assert not (place / "pwned").exists()


def bomb(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join([*lines, f"campaign: *a{levels - 1}"])


HEAVY = {
    "aliases that stand for a billion": bomb(10),
    "aliases without end": bomb(5000),
    "brackets": "campaign: " + "[" * 200_000,
    "blocks": "- " * 200_000 + "x",
    "braces": "{a: " * 200_000,
    "itself": "campaign: &a [*a]",
    "merged": "\n".join(
        ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10))]
    ),
    "digits": "campaign: " + "9" * 5000,
    "a date that is none": "campaign: 2026-99-99",
}  # fmt: skip


@pytest.mark.parametrize("what", HEAVY)
def test_a_file_made_to_eat_memory_or_stack_is_refused_at_once(what, place):
    (place / "heavy.yaml").write_text(HEAVY[what])
    began = time.process_time()
    with pytest.raises(InputError, match=r"heavy\.yaml") as refused:
        load_campaign("heavy.yaml")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000
    assert time.process_time() - began < 2.0


def test_aliases_that_a_person_would_write_are_followed(place):
    (place / "aliased.yaml").write_text(
        "slab: &slab {layers: 3}\nother: *slab\nthird: {<<: *slab, height_ang: 30}\n"
    )
    third = {"layers": 3, "height_ang": 30}
    assert load_yaml("aliased.yaml") == {
        "slab": {"layers": 3},
        "other": {"layers": 3},
        "third": third,
    }


def snapshot(place):
    return {
        str(p.relative_to(place))
        for p in place.rglob("*")
        if not p.is_dir() and "hostile.yaml" not in p.name
    }


def test_a_whole_campaign_writes_below_results_alone(toy_run):
    _, files = toy_run
    given = {"config", "structures", "small.yaml"}
    assert {file.parts[0] for file in files} - given == {"results"}
    assert {file.parts[1] for file in files if file.parts[0] == "results"} == {"small"}


def test_a_config_path_with_a_command_in_it_stays_a_path(place):
    """Every shell line quotes its words: the one that carries the config's path is run for real."""
    name = "a'b; touch pwned #.yaml"
    (place / name).write_text(yaml.safe_dump(CAMPAIGN))
    plan = Plan(name)
    line = f"printf %s {shlex.quote(plan.recompute('x'))} {shlex.quote(plan.config_file)}"
    said = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=True, cwd=place
    ).stdout
    assert "touch pwned" in said
    assert not (place / "pwned").exists()


UNQUOTED = re.compile(r"\{((?:params|input|output|log|wildcards|config)\b[^}]*)\}")


def test_rules_quote_every_word_that_a_user_can_choose():
    loose = []
    for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for shell in re.findall(
            r"^    shell:\n((?:        .*\n)+)", file.read_text(), re.MULTILINE
        ):
            found = UNQUOTED.findall(shell)
            loose += [
                f"{file.name}: {word}"
                for word in found
                if not word.endswith(":q") and word != "params.revision"
            ]
    assert loose == []


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib"}
FORBIDDEN_ATTRIBUTES = {
    ("os", "system"),
    ("os", "popen"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
}


def test_no_eval_no_pickle_no_shell():
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                    found.append(f"{where} {node.func.id}")
                if any(
                    k.arg == "shell" and getattr(k.value, "value", 0) is True for k in node.keywords
                ):
                    found.append(f"{where} shell=True")
                if any(
                    k.arg == "allow_pickle" and getattr(k.value, "value", 0) is not False
                    for k in node.keywords
                ):
                    found.append(f"{where} allow_pickle")
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names} | {
                    (getattr(node, "module", "") or "").split(".")[0]
                }
                found += [f"{where} {name}" for name in names & FORBIDDEN_MODULES]
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if (node.value.id, node.attr) in FORBIDDEN_ATTRIBUTES:
                    found.append(f"{where} {node.value.id}.{node.attr}")
    assert found == []


def test_rule_files_execute_no_text():
    """Rules, the Snakefile and the profile are no plain Python: looked through as text."""
    files = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
    files += sorted((ROOT / "profiles").rglob("*.yaml"))
    called = re.compile(r"\b(eval|exec|compile|__import__|system|popen|unsafe_load|full_load)\(")
    assert [f.name for f in files if called.search(f.read_text())] == []


def test_structures_are_read_as_one_format_whatever_a_record_calls_them():
    """ASE guesses a format from a name, and some of its formats unpack more than numbers."""
    loose = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not any(isinstance(n, ast.ImportFrom) and n.module == "ase.io" for n in ast.walk(tree)):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("read", "iread"):
                if not any(k.arg == "format" for k in node.keywords):
                    loose.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert loose == []


def test_yaml_is_loaded_by_safe_loaders_alone():
    loose = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"yaml\.load\(", line) and "_UniqueKeyLoader" not in line
    ]
    assert loose == []


def test_names_are_plain_folder_names():
    assert all(NAME.fullmatch(name) for name in ("kx", "CsPbBr3-cubic", "V-CsX", "a" * 64))
    assert not any(NAME.fullmatch(name) for name in HOSTILE)
    assert os.sep not in "".join(name for name in ("kx", "V-CsX"))
