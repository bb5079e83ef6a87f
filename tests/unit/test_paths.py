"""Where files live: no two kinds of file share a place, and all stay below the campaign's folder."""

import re
from itertools import combinations, product

import pytest

from peropass import paths

PATTERNS = {key: text for key, text in vars(paths).items() if key.isupper() and "/" in text}
RECORDS = {k: v for k, v in PATTERNS.items() if v.endswith((".json", ".csv", ".html", ".extxyz"))}
VALUES = {
    "campaign": "c",
    "protocol": "smoke",
    "host": "CsPbBr3-cubic",
    "termination": "001-CsX",
    "site": "V-CsX",
    "candidate": "ma-br",
    "reference": "CH5N-8b8235",
    "pose": "k0",
    "part": "slab",
    "phase": "BX2",
    "metal": "Pb",
    "halogen": "Br2",
    "hop": "bare",
    "end": "start",
    "cell": "sqrt2x2",
    "dopant": "Sr",
    "strain": "0",
}


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_everything_lies_in_the_campaigns_folder(name):
    assert PATTERNS[name].startswith("results/{campaign}")


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_wildcards_are_whole_folder_names_or_parts_of_a_file(name):
    assert set(re.findall(r"{(\w+)}", PATTERNS[name])) <= set(VALUES)
    for level in PATTERNS[name].split("/")[:-1]:
        assert re.fullmatch(r"\w[\w-]*|{\w+}", level), level


def test_no_two_records_share_a_file():
    sites = [{**VALUES, "site": site} for site in ("pristine", "V-CsX")]
    places = {
        name: {pattern.format(**values) for values in sites} for name, pattern in RECORDS.items()
    }
    # the pristine slab is the clean slab of the site `pristine`: two names for one file on purpose
    shared = {("CLEAN", "PRISTINE"), ("CLEAN_LEVELS", "PRISTINE_LEVELS")}
    for one, other in combinations(sorted(places), 2):
        if (one, other) not in shared:
            assert not places[one] & places[other], (one, other)


def test_clean_slabs_cannot_be_taken_for_loaded_ones():
    """`none` stands for the empty level, and a pose is never called so."""
    clean = paths.CLEAN.format(**VALUES)
    for candidate, pose in product(("none", "ma-br"), ("k0", "k1")):
        assert paths.LOADED.format(**{**VALUES, "candidate": candidate, "pose": pose}) != clean
