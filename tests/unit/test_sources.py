"""docs/sources.md has a line for every DOI that was typed in, and shows what is not confirmed."""

import re
from pathlib import Path

import pytest
import yaml

from peropass.analysis.thermochemistry import STANDARD_ENTROPIES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
DOI = re.compile(r"\b10\.\d{4,5}/[^\s\"'`,;}\]]+")
STRUCTURES = sorted((ROOT / "structures").glob("*/*.yaml"))


def dois(text: str) -> set[str]:
    """Without the punctuation of the sentence around them."""
    found = (match.rstrip(".:") for match in DOI.findall(text))
    return {d[:-1] if d.endswith(")") and d.count("(") < d.count(")") else d for d in found}


def test_every_doi_has_a_line():
    files = [*(ROOT / "peropass").rglob("*.py"), *(ROOT / "config").glob("*.yaml")]
    files += [*(ROOT / "structures").rglob("*.yaml"), *(ROOT / "docs").glob("*.md")]
    missing = {
        f"{doi} ({file.relative_to(ROOT)})"
        for file in files
        for doi in dois(file.read_text(encoding="utf-8"))
        if doi not in dois(PAGE)
    }
    assert not missing, f"docs/sources.md says nothing of {sorted(missing)}"


def test_every_entropy_is_on_the_page_with_its_standing():
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    for solid, entropy in STANDARD_ENTROPIES.items():
        row = next(r for r in rows if re.search(rf"\b{solid}\b", r.split("|")[1]))
        assert f"{entropy.value_J_per_mol_K:.1f}" in row
        assert ("unconfirmed" in row) is not entropy.checked


@pytest.mark.parametrize("file", STRUCTURES, ids=lambda f: f.stem)
def test_structures_say_how_their_cell_was_checked(file):
    note = yaml.safe_load(file.read_text(encoding="utf-8"))["note"]
    assert re.search(r"confirmed|within [\d.]+ % of|Vegard", note)
