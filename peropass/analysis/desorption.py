"""The ladder of desorption channels of a ligand; the cheapest is its lability. Positive = costs free energy (eV).

    dG = dE + sum_products [ G_gas(T, c) + G_solv ] - G_bound + sum_reservoirs (-/+) G_bulk + sum_slabs (-/+) G_spin

dE is the electronic energy of the balanced reaction loaded -> what is left + leaving species, at the campaign's
settings. G_bound is the bound ligand: internal vibrations of its gas-phase set, rigid motions turned into frustrated
vibrations. A channel into two molecules gains two translations and rotations: entropy pays for it. G_spin is -kT ln of the
multiplicity that a slab's magnetic moment stands for: O2 gains nothing by a triplet that it has on the surface as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from peropass.analysis.reaction_energies import EnergyRecord, evaluate
from peropass.analysis.thermochemistry import (
    FreeEnergyTerms,
    IdealGas,
    electronic_free_energy,
    frustrated_free_energy,
    gas_free_energy,
    reservoir_free_energy,
    vibrational_free_energy,
    zero_point_energy,
)
from peropass.records import Channel, ReactionEnergy, ThermoRecord

if TYPE_CHECKING:
    from peropass.chemistry.planned import PlannedReaction
    from peropass.chemistry.reactions import Reaction

PREFIX = "desorption-"
PROTON_TRANSFER = "proton-transfer"


def ladder(
    planned: Sequence[PlannedReaction],
    energies: Mapping[str, EnergyRecord | None],
    thermo: Mapping[str, ThermoRecord | None],
    ligand: str,
    temperature_K: float,
    concentration_M: float,
    solvent: str = "none",
) -> list[Channel]:
    """All desorption channels of one loaded slab, cheapest first, then those without a number.

    Parameters
    ----------
    planned
        Reactions of kind ``desorption``; others are passed over. One that cannot exist becomes a channel of status
        ``skipped`` with its reason, e.g. a cation that has no proton to give.
    energies
        Species name -> record, as for `reaction_energies.evaluate`.
    thermo
        Gas species name -> thermo record.
    ligand
        Name of the ligand's own gas-phase species, whose internal vibrations the bound ligand keeps.
    temperature_K, concentration_M
        Of the solution; every leaving species has this concentration.
    solvent : str
        Key of `ThermoRecord.solvation_eV`, or ``none``.

    Raises
    ------
    SettingsMismatch, StaleRecord
        As `reaction_energies.evaluate`.
    """
    conditions = {
        "temperature_K": temperature_K,
        "concentration_M": concentration_M,
        "solvent": solvent,
    }
    moments = {name: _moment(record) for name, record in energies.items()}
    channels = []
    for plan in planned:
        if plan.kind != "desorption":
            continue
        name = plan.name.removeprefix(PREFIX)
        if plan.reaction is None:
            channels.append(
                Channel(
                    name=name,
                    equation="",
                    electronic_eV=None,
                    free_energy_eV=None,
                    status="skipped",
                    reason=plan.reason,
                    **conditions,
                )
            )
            continue
        electronic = evaluate(plan.reaction, energies)
        channels.append(
            _channel(name, plan.reaction, electronic, thermo, moments, ligand, conditions)
        )
    return sorted(
        channels,
        key=lambda c: (c.free_energy_eV is None, c.free_energy_eV or 0.0, c.status, c.name),
    )


def lability(channels: Sequence[Channel]) -> Channel | None:
    """The cheapest channel with a free energy, or None."""
    known = [c for c in channels if c.status == "ok" and c.free_energy_eV is not None]
    return min(known, key=lambda c: c.free_energy_eV) if known else None


@dataclass(frozen=True)
class Held:
    """A ligand whose hold is compared: its name, channels and binding energy (eV, negative binds)."""

    name: str
    channels: Sequence[Channel]
    binding_eV: float | None = None


def explain(first: Held, second: Held) -> str:
    """Why the first ligand is held longer or shorter than the second, in numbers.

    Three sentences: the two cheapest channels and their difference; the binding energies; and what the proton transfer
    of the one that has it is worth, i.e. by how much its lability would rise without that channel. Says so where the
    lack of a proton explains nothing.
    """
    one, other = lability(first.channels), lability(second.channels)
    if one is None or other is None:
        lacking = " and ".join(h.name for h in (first, second) if lability(h.channels) is None)
        return f"no comparison with {second.name}: no free energy of any channel of {lacking}"
    gap = one.free_energy_eV - other.free_energy_eV
    told = (
        f"{first.name} leaves as {one.name} for {one.free_energy_eV:+.2f} eV, {second.name} as {other.name} for "
        f"{other.free_energy_eV:+.2f} eV: held {'longer' if gap > 0 else 'less long'} by {abs(gap):.2f} eV, "
        f"{_largest_item(one, other)}. "
    )
    return told + _binding_compared(first, second) + _proton_verdict(first, second, gap)


def proton_worth(channels: Sequence[Channel]) -> float | None:
    """Rise of the lability if the proton transfer did not exist, eV; 0 if it is not the cheapest, None if nothing is known."""
    cheapest = lability(channels)
    rest = lability([c for c in channels if c.name != PROTON_TRANSFER])
    if cheapest is None or rest is None:
        return None
    return rest.free_energy_eV - cheapest.free_energy_eV


def _largest_item(one: Channel, other: Channel) -> str:
    items = {
        key: one.terms.get(key, 0.0) - other.terms.get(key, 0.0)
        for key in sorted({*one.terms, *other.terms})
    }
    largest = max(items, key=lambda key: abs(items[key]), default="")
    return f"the largest item of it {largest} ({items[largest]:+.2f} eV)" if largest else "no items"


def _binding_compared(first: Held, second: Held) -> str:
    if first.binding_eV is None or second.binding_eV is None:
        return ""
    difference = first.binding_eV - second.binding_eV
    word = "harder" if difference < 0 else "less hard"
    return f"It binds {word} by {abs(difference):.2f} eV ({first.binding_eV:+.2f} against {second.binding_eV:+.2f} eV). "


def _proton_verdict(first: Held, second: Held, gap: float) -> str:
    """What the channel that only the second ligand has is worth for the difference between the two."""
    names = {c.name for c in first.channels if c.status != "skipped"}
    has = {c.name for c in second.channels if c.status != "skipped"}
    if PROTON_TRANSFER in names or PROTON_TRANSFER not in has:
        return ""
    worth = proton_worth(second.channels)
    if worth is None:
        return f"What the proton of {second.name} is worth is not known: a channel of it has no free energy."
    if gap <= 0:
        return "It has no proton to give, and leaves more easily all the same: that explanation does not hold here."
    if worth <= 0:
        return (
            f"It has no proton to give, but {second.name} does not leave by proton transfer either: "
            "that explanation does not hold here."
        )
    harder = (
        None not in (first.binding_eV, second.binding_eV) and first.binding_eV < second.binding_eV
    )
    share = (
        f"{worth:.2f} eV of {second.name}'s lability: {min(worth / gap, 1.0):.0%} of the difference"
    )
    if harder:
        return f"It has no proton to give, which is worth {share}; it binds harder as well."
    return f"It stays although it does not bind harder, because it has no proton to give; that channel is worth {share}."


def _channel(
    name: str,
    reaction: Reaction,
    electronic: ReactionEnergy,
    thermo: Mapping[str, ThermoRecord | None],
    moments: Mapping[str, int],
    ligand: str,
    conditions: dict,
) -> Channel:
    terms, lacking = _corrections(reaction, thermo, moments, ligand, **conditions)
    base = {"name": name, "equation": reaction.equation, **conditions}
    if any(species.name.endswith("(bulk)") for _, species in reaction.terms):
        base["dispersion_cs_eV"] = electronic.dispersion_cs_eV
    if electronic.value_eV is None:
        return Channel(
            electronic_eV=None,
            free_energy_eV=None,
            status=electronic.status,
            reason=electronic.reason,
            **base,
        )
    if lacking:
        return Channel(
            electronic_eV=electronic.value_eV,
            free_energy_eV=None,
            status="missing",
            reason="; ".join(lacking),
            **base,
        )
    items = {"electronic": electronic.value_eV, **terms}
    return Channel(
        electronic_eV=electronic.value_eV,
        free_energy_eV=sum(items.values()),
        terms=items,
        **base,
    )


def _corrections(
    reaction: Reaction,
    thermo: Mapping[str, ThermoRecord | None],
    moments: Mapping[str, int],
    ligand: str,
    temperature_K: float,
    concentration_M: float,
    solvent: str,
) -> tuple[dict[str, float], list[str]]:
    """Itemised free-energy terms in eV, and what is missing for them."""
    terms = dict.fromkeys(
        ("translation", "rotation", "vibration", "electronic states", "zero point"), 0.0
    )
    lacking: list[str] = []
    bound = _gas(thermo.get(ligand))
    if bound is None:
        lacking.append(f"no vibrations of {ligand}")
    else:
        frustrated, vibration, zero_point = _bound_terms(bound, temperature_K)
        terms["frustrated motion of the bound ligand"] = -frustrated.thermal
        terms["vibration"] -= vibration
        terms["zero point"] -= frustrated.zero_point + zero_point
    # ASSUME slab phonons are those of the socket, loaded or not, and the solvent at the surface is not displaced: both are left out.
    for coefficient, species in reaction.terms:
        if species.name.endswith("(bulk)"):
            value = reservoir_free_energy(species.name.removesuffix("(bulk)"), temperature_K)
            if value is None:
                lacking.append(f"no standard entropy of {species.name}")
            else:
                terms["reservoir"] = terms.get("reservoir", 0.0) + coefficient * value.thermal
                terms["zero point"] += coefficient * value.zero_point
        elif species.name.endswith("(g)"):
            record = thermo.get(species.name)
            gas = _gas(record)
            if gas is None:
                lacking.append(f"no vibrations of {species.name}")
                continue
            parts = _gas_terms(gas, temperature_K, concentration_M)
            terms["translation"] += coefficient * parts.translation
            terms["rotation"] += coefficient * parts.rotation
            terms["vibration"] += coefficient * parts.vibration
            terms["electronic states"] += coefficient * parts.electronic
            terms["zero point"] += coefficient * parts.zero_point
            if solvent != "none":
                if solvent not in record.solvation_eV:
                    lacking.append(f"no solvation of {species.name} in {solvent}")
                    continue
                terms["solvation"] = (
                    terms.get("solvation", 0.0) + coefficient * record.solvation_eV[solvent]
                )
        else:
            spin = electronic_free_energy(1 + moments.get(species.name, 0), temperature_K)
            terms["electronic states"] += coefficient * spin
    return terms, list(dict.fromkeys(lacking))


# A channel asks for what the others of its ligand, or of all ligands, have asked for already.
_gas_terms = lru_cache(maxsize=1024)(gas_free_energy)


@lru_cache(maxsize=64)
def _bound_terms(bound: IdealGas, temperature_K: float) -> tuple[FreeEnergyTerms, float, float]:
    """Of a bound ligand: its frustrated motions, its vibrations without and their zero point, eV."""
    return (
        frustrated_free_energy(bound, temperature_K),
        vibrational_free_energy(bound.wavenumbers_cm, temperature_K),
        zero_point_energy(bound.wavenumbers_cm),
    )


def _moment(record: EnergyRecord | None) -> int:
    """Unpaired electrons of a slab, from its magnetic moment; 0 where it was computed without spin."""
    return round(abs(getattr(record, "magnetic_moment_muB", None) or 0.0))


def _gas(record: ThermoRecord | None) -> IdealGas | None:
    if record is None or record.status != "ok" or record.mass_u is None:
        return None
    return IdealGas(
        record.mass_u,
        tuple(record.moments_u_ang2),
        tuple(record.wavenumbers_cm),
        record.symmetry_number,
        record.multiplicity,
    )
