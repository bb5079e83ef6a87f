"""Proton and alkyl transfer: products as textbooks write them."""

from __future__ import annotations

import pytest

from peropass.chemistry.acid_base import (
    deprotonate,
    neutral_tautomer,
    protonate,
    transfer_alkyl,
    transfer_alkyl_within,
    transfer_proton,
)
from peropass.chemistry.molecules import canonical_smiles


def same(found, expected) -> bool:
    return sorted(map(canonical_smiles, found)) == sorted(map(canonical_smiles, expected))


@pytest.mark.parametrize(
    ("cation", "anion", "products"),
    [
        ("C[NH3+]", "[Br-]", ["CN", "Br"]),
        ("CC[NH3+]", "CC(=O)[O-]", ["CCN", "CC(=O)O"]),
        ("NC(N)=[NH2+]", "[Br-]", ["NC(N)=N", "Br"]),
        ("[NH4+]", "[S-]C#N", ["N", "N=C=S"]),
        ("[NH4+]", "F[B-](F)(F)F", ["N", "F", "FB(F)F"]),
    ],
)
def test_proton_transfer(cation, anion, products):
    """HNCS, not HSCN, is the stable isomer; HBF4 exists only as HF + BF3."""
    assert same(transfer_proton(cation, anion), products)


@pytest.mark.parametrize(
    "cation", ["C[N+](C)(C)C", "CC[N+](C)(C)CC", "C[P+](C)(C)C", "C[S+](C)C", "[Cs+]"]
)
def test_onium_and_alkali_ions_have_no_proton(cation):
    assert deprotonate(cation) is None


@pytest.mark.parametrize(
    ("cation", "anion", "products"),
    [
        ("CC[N+](C)(C)CC", "[Br-]", ["CCN(C)CC", "CBr"]),
        ("C[S+](C)C", "[I-]", ["CSC", "CI"]),
        ("C[P+](C)(C)C", "[I-]", ["CP(C)C", "CI"]),
        ("C[N+](C)(C)C", "CC(=O)[O-]", ["CN(C)C", "COC(C)=O"]),
        ("C[N+](C)(C)C", "F[B-](F)(F)F", ["CN(C)C", "CF", "FB(F)F"]),
    ],
)
def test_alkyl_transfer_moves_methyl_first(cation, anion, products):
    found = transfer_alkyl(cation, anion)
    assert same(found, products)
    assert canonical_smiles(found[0]) == canonical_smiles(products[0])


def test_ammonium_with_protons_gives_no_alkyl():
    assert transfer_alkyl("C[NH3+]", "[Br-]") is None


@pytest.mark.parametrize(
    ("anion", "acid"),
    [
        ("[O-][N+](=O)[O-]", "O[N+](=O)[O-]"),
        ("[O-]S(=O)(=O)[O-]", "OS(=O)(=O)O"),
        ("CP(=O)([O-])[O-]", "CP(=O)(O)O"),
        ("C[S-]", "CS"),
        ("[Cl-]", "Cl"),
    ],
)
def test_acids_of_anions(anion, acid):
    assert same(protonate(anion), [acid])


def test_zwitterions():
    assert same([neutral_tautomer("[NH3+]CCS(=O)(=O)[O-]")], ["NCCS(=O)(=O)O"])
    assert same([neutral_tautomer("[NH3+]CCCP(=O)(O)[O-]")], ["NCCCP(=O)(O)O"])
    sulfobetaine = "C[N+](C)(C)CCCS(=O)(=O)[O-]"
    assert neutral_tautomer(sulfobetaine) is None
    assert same([transfer_alkyl_within(sulfobetaine)], ["CN(C)CCCS(=O)(=O)OC"])
