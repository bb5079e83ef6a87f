"""Identities that hold for any energies: cycles close, reversals cancel, decompositions add up."""

import numpy as np
import pytest

from peropass.analysis.reaction_energies import decompose, evaluate, require
from peropass.chemistry import reactions
from peropass.chemistry.reactions import Reaction, Species
from peropass.errors import MissingTerm, SettingsMismatch, StaleRecord, UnbalancedReaction

SLAB = {"Cs": 4, "Pb": 2, "Br": 8}
SOCKET = Species("slab[V-CsX]", {"Cs": 3, "Pb": 2, "Br": 7})
PRISTINE = Species("slab", SLAB)
SALT = Species("CsBr(bulk)", {"Cs": 1, "Br": 1})
KBR = Species("KBr(g)", {"K": 1, "Br": 1})
NABR = Species("NaBr(g)", {"Na": 1, "Br": 1})


def loaded(ligand: Species) -> Species:
    return Species(
        f"slab[V-CsX]:{ligand.name}", reactions.add(SOCKET.composition, ligand.composition)
    )


@pytest.fixture
def energies(make_calculation):
    """Arbitrary energies for every species above: the identities may not depend on them."""
    rng = np.random.default_rng(3)
    species = [SOCKET, PRISTINE, SALT, KBR, NABR, loaded(KBR), loaded(NABR)]
    return {
        s.name: make_calculation(
            dict(s.composition),
            *rng.uniform(-100, 0, 3),
            role="slab" if "slab" in s.name else "molecule",
        )
        for s in species
    }


def test_exchange_forth_and_back_cancels(energies):
    forth = reactions.versus_native(loaded(NABR), KBR, loaded(KBR), NABR)
    back = reactions.versus_native(loaded(KBR), NABR, loaded(NABR), KBR)
    total = evaluate(forth, energies).value_eV + evaluate(back, energies).value_eV
    assert total == pytest.approx(0, abs=1e-10)
    undone = evaluate(forth.reversed("undone"), energies)
    assert undone.value_eV == pytest.approx(-evaluate(forth, energies).value_eV)


def test_versus_native_is_the_difference_of_binding_energies(energies):
    own = evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies)
    native = evaluate(reactions.binding(SOCKET, NABR, loaded(NABR)), energies)
    versus = evaluate(reactions.versus_native(loaded(NABR), KBR, loaded(KBR), NABR), energies)
    for part in ("value_eV", "dispersion_eV", "dispersion_cs_eV"):
        expected = getattr(own, part) - getattr(native, part)
        assert getattr(versus, part) == pytest.approx(expected, abs=1e-9)


def test_thermodynamic_cycle_closes_within_a_millielectronvolt(energies):
    # pristine -> socket + CsBr(bulk); socket + KBr -> loaded; together: the exchange reaction.
    vacancy = evaluate(reactions.vacancy_formation(PRISTINE, SOCKET, [(1, SALT)]), energies)
    binding = evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies)
    exchange = evaluate(reactions.exchange(PRISTINE, KBR, loaded(KBR), SALT), energies)
    assert vacancy.value_eV + binding.value_eV == pytest.approx(exchange.value_eV, abs=1e-3)


def test_terms_add_up_to_the_value(energies):
    result = evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies, {KBR.name: "a/b.json"})
    assert sum(t.coefficient * t.energy_eV for t in result.terms) == pytest.approx(result.value_eV)
    assert [t.record for t in result.terms if t.species == KBR.name] == ["a/b.json"]


def test_missing_reference_is_named_and_gives_no_number(energies):
    del energies[KBR.name]
    result = evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies)
    assert (result.value_eV, result.status) == (None, "missing")
    assert KBR.name in result.reason
    with pytest.raises(MissingTerm, match="KBr"):
        require(result)


@pytest.mark.parametrize("status", ["unconverged", "failed", "anomalous"])
def test_term_that_is_not_ok_gives_no_number(energies, make_calculation, status):
    name = loaded(KBR).name
    energies[name] = make_calculation(
        dict(loaded(KBR).composition), -1, status=status, reason="proton moved"
    )
    result = evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies)
    assert (result.value_eV, result.status) == (None, status)
    assert name in result.reason
    assert "proton moved" in result.reason


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"settings_hash": "bbbb", "settings": {"ecut_eV": 350}}, "350"),
        ({"cell_ang": [[8.4, 0, 0], [0, 8.3, 0], [0, 0, 24]]}, "8.4"),
        ({"cell_ang": [[8.3, 0, 0], [0, 8.3, 0], [0, 0, 26]]}, "26"),
        ({"kpts": (2, 2, 1)}, "2, 2, 1"),
    ],
)
def test_energies_that_do_not_match_are_refused(energies, make_calculation, change, named):
    energies[SOCKET.name] = make_calculation(dict(SOCKET.composition), -5.0, **change)
    with pytest.raises(SettingsMismatch, match=named):
        evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies)


def test_molecules_may_have_their_own_box(energies, make_calculation):
    energies[KBR.name] = make_calculation(
        dict(KBR.composition),
        -5.0,
        role="molecule",
        cell_ang=[[15, 0, 0], [0, 15, 0], [0, 0, 15]],
    )
    assert evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies).status == "ok"


def test_record_of_other_atoms_is_refused(energies, make_calculation):
    energies[KBR.name] = make_calculation({"K": 1, "Cl": 1}, -5.0, role="molecule")
    with pytest.raises(StaleRecord, match="KBr"):
        evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies)


def test_species_on_both_sides_cancel(energies):
    idle = Reaction("idle", ((-1, SOCKET), (1, SOCKET)))
    assert evaluate(idle, energies).value_eV == 0


def test_decomposition_adds_up_to_the_binding_energy(energies, make_calculation):
    binding = evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies)
    parts = decompose(
        binding,
        energies[loaded(KBR).name],
        energies[SOCKET.name],
        energies[KBR.name],
        make_calculation(dict(SOCKET.composition), -33.3, role="fragment"),
        make_calculation({"K": 1, "Br": 1}, -4.4, role="fragment"),
    )
    total = parts.interaction_eV + parts.slab_deformation_eV + parts.ligand_deformation_eV
    assert total == pytest.approx(binding.value_eV, abs=1e-3)
    assert parts.closure_eV == pytest.approx(0, abs=1e-9)
    # Fragments that keep their relaxed energy have no deformation: everything is interaction.
    rigid = decompose(
        binding,
        energies[loaded(KBR).name],
        *[energies[s.name] for s in (SOCKET, KBR, SOCKET, KBR)],
    )
    assert rigid.interaction_eV == pytest.approx(binding.value_eV)
    assert (rigid.slab_deformation_eV, rigid.ligand_deformation_eV) == (0, 0)


def test_decomposition_names_the_missing_fragment(energies, make_calculation):
    binding = evaluate(reactions.binding(SOCKET, KBR, loaded(KBR)), energies)
    failed = make_calculation(dict(SOCKET.composition), 0, status="failed", reason="no SCF")
    with pytest.raises(MissingTerm, match="slab fragment is failed"):
        decompose(
            binding,
            energies[loaded(KBR).name],
            energies[SOCKET.name],
            energies[KBR.name],
            failed,
            energies[KBR.name],
        )


def test_a_proton_lost_in_a_planned_slab_is_found_in_the_computed_structures(make_calculation):
    # planned slabs carry a stand-in; only the computed structures show that one H is missing
    stand_in = Species("socket", {"[slab]": 1})
    ligand = Species("HBr(g)", {"H": 1, "Br": 1})
    whole = Species("socket:HBr", {"[slab]": 1, "H": 1, "Br": 1})
    records = {
        "socket": make_calculation({"Cs": 3, "Br": 7}, -1.0, -1.0, -1.0, role="slab"),
        "HBr(g)": make_calculation({"H": 1, "Br": 1}, -1.0, -1.0, -1.0, role="molecule"),
        "socket:HBr": make_calculation({"Cs": 3, "Br": 8}, -1.0, -1.0, -1.0, role="slab"),
    }
    with pytest.raises(UnbalancedReaction, match=r"H -1"):
        evaluate(reactions.binding(stand_in, ligand, whole), records)


def test_the_functional_s_own_error_is_the_length_of_the_summed_modes(energies):
    """A mode that all terms share in proportion cancels; one of the loaded slab alone stays; without modes there is none."""
    reaction = reactions.binding(SOCKET, KBR, loaded(KBR))
    assert evaluate(reaction, energies).functional_error_eV is None
    common = {SOCKET.name: [2.0, 0.0], KBR.name: [0.5, 0.0], loaded(KBR).name: [2.5, 0.3]}
    with_modes = {
        name: record.model_copy(update={"ensemble_eV": common.get(name, [])})
        for name, record in energies.items()
    }
    assert evaluate(reaction, with_modes).functional_error_eV == pytest.approx(0.3)
    with_modes[KBR.name] = energies[KBR.name]
    assert evaluate(reaction, with_modes).functional_error_eV is None
