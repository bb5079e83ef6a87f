"""Assembling candidate records from synthetic calculations of a small campaign planned by the real library."""

import pytest

from peropass.analysis.pipeline import CandidateFacts, CandidateInputs, assemble, best_pose
from peropass.analysis.ranking import rank
from peropass.analysis.uncertainty import ErrorModel, ErrorTerm
from peropass.chemistry.library import load_library
from peropass.chemistry.reaction_plan import reactions_for
from peropass.chemistry.reactions import HostIons, add
from peropass.records import Address, Provenance

MODEL = ErrorModel(
    protocol="synthetic",
    terms={
        "own": ErrorTerm(origin="assumed", because="test", sigma_eV=0.03),
        "slab": ErrorTerm(origin="assumed", because="test", sigma_eV=0.04, common=1.0),
    },
)
SOCKET = {"Cs": 7, "Pb": 4, "Br": 15}
PRISTINE = add(SOCKET, {"Cs": 1, "Br": 1})
PROVENANCE = Provenance(revision=1, physics_hash="synthetic")
SMILES = {"ma-br": "C[NH3+].[Br-]", "kx": "[K+].[Br-]", "csbr": "[Cs+].[Br-]"}


@pytest.fixture(scope="module")
def plans():
    library = load_library()
    natives = {"ma-br": SMILES["ma-br"]}
    return {
        name: reactions_for(library.entry(name), HostIons(), smiles=text, natives=natives)
        for name, text in SMILES.items()
    }


def ligand_composition(plan):
    binding = next(p for p in plan if p.kind == "binding")
    return dict(binding.reaction.terms[1][1].composition)


@pytest.fixture
def build(plans, make_calculation):
    """Factory of candidate records; energies are arbitrary."""

    def calculation(name, composition, energy, **options):
        record = make_calculation(dict(composition), energy, **options)
        return record.model_copy(
            update={"provenance": Provenance(revision=1, physics_hash=name, core_s=10.0)}
        )

    def make(name, loaded=-104.0, role="candidate", statuses=("ok",), **changes):
        composition = ligand_composition(plans[name])
        native = ligand_composition(plans["ma-br"])

        def slab(who, whose, energy, **options):
            return calculation(f"slab-{who}", add(SOCKET, whose), energy, **options)

        poses = {
            f"pose-{k}": slab(name, composition, loaded + 0.1 * k, status=status)
            for k, status in enumerate(statuses)
        }
        inputs = {
            "planned": plans[name],
            "pristine": calculation("pristine", PRISTINE, -104.005),
            "socket": calculation("socket", SOCKET, -98.0),
            "loaded": poses,
            "molecule": calculation(name, composition, -4.5, role="molecule"),
            "native_loaded": {"ma-br": slab("ma-br", native, -103.0)},
            "native_molecule": {"ma-br": calculation("ma-br", native, -4.0, role="molecule")},
            "references": {
                "CsBr(bulk)": calculation("CsBr", {"Cs": 1, "Br": 1}, -6.2, role="bulk")
            },
        }
        facts = CandidateFacts(name, name, "ion-pair", SMILES[name], SMILES[name], "", role=role)
        address = Address(
            campaign="synthetic",
            protocol="smoke",
            host="CsPbBr3-cubic",
            termination="001-CsX",
            site="V-CsX",
            candidate=name,
        )
        return assemble(address, facts, CandidateInputs(**inputs | changes), MODEL, PROVENANCE)

    return make


def test_reactions_of_a_candidate(build):
    record = build("kx")
    assert record.status == "ok"
    assert record.reaction("binding").value_eV == pytest.approx(-104 + 98 + 4.5)
    assert record.reaction("vs-native").value_eV == pytest.approx(-1.5 - (-103 + 98 + 4.0))
    assert record.reaction("exchange").value_eV == pytest.approx(-104 - 6.2 + 104.005 + 4.5)
    # The slab's common error of 0.04 eV cancels in vs-native, the own one counts twice.
    assert record.reaction("binding").error_eV == pytest.approx(0.05)
    assert record.reaction("vs-native").error_eV == pytest.approx(0.03 * 2**0.5)


def test_native_against_itself_is_zero_without_error(build):
    versus = build("ma-br", loaded=-103.0, role="native").reaction("vs-native")
    assert (versus.value_eV, versus.error_eV) == (0.0, 0.0)


def test_self_test_compares_with_the_pristine_slab(build):
    record = build("csbr", role="self-test")
    assert record.reaction("self-test").value_eV == pytest.approx(-0.005)
    assert rank([record], {"vs_native_eV": 1}, MODEL, 1, 100).self_tests[0].passed


def test_best_pose_is_the_lowest_that_is_ok(build, make_calculation):
    record = build("kx", statuses=("anomalous", "ok", "ok"))
    assert record.best_pose == "pose-1"
    assert record.status == "ok"
    assert best_pose({"a": make_calculation({"K": 1}, 0, status="failed")}) is None


@pytest.mark.parametrize("status", ["unconverged", "anomalous", "failed"])
def test_candidate_without_a_usable_pose_is_a_row_with_its_reason(build, status):
    record = build("kx", statuses=(status,))
    assert record.status == status
    assert f"pose-0: {status}" in record.reason
    assert record.reaction("binding").value_eV is None


def test_missing_native_leaves_the_binding_energy(build):
    record = build("kx", native_loaded={})
    assert record.status == "ok"
    assert record.reaction("vs-native").value_eV is None
    assert ":MABr" in record.reaction("vs-native").reason


def test_other_cell_is_refused_with_a_reason(build, make_calculation):
    other = make_calculation(SOCKET, -98.0, cell_ang=((9, 0, 0), (0, 8.3, 0), (0, 0, 24)))
    record = build("kx", socket=other)
    assert record.status == "failed"
    assert "cells differ" in record.reason
    assert record.reactions == []


def test_isomer_does_not_pass_for_the_native(build, make_calculation):
    native = ligand_composition(
        reactions_for(load_library().entry("ma-br"), smiles=SMILES["ma-br"])
    )
    isomer = make_calculation(native, -4.4, role="molecule")
    record = build("ma-br", molecule=isomer)
    assert record.status == "failed"
    assert "two different calculations" in record.reason


def test_channels_say_what_they_lack(build):
    channels = {c.name: c for c in build("kx").channels}
    assert channels["ion-pair"].status == "missing"
    assert "vibrations" in channels["ion-pair"].reason
    assert channels["proton-transfer"].status == "skipped"
    assert "no proton" in channels["proton-transfer"].reason


def test_fragments_give_the_decomposition(build, make_calculation):
    record = build(
        "kx",
        slab_fragments={"pose-0": make_calculation(SOCKET, -97.5, role="fragment")},
        ligand_fragments={"pose-0": make_calculation({"K": 1, "Br": 1}, -4.1, role="fragment")},
    )
    parts = record.decomposition
    assert parts.slab_deformation_eV == pytest.approx(0.5)
    assert parts.ligand_deformation_eV == pytest.approx(0.4)
    assert parts.closure_eV == pytest.approx(0, abs=1e-9)


def test_cost_counts_the_candidates_own_jobs_only(build):
    # One loaded slab and one molecule of ten core-seconds each.
    assert build("kx").core_seconds == pytest.approx(20.0)


def test_dispersion_by_model_is_summed_over_each_reaction(build):
    energies = {"slab-kx": (-2.2, -2.1), "socket": (-1.7, -1.75), "kx": (-0.02, -0.01)}
    energies |= {"slab-ma-br": (-2.4, -2.35), "ma-br": (-0.05, -0.06)}
    known = {name: {"d3bj": d3, "d4": d4} for name, (d3, d4) in energies.items()}
    record = build("kx", dispersion=known)
    binding = record.reaction("binding").dispersion_models_eV
    assert binding["none"] == 0
    assert binding["d3bj"] == pytest.approx(-2.2 + 1.7 + 0.02)
    assert binding["d4"] == pytest.approx(-2.1 + 1.75 + 0.01)
    versus = record.reaction("vs-native").dispersion_models_eV
    # Against the native the socket drops out.
    assert versus["d4"] == pytest.approx(-2.1 + 0.01 + 2.35 - 0.06)
    # No model of the reservoir and the pristine slab: no difference is made up.
    assert record.reaction("exchange").dispersion_models_eV == {}


def test_relaxed_poses_give_their_own_error(build):
    assert build("kx").pose_error_eV is None
    # -104.0 and -103.9: the mean lies 0.05 eV above the lowest.
    assert build("kx", statuses=("ok", "ok")).pose_error_eV == pytest.approx(0.05)
    assert build("kx", statuses=("ok", "anomalous")).pose_error_eV is None
