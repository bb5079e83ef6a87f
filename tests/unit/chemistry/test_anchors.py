"""Anchors by rule: the donor atoms that a chemist would name."""

from __future__ import annotations

import pytest
from rdkit import Chem

from peropass.chemistry.anchors import AnchorRule, apply_rule, find_anchors
from peropass.errors import InputError


def anchors(smiles: str) -> dict[str, tuple[str, ...]]:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    return {a.name: a.targets for a in find_anchors(molecule)}


@pytest.mark.parametrize(
    ("smiles", "name", "target"),
    [
        ("C[NH3+]", "N1", "A-hole"),
        ("C[N+](C)(C)C", "N1", "A-hole"),
        ("C[S+](C)C", "S1", "A-hole"),
        ("C[P+](C)(C)C", "P1", "A-hole"),
        ("NC(N)=[NH2+]", "C1", "A-hole"),
        ("[Cs+]", "Cs0", "A-hole"),
        ("[Zn+2]", "Zn0", "halide"),
        ("[Br-]", "Br0", "X-hole"),
        ("CC(=O)[O-]", "O3", "X-hole"),
        ("CS(=O)(=O)[O-]", "O4", "X-hole"),
        ("CP(=O)(O)[O-]", "O4", "X-hole"),
        ("C[S-]", "S1", "X-hole"),
        ("CP(C)(C)=O", "O4", "Pb"),
        ("CN", "N1", "Pb"),
        ("CS", "S1", "Pb"),
        ("CP(C)C", "P1", "Pb"),
        ("c1ccncc1", "N3", "Pb"),
        ("COC(C)=O", "O4", "Pb"),
        ("COC", "O1", "Pb"),
        ("O", "O0", "Pb"),
        ("O=O", "O0", "Pb"),
        ("C[Si](C)(C)Br", "Br4", "X-hole"),
        ("CC(=O)Br", "Br3", "X-hole"),
        ("Br", "Br0", "X-hole"),
    ],
)
def test_head_group(smiles, name, target):
    assert anchors(smiles)[name][0] == target


def test_thiocyanate_is_ambidentate():
    assert anchors("[S-]C#N") == {"N2": ("X-hole", "Pb"), "S0": ("X-hole", "Pb")}


def test_equivalent_oxygens_count_once_and_pair_once():
    """All three O of a sulfonate are alike whatever bond the SMILES draws as double."""
    assert list(anchors("CS(=O)(=O)[O-]")) == ["O4", "O2+O4"]


def test_zwitterion_has_both_ends():
    found = anchors("[NH3+]CCS(=O)(=O)[O-]")
    assert found["N0"][0] == "A-hole"
    assert found["O6"][0] == "X-hole"


@pytest.mark.parametrize("smiles", ["CC(N)=O", "c1ccc2[nH]ccc2c1", "Cc1ccccc1F"])
def test_lone_pairs_in_conjugation_and_aryl_fluoride_are_no_amine_anchor(smiles):
    assert not any(name.startswith(("N", "F")) for name in anchors(smiles))


def test_bad_smarts_is_refused():
    with pytest.raises(InputError, match=r"x\.anchors\[0\]"):
        apply_rule(AnchorRule("x", "[[", ("Pb",)), Chem.MolFromSmiles("C"), "x.anchors[0]")
