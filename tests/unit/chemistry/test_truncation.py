"""Truncation: known models by hand, and properties that hold for every chain."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from peropass.chemistry.molecules import canonical_smiles, parse
from peropass.chemistry.truncation import cut_tails, find_head, replace_by_fragment
from peropass.errors import InputError

OLEYLAMMONIUM = "CCCCCCCC/C=C\\CCCCCCCC[NH3+]"
SULFOBETAINE = "CCCCCCCCCCCCCCCCCC[N+](C)(C)CCCS(=O)(=O)[O-]"


@pytest.mark.parametrize(
    ("full", "carbons", "model"),
    [
        ("CCCCCCCCCCCC[N+](C)(C)CCCCCCCCCCCC", 1, "C[N+](C)(C)C"),
        ("CCCCCCCCCCCC[N+](C)(C)CCCCCCCCCCCC", 2, "CC[N+](C)(C)CC"),
        ("CCCCCCCCP(=O)(CCCCCCCC)CCCCCCCC", 1, "CP(C)(C)=O"),
        (OLEYLAMMONIUM, 1, "C[NH3+]"),
        (OLEYLAMMONIUM, 2, "CC[NH3+]"),
        ("CCCCCCCC/C=C\\CCCCCCCC(=O)[O-]", 1, "CC(=O)[O-]"),
        (SULFOBETAINE, 1, "C[N+](C)(C)CCCS(=O)(=O)[O-]"),
        ("CCCC([NH3+])C([O-])=O", 1, "CC([NH3+])C([O-])=O"),
        ("CCCCCCc1ccccc1", 1, "CCCCCCc1ccccc1"),
    ],
)
def test_model_is_head_and_n_carbons(full, carbons, model):
    piece = cut_tails(parse(full, "full"), carbons, "test")
    assert canonical_smiles(piece.smiles) == canonical_smiles(model)


def test_rings_and_linkers_belong_to_the_head():
    """4-butyl-phenethylammonium: ring, linker and N stay, the butyl tail does not (indices by hand)."""
    assert find_head(parse("CCCCc1ccc(CC[NH3+])cc1", "x")) == frozenset(range(4, 13))


@given(n=st.integers(1, 30), keep=st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_chain_length_of_the_model(n, keep):
    """An alkylammonium of n carbons keeps min(n, keep) of them, and the map points to the same elements."""
    full = parse("C" * n + "[NH3+]", "full")
    piece = cut_tails(full, keep, "test")
    model = Chem.MolFromSmiles(piece.smiles)
    assert model.GetNumAtoms() == min(n, keep) + 1
    assert piece.removed == n - min(n, keep)
    assert len(piece.atom_map) == model.GetNumAtoms()
    for atom, index in zip(model.GetAtoms(), piece.atom_map, strict=True):
        assert atom.GetSymbol() == full.GetAtomWithIdx(index).GetSymbol()


def test_cut_through_a_double_bond_is_refused():
    """Oleyl C9=C10 counted from N: nine carbons would cut it."""
    with pytest.raises(InputError, match=r"ola\.truncate.*double bond"):
        cut_tails(parse(OLEYLAMMONIUM, "x"), 9, "ola.truncate")


def test_no_carbon_left_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        cut_tails(parse(OLEYLAMMONIUM, "x"), 0, "ola.truncate")


def test_fragment_maps_its_heteroatoms_and_marks_the_stand_in():
    """Methanesulfonate for dodecylbenzenesulfonate: S and O are the ligand's own, the methyl stands in for a ring."""
    full = parse("CCCCCCCCCCCCc1ccc(cc1)S(=O)(=O)[O-]", "x")
    piece = replace_by_fragment(full, "CS(=O)(=O)[O-]", "dbsa.truncate")
    symbols = [full.GetAtomWithIdx(i).GetSymbol() if i >= 0 else None for i in piece.atom_map]
    assert symbols == [None, "S", "O", "O", "O"]


def test_two_armed_fragment_finds_both_arms():
    full = parse("CCP(=O)(CC)c1ccc(cc1)P(=O)(CC)CC", "x")
    piece = replace_by_fragment(full, "CP(C)(=O)CCP(C)(C)=O", "x.truncate")
    mapped = [i for i in piece.atom_map if i >= 0]
    assert len(mapped) == len(set(mapped))
    assert sum(full.GetAtomWithIdx(i).GetSymbol() in "PO" for i in mapped) == 4


@pytest.mark.parametrize(
    ("fragment", "said"),
    [("CP(=O)([O-])C", "P1 is not in the ligand"), ("CS(=O)(=O)O", r"charge \+0")],
)
def test_fragment_that_is_no_part_of_the_ligand_is_refused(fragment, said):
    with pytest.raises(InputError, match=said):
        replace_by_fragment(parse("CCCS(=O)(=O)[O-]", "x"), fragment, "x.truncate")
