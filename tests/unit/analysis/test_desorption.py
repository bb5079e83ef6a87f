"""Channels: limits in temperature and concentration, entropy of splitting, and honest gaps."""

import math

import pytest

from peropass.analysis.desorption import Held, explain, lability, ladder, proton_worth
from peropass.analysis.reaction_energies import evaluate
from peropass.analysis.thermochemistry import reservoir_free_energy
from peropass.chemistry.planned import PlannedReaction
from peropass.chemistry.reactions import HostIons, Species, add, desorption, desorption_complex
from peropass.records import Address, Energy, Provenance, ThermoRecord
from peropass.units import BOLTZMANN_EV_PER_K, WAVENUMBER_EV

SOCKET = Species("slab[V-CsX]", {"Cs": 3, "Pb": 2, "Br": 7})
PAIR = Species("MABr(g)", {"C": 1, "N": 1, "H": 6, "Br": 1})
AMINE = Species("MeNH2(g)", {"C": 1, "N": 1, "H": 5})
ACID = Species("HBr(g)", {"H": 1, "Br": 1})
LOADED = Species("slab[V-CsX]:MABr", add(SOCKET.composition, PAIR.composition))
SALT = HostIons().salt
COMPLEX = Species("MABr.CsBr(g)", add(PAIR.composition, SALT.composition))


def planned(name, reaction, reason=""):
    return PlannedReaction(name, "desorption", reaction, reason=reason)


PLAN = [
    planned("desorption-ion-pair", desorption("ion-pair", LOADED, SOCKET, [PAIR])),
    planned(
        "desorption-proton-transfer", desorption("proton-transfer", LOADED, SOCKET, [AMINE, ACID])
    ),
    planned("desorption-alkyl-transfer", None, "no onium centre with an alkyl group to give"),
]


@pytest.fixture
def energies(make_calculation):
    values = {LOADED: -10.0, SOCKET: -6.0, PAIR: -3.0, AMINE: -1.2, ACID: -1.5, SALT: -2.0}
    values[COMPLEX] = -5.5
    return {
        s.name: make_calculation(
            dict(s.composition), v, role="slab" if "slab" in s.name else "molecule"
        )
        for s, v in values.items()
    }


def thermo_record(name, mass, modes, moments=(30.0, 60.0, 80.0), **solvation):
    return ThermoRecord(
        status="ok",
        address=Address(campaign="synthetic", protocol="smoke"),
        provenance=Provenance(revision=1, physics_hash="synthetic"),
        species=name,
        smiles="",
        method="synthetic",
        mass_u=mass,
        moments_u_ang2=list(moments),
        wavenumbers_cm=[500.0] * modes,
        solvation_eV=solvation,
    )


@pytest.fixture
def thermo():
    return {
        PAIR.name: thermo_record(PAIR.name, 112.0, 21, toluene=-0.4),
        AMINE.name: thermo_record(AMINE.name, 31.0, 15, toluene=-0.1),
        ACID.name: thermo_record(ACID.name, 81.0, 1, (0.0, 2.0, 2.0), toluene=-0.1),
        COMPLEX.name: thermo_record(COMPLEX.name, 325.0, 27, toluene=-0.4),
    }


def by_name(channels):
    return {c.name: c for c in channels}


def make(energies, thermo, temperature=298.15, concentration=1e-3, solvent="none", plan=PLAN):
    return by_name(ladder(plan, energies, thermo, PAIR.name, temperature, concentration, solvent))


def test_free_energy_becomes_the_electronic_one_at_zero_temperature(energies, thermo):
    for channel in make(energies, thermo, temperature=1e-3).values():
        if channel.status == "ok":
            left = channel.free_energy_eV - channel.terms["zero point"]
            assert left == pytest.approx(channel.electronic_eV, abs=1e-3)


def test_internal_modes_cancel_where_the_ligand_leaves_as_it_is(energies, thermo):
    cold = make(energies, thermo)["ion-pair"]
    assert cold.terms["vibration"] == pytest.approx(0, abs=1e-12)
    # Only the zero point of the six frustrated modes at 60 cm^-1 is lost: 22 meV.
    assert cold.terms["zero point"] == pytest.approx(-0.0223, abs=0.0003)


def test_terms_add_up(energies, thermo):
    for channel in make(energies, thermo, solvent="toluene").values():
        if channel.status == "ok":
            assert sum(channel.terms.values()) == pytest.approx(channel.free_energy_eV)
            assert channel.terms["electronic"] == channel.electronic_eV


def test_dilution_tenfold_helps_two_molecules_twice_as_much(energies, thermo):
    step = BOLTZMANN_EV_PER_K * 298.15 * 2.302585
    dilute, strong = make(energies, thermo, concentration=1e-4), make(energies, thermo)
    for name, n in (("ion-pair", 1), ("proton-transfer", 2)):
        gain = strong[name].free_energy_eV - dilute[name].free_energy_eV
        assert gain == pytest.approx(n * step, abs=1e-6)


def test_entropy_pays_for_two_molecules(energies, thermo):
    cold, hot = make(energies, thermo, temperature=50), make(energies, thermo, temperature=400)

    def gap(channels):
        return channels["proton-transfer"].free_energy_eV - channels["ion-pair"].free_energy_eV

    assert gap(hot) < gap(cold) - 0.3


def test_cheapest_channel_is_the_lability_and_comes_first(energies, thermo):
    channels = ladder(PLAN, energies, thermo, PAIR.name, 298.15, 1e-3)
    assert lability(channels) == channels[0]
    assert channels[-1].status == "skipped"
    assert "onium" in channels[-1].reason
    assert lability([channels[-1]]) is None


def test_missing_reference_is_named_and_the_other_channels_go_on(energies, thermo):
    del energies[AMINE.name]
    channels = make(energies, thermo)
    assert channels["proton-transfer"].status == "missing"
    assert AMINE.name in channels["proton-transfer"].reason
    assert channels["ion-pair"].status == "ok"


def test_missing_vibrations_leave_the_electronic_energy_only(energies, thermo):
    del thermo[ACID.name]
    channel = make(energies, thermo)["proton-transfer"]
    assert channel.electronic_eV == pytest.approx(10 - 6 - 1.2 - 1.5)
    assert channel.free_energy_eV is None
    assert ACID.name in channel.reason


def test_unknown_solvent_is_named(energies, thermo):
    channel = make(energies, thermo, solvent="hexane")["ion-pair"]
    assert "hexane" in channel.reason


def test_complex_takes_its_unit_from_the_reservoir(energies, thermo):
    reaction = desorption_complex(LOADED, SOCKET, SALT, COMPLEX, refill=True)
    channel = make(energies, thermo, plan=[planned("desorption-with-CsBr", reaction)])["with-CsBr"]
    assert channel.electronic_eV == pytest.approx(10 + 2.0 - 6 - 5.5)
    # Ordered bulk has less entropy than anything that leaves: taking a unit out of it costs less free energy.
    assert channel.terms["reservoir"] > 0


def test_as_many_zero_points_come_as_go(energies, thermo):
    """Six modes leave the crystal with CsBr: what its own bulk held of them is taken off the complex."""
    reaction = desorption_complex(LOADED, SOCKET, SALT, COMPLEX, refill=True)
    channel = make(energies, thermo, plan=[planned("desorption-with-CsBr", reaction)])["with-CsBr"]
    bulk = reservoir_free_energy("CsBr", 298.15).zero_point
    six = 6 * 0.5 * 500.0 * WAVENUMBER_EV
    frustrated = 6 * 0.5 * 60.0 * WAVENUMBER_EV
    assert channel.terms["zero point"] == pytest.approx(six - frustrated - bulk)


def test_caesium_of_a_bulk_phase_is_recorded_with_the_channel_alone(energies, thermo):
    reaction = desorption_complex(LOADED, SOCKET, SALT, COMPLEX, refill=True)
    channels = make(energies, thermo, plan=[*PLAN, planned("desorption-with-CsBr", reaction)])
    assert channels["ion-pair"].dispersion_cs_eV is None
    assert channels["with-CsBr"].dispersion_cs_eV == evaluate(reaction, energies).dispersion_cs_eV


def test_a_triplet_that_stays_one_on_the_surface_gains_nothing_by_leaving(energies, thermo):
    thermo[PAIR.name] = thermo[PAIR.name].model_copy(update={"multiplicity": 3})
    lost = make(energies, thermo)["ion-pair"].terms["electronic states"]
    assert lost == pytest.approx(-BOLTZMANN_EV_PER_K * 298.15 * math.log(3))
    kept = energies | {
        LOADED.name: energies[LOADED.name].model_copy(update={"magnetic_moment_muB": -1.98})
    }
    assert make(kept, thermo)["ion-pair"].terms["electronic states"] == pytest.approx(0, abs=1e-12)


def held(name, channels, binding=None):
    return Held(name, list(channels.values()), binding)


@pytest.fixture
def quaternary(energies, thermo):
    """The same ligand with the same energies, but without a proton to give."""
    skipped = planned("desorption-proton-transfer", None, "no proton to give")
    return make(energies, thermo, plan=[PLAN[0], skipped, PLAN[2]])


@pytest.fixture
def native(energies, thermo):
    """Two molecules cost 0.1 eV more energy than the pair, so that entropy makes them the cheaper way out."""
    energies[ACID.name] = energies[ACID.name].model_copy(
        update={"energy": Energy(electronic_eV=-1.7, free_eV=-1.7, total_eV=-1.7)}
    )
    return make(energies, thermo)


def test_what_the_proton_is_worth_is_the_gap_to_the_next_channel(native):
    expected = native["ion-pair"].free_energy_eV - native["proton-transfer"].free_energy_eV
    assert expected > 0.2
    assert proton_worth(list(native.values())) == pytest.approx(expected)
    assert proton_worth([native["ion-pair"]]) == 0
    assert proton_worth([native["proton-transfer"]]) is None


def test_a_quaternary_cation_stays_because_it_has_no_proton(native, quaternary):
    text = explain(held("tma", quaternary, -1.0), held("ma", native, -1.0))
    assert "does not bind harder, because it has no proton to give" in text
    # Both bind alike and differ in that one channel only: it is the whole difference.
    assert "100% of the difference" in text


def test_harder_binding_is_named_beside_the_proton(native, quaternary):
    text = explain(held("tma", quaternary, -1.5), held("ma", native, -1.0))
    assert "harder by 0.50 eV" in text
    assert "it binds harder as well" in text


def test_explanation_that_does_not_hold_is_not_given(energies, thermo, quaternary):
    dear = make(energies, thermo, temperature=1.0)
    assert proton_worth(list(dear.values())) == 0
    text = explain(held("tma", quaternary), held("ma", dear))
    assert "does not hold here" in text


def test_comparison_without_a_free_energy_names_who_lacks_it(native):
    assert "of tma" in explain(held("tma", {}), held("ma", native))


def test_lead_halide_from_the_host_and_from_its_own_bulk_close_a_cycle(energies, make_calculation):
    """with-PbBr2 from CsPbBr3 - CsBr differs from with-PbBr2 out of PbBr2(bulk) by the formation energy of the host."""
    ions = HostIons()
    complex_gas = Species("MAPbBr3(g)", add(PAIR.composition, ions.dihalide.composition))
    for species, value in ((ions.host, -7.3), (ions.dihalide, -5.1), (complex_gas, -8.6)):
        energies[species.name] = make_calculation(dict(species.composition), value, role="molecule")
    supply = ((-1, ions.host), (1, ions.salt))
    from_host = desorption_complex(LOADED, SOCKET, ions.dihalide, complex_gas, True, supply)
    from_bulk = desorption_complex(LOADED, SOCKET, ions.dihalide, complex_gas, True)
    found = [evaluate(r, energies).value_eV for r in (from_host, from_bulk)]
    formation = -7.3 - (-5.1) - (-2.0)
    assert found[1] - found[0] == pytest.approx(formation, abs=1e-9)
