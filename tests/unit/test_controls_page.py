"""docs/controls.md says of each site no more than its record does."""

import shutil
from pathlib import Path

import pytest

from peropass.controls_page import FOLDER, controls_page

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lines():
    return controls_page(ROOT / FOLDER).splitlines()


def test_only_what_every_variant_counts_is_called_surviving(lines):
    """Bi on Pb has 0 to 1 traps within the error of the alignment at these settings: undecided, not a site with a trap."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    table = {r[0]: r for r in rows if len(r) == 6 and r[5] in ("yes", "no", "undecided")}
    assert len(table) >= 9
    for name, (_, _, _, counted, depth, word) in table.items():
        if word == "yes":
            assert not counted.startswith("0"), name
            assert depth != "-", name
        if word == "no" and " with " not in name:  # a ligand's own level is no trap of the site
            assert counted == "0", name
    assert "0 to 1" in table["CsPbBr3-cubic 001-CsX Bi-Pb-V-Cs"][3]
    assert table["CsPbBr3-cubic 001-CsX Bi-Pb-V-Cs"][5] == "undecided"
    surviving = next(line for line in lines if "in every variant" in line)
    assert "Bi-Pb-V-Cs" not in surviving


def test_figures_over_the_chemical_potentials_are_shown_where_they_are_committed(tmp_path):
    folder = tmp_path / "controls"
    shutil.copytree(
        ROOT / FOLDER, folder, ignore=shutil.ignore_patterns("*.html", "*.svg", "*.npz")
    )
    assert "](../" not in controls_page(folder)
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures/window.CsPbBr3-cubic.surface.svg").write_text("<svg/>")
    assert (
        "![Surface energies of CsPbBr3-cubic over the chemical potential of its A-site salt]"
        "(../results/reference/controls/figures/window.CsPbBr3-cubic.surface.svg)"
    ) in controls_page(folder)
