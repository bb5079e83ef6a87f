"""`peropass library check` on a small library: each kind of bad entry is one line, the others go on."""

from pathlib import Path

import pytest
from ase import Atoms

from peropass import library_check
from peropass.chemistry.model import LigandModel, LigandPart
from peropass.surfaces.orientations import even_rotations

GOOD = """
  good:
    name: methylammonium bromide
    class: ion-pair
    smiles: "C[NH3+].[Br-]"
    truncate: {whole: small}
    hosts: [CsPbBr3]
"""
SMILES = '"C[NH3+].[Br-]"'
# what is changed in the good entry -> key that the line must name
BAD = {
    "atom": ((SMILES, '"C[NH3+].[Xx-]"'), "atom.smiles"),
    "shape": ((SMILES, '"NCC1C#C1"'), "shape.smiles"),
    "anchor": (
        ("{whole: small}", '{whole: small}\n    anchors: [{smarts: "[OH]", targets: [Pb]}]'),
        "anchor.anchors[0]",
    ),
    "charge": ((SMILES, '"C[NH3+]"'), "charge.smiles"),
    "cut": (("{whole: small}", "{tails: 0}"), "cut.truncate"),
    "wide": ((SMILES, SMILES), "ligand wide"),
    "nowhere": (("[CsPbBr3]", "[CsPbF3]"), "CsPbF3"),
}


def cage(*_) -> LigandModel:
    """A ball of 8 A across, for a cell of 8.5 A."""
    shape = Atoms("C40", positions=4.0 * even_rotations(40, 0)[:, :, 0])
    part = LigandPart("cage", 0, "neutral", (), (shape,))
    return LigandModel("wide", "default", "L-type", "cage", "cage", "none", (part,))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> tuple[list, list]:
    text = "entries:" + GOOD
    for name, (change, _) in BAD.items():
        text += GOOD.replace("good:", f"{name}:").replace(*change)
    path = Path(tmp_path_factory.mktemp("library")) / "ligands.yaml"
    path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        build = library_check._model
        patch.setattr(library_check, "LATERAL_CELLS", ("sqrt2",))
        patch.setattr(
            library_check,
            "_model",
            lambda ligand, *a: (cage if ligand == "wide" else build)(ligand, *a),
        )
        return library_check.check(path=str(path))


@pytest.mark.parametrize("name", BAD)
def test_bad_entries_are_one_line_that_names_entry_and_key(outcome, name):
    rows, errors = outcome
    row = next(row for row in rows if row.entry == name)
    said = [row.reason] + [str(error) for error in errors if f"{name}." in error.where]
    assert row.status == "failed"
    assert any(BAD[name][1] in text for text in said), said
    assert all("\n" not in text for text in said)


def test_the_good_entry_goes_on(outcome):
    rows, _ = outcome
    (row,) = [row for row in rows if row.entry == "good"]
    assert row.status == "ok"
    assert row.poses > 0
    assert row.reactions > 0
    table = library_check.table(rows)
    assert f"{len(BAD)} failed" in table
    assert "filter clash" in table
