"""Bad input ends before any job: one line with file, key or row, what was found and what is allowed."""

import copy
import shutil
from pathlib import Path

import pytest
import yaml

from peropass.chemistry import library
from peropass.cli import main

ROOT = Path(__file__).resolve().parents[2]
CAMPAIGN = {
    "campaign": "mine",
    "protocol": "toy",
    "hosts": ["CsPbBr3-cubic"],
    "terminations": ["001-CsX"],
    "sites": ["V-CsX"],
    "slab": {"lateral": "sqrt2", "layers": 3, "frozen_layers": 1, "height_ang": 26.0},
    "candidates": [{"ligand": "ma-br", "role": "native"}],
}
WHOLE = {"whole": "small"}
ENTRIES = {
    "no-smiles": {
        "name": "x",
        "class": "L-type",
        "smiles": "CC(",
        "truncate": WHOLE,
        "hosts": ["CsPbBr3"],
    },
    "five-bonds": {
        "name": "x",
        "class": "L-type",
        "smiles": "C(C)(C)(C)(C)C",
        "truncate": WHOLE,
        "hosts": ["CsPbBr3"],
    },
    "lonely": {
        "name": "x",
        "class": "ion-pair",
        "smiles": "C[NH3+]",
        "truncate": WHOLE,
        "hosts": ["CsPbBr3"],
    },
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the curated inputs, whose library has some broken entries more."""
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config" / "protocols.yaml", tmp_path / "config")
    shutil.copytree(ROOT / "structures" / "hosts", tmp_path / "structures" / "hosts")
    text = (ROOT / "structures" / "ligands.yaml").read_text()
    lines = [f"  {name}: {_flow(entry)}" for name, entry in ENTRIES.items()]
    file = tmp_path / "structures" / "ligands.yaml"
    file.write_text(text.rstrip() + "\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(library, "DEFAULT_PATH", file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _flow(entry):
    return yaml.safe_dump(entry, default_flow_style=True, width=1000).strip()


def check(place, data, capsys):
    file = place / "config" / "mine.yaml"
    file.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    status = main(["check", "config/mine.yaml"])
    return status, capsys.readouterr()


def changed(**keys):
    """The campaign with some keys replaced; `a__b` reaches into block a."""
    data = copy.deepcopy(CAMPAIGN)
    for key, value in keys.items():
        *blocks, last = key.split("__")
        target = data
        for block in blocks:
            target = target.setdefault(block, {})
        target[last] = value
    return data


def with_row(**row):
    return changed(candidates=[*CAMPAIGN["candidates"], row])


BAD = {
    "unknown key": (changed(colour="red"), "colour", "an unknown key", "candidates, comparisons, competitors, controls"),
    "unknown key in a block": (changed(slab__heigth_ang=26), "slab.heigth_ang", "an unknown key", "height_ang"),
    "unknown key in a row": (with_row(ligand="kx", tail=3), "candidates.1.tail", "an unknown key", "tail_carbons"),
    "a halide that the entry does not take": (with_row(ligand="cdcl2", halide="Br"), "candidates.1 (cdcl2).halide", "[Cd+2].[Cl-].[Cl-]", "another entry"),
    "missing key": ({k: v for k, v in CAMPAIGN.items() if k != "slab"}, "slab", "nothing", "required"),
    "words for a number": (changed(slab__height_ang="high"), "slab.height_ang", "'high'", "number"),
    "a unit in a number": (changed(slab__height_ang="26 A"), "slab.height_ang", "'26 A'", "number"),
    "out of range": (changed(slab__height_ang=5), "slab.height_ang", "5", "15"),
    "even layers": (changed(slab__layers=4), "slab.layers", "4", "3, 5"),
    "a list for a name": (changed(campaign=["a"]), "campaign", "['a']", "string"),
    "no candidate": (changed(candidates=[]), "candidates", "[]", "1"),
    "unknown protocol": (changed(protocol="best"), "protocol", "best", "smoke"),
    "unknown host": (changed(hosts=["CsPbBr3"]), "hosts", "CsPbBr3", "CsPbBr3-cubic"),
    "tilted host": (changed(hosts=["CsPbBr3-ortho"]), "hosts", "orthorhombic cell with 4 formula units", "CsPbBr3-cubic"),
    "mixed host": (changed(hosts=["CsPbBr2Cl-cubic"]), "hosts", "mixed Br/Cl", "CsPbCl3-cubic"),
    "unknown ligand": (with_row(ligand="ddad"), "candidates.1", "ddad", "ddab"),
    "unknown role": (with_row(ligand="kx", role="best"), "candidates.1.role", "'best'", "native"),
    "candidate twice": (with_row(ligand="ma-br"), "candidates.1", "ma-br", "once"),
    "no native": (changed(candidates=[{"ligand": "kx"}]), "candidates", "no row of role native", "baseline"),
    "hostile campaign": (changed(campaign="../../etc"), "campaign", "../../etc", "pattern"),
    "hostile name": (with_row(ligand="kx", name="$(reboot)"), "candidates.1.name", "reboot", "pattern"),
    "reserved name": (with_row(ligand="kx", name="none"), "candidates.1.name", "none", "clean slab"),
    "all layers frozen": (changed(slab__frozen_layers=2), "slab.frozen_layers", "2", "less than 2"),
    "unknown termination": (changed(terminations=["111-Cs"]), "termination", "111-Cs", "001-CsX"),
    "unknown site": (changed(sites=["V-Xe"]), "site", "Xe", ""),
    "unknown variant": (with_row(ligand="taurine", variant="charged"), "candidates.1", "charged", "default"),
    "unknown partner": (with_row(ligand="dbsa", partner="Og"), "candidates.1", "Og", "Cs"),
    "no carbons": (with_row(ligand="ddab", tail_carbons=0), "candidates.1.tail_carbons", "0", "1"),
    "pockets for an ion that is not smaller": (with_row(ligand="csbr", pockets=2), "candidates.1 (csbr): pockets", "2", "0"),
    "poses beside a known start": (with_row(ligand="kx", start="config/mine.yaml", relax=2), "candidates.1.relax", "2", "start"),
    "unknown solvent": (changed(lability__solvent="beer"), "lability.solvent", "'beer'", "toluene"),
    "unknown axis": (changed(ranking__weights={"colour": 1.0}), "ranking.weights.colour", "unknown axis", "vs_native_eV"),
    "negative weight": (changed(ranking__weights={"vs_native_eV": -1.0}), "ranking.weights.vs_native_eV", "-1", "0"),
    "smiles does not parse": (with_row(ligand="no-smiles"), "no-smiles", "CC(", "SMILES"),
    "impossible valence": (with_row(ligand="five-bonds"), "five-bonds", "C(C)(C)(C)(C)C", ""),
    "charge without a partner": (with_row(ligand="lonely"), "lonely", "1", "partner"),
    "no vacuum": (
        changed(slab__height_ang=15, candidates=[*CAMPAIGN["candidates"], {"ligand": "ddab", "tail_carbons": 6}]),
        "candidates.1 (ddab)", "of vacuum above the ligand", "slab.height_ang",
    ),
    "touches its image": (
        with_row(ligand="toab", tail_carbons=6), "candidates.1 (toab)", "touches its lateral image", "slab.lateral",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "key", "found", "allowed"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_leaves_nothing(place, capsys, data, key, found, allowed):
    status, printed = check(place, data, capsys)
    line = printed.err
    assert status == 2, printed
    assert printed.out == ""
    assert line.startswith("peropass check: ")
    assert line.count("\n") == 1
    assert "Traceback" not in line
    said, remedy = line.rsplit("; allowed: ", 1)
    where, finding = said.split(": found ", 1)
    assert "config/mine.yaml" in where
    assert key in where
    assert found in finding
    assert allowed in remedy
    left = [file.relative_to(place) for file in (place / "results").rglob("*") if file.is_file()]
    assert left in ([], [Path("results/mine/check.json")])  # what the good rows were found to be


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("campaign: a\ncampaign: b\n", "line 2: key 'campaign' stands twice"),
        ("campaign: [\n", "expected"),
        ("- just\n- a list\n", "list"),
        (
            "campaign: !!python/object/apply:os.system ['touch pwned']\n",
            "could not determine a constructor",
        ),
    ],
    ids=["key twice", "no YAML", "no mapping", "code"],
)
def test_files_that_are_no_plain_mapping(place, capsys, text, found):
    status, printed = check(place, text, capsys)
    assert status == 2
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("peropass check: config/mine.yaml: found ")
    assert found in printed.err
    assert not (place / "pwned").exists()


def test_an_absent_file(place, capsys):
    assert main(["check", "config/absent.yaml"]) == 2
    assert "config/absent.yaml: found no such file" in capsys.readouterr().err


def test_a_good_file_is_said_to_be_good_and_nothing_is_run(place, capsys):
    status, printed = check(place, CAMPAIGN, capsys)
    assert (status, printed.err) == (0, "")
    assert printed.out.startswith("config/mine.yaml: ok; 1 candidate")
    assert not (place / "results" / "mine" / "toy").exists()


def test_entries_that_a_campaign_does_not_use_may_be_broken(place, capsys):
    """One bad block of the library does not stop the others."""
    status, _ = check(place, CAMPAIGN, capsys)
    assert status == 0


def test_an_unknown_command_lists_the_known_ones(capsys):
    assert main(["chekc"]) == 2
    assert "check" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "check" in capsys.readouterr().out
