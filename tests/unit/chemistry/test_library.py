"""The ligand library: contents, errors per entry, models."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem

from peropass.chemistry.library import (
    build_model,
    check_entry,
    check_library,
    load_library,
    reference_variants,
)
from peropass.chemistry.model_plan import plan_model
from peropass.chemistry.molecules import canonical_smiles, composition, formal_charge, parse
from peropass.errors import InputError

LIBRARY = load_library()
PLANS = {
    (entry.id, variant): plan_model(entry, variant=variant)
    for entry in LIBRARY.entries.values()
    if entry.is_molecular
    for variant in entry.variant_names
}
SYSTEMS = Path(__file__).resolve().parents[4] / "shared" / "systems.csv"


def model_smiles(ligand: str, **choice) -> str:
    return canonical_smiles(".".join(plan_model(LIBRARY.entries[ligand], **choice).parts))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ligands.yaml"
    path.write_text(text)
    return path


GOOD = """
  good:
    name: methylammonium bromide
    class: ion-pair
    smiles: "C[NH3+].[Br-]"
    truncate: {whole: small}
    hosts: [CsPbBr3]
"""


def test_every_entry_passes():
    assert [str(e) for e in check_library(LIBRARY)] == []


def test_quickstart_models():
    """The small models of the smallest cell, each by its formula."""
    assert model_smiles("ddab", tail_carbons=1) == canonical_smiles("C[N+](C)(C)C.[Br-]")
    assert model_smiles("ddab") == canonical_smiles("CC[N+](C)(C)CC.[Br-]")
    assert model_smiles("topo", tail_carbons=1) == canonical_smiles("CP(C)(C)=O")
    assert model_smiles("dbsa") == canonical_smiles("CS(=O)(=O)[O-].[Cs+]")
    assert model_smiles("ola-br", tail_carbons=1) == canonical_smiles("C[NH3+].[Br-]")
    assert model_smiles("ola-br", tail_carbons=2) == canonical_smiles("CC[NH3+].[Br-]")
    assert model_smiles("csbr") == canonical_smiles("[Cs+].[Br-]")


def test_halide_follows_the_host_only_where_the_entry_says_so():
    assert composition(model_smiles("znx2", halide="I")) == {"Zn": 1, "I": 2}
    assert composition(model_smiles("tmsx", halide="I"))["I"] == 1
    assert composition(model_smiles("srcl2", halide="I")) == {"Sr": 1, "Cl": 2}
    with pytest.raises(InputError, match="one of Cl, Br, I"):
        plan_model(LIBRARY.entries["znx2"], halide="At")


def test_partner_and_protonation_states_of_a_phosphonic_acid():
    """Methylphosphonic acid CH5O3P (CRC Handbook): neutral, with one and with two caesium ions."""
    entry = LIBRARY.entries["opa"]
    assert composition(model_smiles("opa", variant="acid")) == {"C": 1, "H": 5, "O": 3, "P": 1}
    assert composition(model_smiles("opa"))["Cs"] == 1
    assert composition(model_smiles("opa", variant="di"))["Cs"] == 2
    assert composition(model_smiles("opa", partner="methylammonium"))["N"] == 1
    with pytest.raises(InputError, match=r"opa\.partners.*'K'"):
        plan_model(entry, partner="K")


def test_neutral_tautomers_compete_with_zwitterions():
    assert reference_variants(LIBRARY.entries["taurine"]) == ["default", "neutral"]
    assert reference_variants(LIBRARY.entries["sulfobetaine"]) == ["default"]
    assert composition(model_smiles("taurine")) == composition(
        model_smiles("taurine", variant="neutral")
    )


@pytest.mark.parametrize(
    ("ligand", "unpaired"), [("mnbr2", 5), ("nicl2", 2), ("cucl2", 1), ("oxygen", 2), ("znx2", 0)]
)
def test_unpaired_electrons_by_hunds_rule(ligand, unpaired):
    """High-spin d5, d8 in weak field, d9; triplet ground state of O2; d10."""
    assert LIBRARY.entries[ligand].unpaired == unpaired
    assert build_model(LIBRARY.entries[ligand]).spin_polarised == (unpaired > 0)


def test_electron_count_agrees_with_spin():
    """An odd number of electrons needs an odd number of unpaired ones (Pauli)."""
    table = Chem.GetPeriodicTable()
    for (ligand, _), plan in PLANS.items():
        counts = composition(".".join(plan.parts))
        electrons = sum(table.GetAtomicNumber(e) * n for e, n in counts.items())
        assert electrons % 2 == LIBRARY.entries[ligand].unpaired % 2, ligand


def test_model_keeps_parts_order_and_atoms():
    model = build_model(LIBRARY.entries["dbsa"])
    assert [p.role for p in model.parts] == ["anion", "cation"]
    assert model.charge == 0
    assert model.parts[0].symbols == ("C", "S", "O", "O", "O", "H", "H", "H")
    assert model.composition == {"C": 1, "H": 3, "S": 1, "O": 3, "Cs": 1}
    assert model.parts[0].conformers[0].info["method"] == "GFN2-xTB in ALPB water"


def test_a_bad_entry_leaves_the_others(tmp_path):
    text = "entries:" + GOOD + GOOD.replace("good:", "bad:").replace("smiles", "smile")
    library = load_library(write(tmp_path, text))
    assert list(library.entries) == ["good"]
    assert [e.where.rsplit(": ", 1)[1] for e in library.errors] == ["bad.smile"]


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        (('"C[NH3+].[Br-]"', '"C[NH3+].[Xx]"'), "good.smiles", "Xx"),
        (('"C[NH3+].[Br-]"', '"C[NH3+"'), "good.smiles", "C[NH3+"),
        (('"C[NH3+].[Br-]"', '"C[NH3+]"'), "good.smiles", "charge +1 without a partner"),
        (('"C[NH3+].[Br-]"', '"C(C)(C)(C)(C)C"'), "good.smiles", "valence"),
        (("{whole: small}", "{fragment: CP, because: test}"), "good.truncate", "charge +0"),
        (("{whole: small}", "{tails: 0}"), "good.truncate", "0 tail carbons"),
        (
            ("{whole: small}", '{whole: small}\n    anchors: [{smarts: "[OH]", targets: [Pb]}]'),
            "good.anchors[0]",
            "[OH]",
        ),
    ],
)
def test_chemically_bad_entries_name_entry_and_key(tmp_path, change, where, said):
    library = load_library(write(tmp_path, "entries:" + GOOD.replace(*change)))
    assert library.errors == []
    (error,) = check_entry(library.entries["good"])
    assert error.where.endswith(where)
    assert said in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("class: ion-pair", "class: ionpair"), "good.class"),
        (("hosts: [CsPbBr3]", "hosts: []"), "good.hosts"),
        (("truncate: {whole: small}", "truncate: {tails: two}"), "good.truncate.tails.int"),
        (("truncate: {whole: small}", "partner: Fr\n    truncate: {whole: small}"), "good.partner"),
        (("good:", "a_b:"), "a_b"),
    ],
)
def test_schema_errors_name_entry_and_key(tmp_path, change, where):
    library = load_library(write(tmp_path, "entries:" + GOOD.replace(*change)))
    assert [e.where.rsplit(": ", 1)[1] for e in library.errors] == [where]


def test_the_same_id_twice_is_refused(tmp_path):
    library = load_library(write(tmp_path, "entries:" + GOOD + GOOD))
    assert "same id twice" in str(library.errors[0])


def test_an_impossible_shape_has_no_3d_solution(tmp_path):
    """A triple bond in a three-membered ring."""
    text = "entries:" + GOOD.replace('"C[NH3+].[Br-]"', '"NCC1C#C1"')
    with pytest.raises(InputError, match=r"good\.smiles.*3-D"):
        build_model(load_library(write(tmp_path, text)).entries["good"])


def test_unknown_ids_and_variants_say_what_is_near():
    with pytest.raises(InputError, match="ddab"):
        LIBRARY.entry("dabb")
    with pytest.raises(InputError, match=r"taurine\.variants.*default, neutral"):
        plan_model(LIBRARY.entries["taurine"], variant="acid")


@pytest.mark.skipif(
    not SYSTEMS.exists(), reason="the list of treatments is not beside this checkout"
)
def test_library_covers_every_treatment_as_listed():
    import csv

    def flat(smiles):
        return Chem.MolToSmiles(Chem.MolFromSmiles(smiles), isomericSmiles=False)

    differences = []
    for row in csv.DictReader(SYSTEMS.open(encoding="utf-8")):
        entry = LIBRARY.entries.get(row["id"])
        if entry is None:
            differences.append(f"{row['id']}: no entry in structures/ligands.yaml")
            continue
        hosts = row["hosts"].replace("CsPbX3", "CsPbCl3;CsPbBr3;CsPbI3").split(";")
        sources = {key for reported in entry.reported for key in reported.sources}
        for key, found, expected in (
            ("class", entry.ligand_class, row["class"]),
            ("hosts", set(entry.hosts), set(hosts)),
            ("sources", sources, set(row["sources"].split(";"))),
        ):
            if found != expected:
                differences.append(f"{row['id']}.{key}: {found}, listed {expected}")
        if not entry.is_molecular:
            continue
        plans = [PLANS[entry.id, v] for v in entry.variant_names]
        cores = [entry.smiles, *(v.smiles for v in entry.variants.values())]
        full = {flat(s) for s in [*cores, *(p.full_smiles for p in plans)]}
        ions = set(entry.partner_smiles.values())
        models = {flat(".".join(p.parts)) for p in plans}
        if entry.partner:
            models |= {flat(".".join(s for s in p.parts if s not in ions)) for p in plans}
        if flat(row["full_smiles"]) not in full:
            differences.append(f"{row['id']}: full ligand differs from {row['full_smiles']}")
        if flat(row["model_smiles"]) not in models:
            differences.append(f"{row['id']}: model differs from {row['model_smiles']}")
    assert differences == []


def test_sets_are_neutral_whatever_variant():
    for (ligand, _), plan in PLANS.items():
        assert formal_charge(parse(".".join(plan.parts), ligand)) == 0
        assert sum(plan.charges) == 0
