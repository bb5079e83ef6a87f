"""Energies of balanced reactions from records: every term itemised, or no number.

    value = sum over species of coefficient x total energy        products minus educts, negative = downhill

Total energies are those at the smooth number of plane waves (`plane_waves`). Unit eV per ligand. All terms share one settings hash; slabs also share cell and k-mesh, so that their errors
cancel. The dispersion part and the part of it from pairs with Cs are summed in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from peropass.analysis.plane_waves import smooth_total_eV, term_eV
from peropass.errors import MissingTerm, SettingsMismatch, StaleRecord, UnbalancedReaction
from peropass.records import (
    CalculationRecord,
    Decomposition,
    EosRecord,
    ReactionEnergy,
    Status,
    Term,
)

if TYPE_CHECKING:
    from peropass.chemistry.reactions import Reaction, Species

EnergyRecord = CalculationRecord | EosRecord

# Slab cells come from one builder; anything above the rounding of a structure file is another cell.
CELL_TOLERANCE_ANG = 1e-4


def evaluate(
    reaction: Reaction,
    energies: Mapping[str, EnergyRecord | None],
    record_files: Mapping[str, str] | None = None,
) -> ReactionEnergy:
    """Energy of a reaction, or a row that names what it lacks.

    Parameters
    ----------
    reaction
        Balanced reaction; its species names are the keys of `energies`.
    energies
        Species name -> record. A species may be absent or None.
    record_files
        Species name -> record file relative to the campaign folder, for the reader of the terms.

    Returns
    -------
    ReactionEnergy
        `value_eV` is None and `status` says why (``missing`` before ``failed``, ``anomalous``,
        ``unconverged``) if a term is absent or not ok; the reason names each such species.

    Raises
    ------
    SettingsMismatch
        Two terms differ in settings hash, or two slabs in cell or k-mesh: a mistake of the caller, not a
        property of the ligand.
    StaleRecord
        A record holds other atoms than its species.
    UnbalancedReaction
        The structures that were computed do not balance.
    """
    files = record_files or {}
    coefficients = _coefficients(reaction)
    found = {name: energies.get(name) for name in coefficients}
    terms = [
        Term(
            species=name,
            coefficient=coefficient,
            record=files.get(name, ""),
            **_term_energies(found[name]),
        )
        for name, coefficient in coefficients.items()
    ]
    lacks = [_lack(name, record) for name, record in found.items()]
    if any(lacks):
        return _without_value(reaction, terms, [lack for lack in lacks if lack])
    for _, species in reaction.terms:
        _check_composition(reaction.equation, species, found[species.name])
    check_comparable(reaction.equation, found)
    check_balance(reaction.equation, coefficients, found)
    slopeless = [_lack_of_slope(name, record) for name, record in found.items()]
    if any(slopeless):
        return _without_value(reaction, terms, [lack for lack in slopeless if lack])
    return ReactionEnergy(
        name=reaction.name,
        equation=reaction.equation,
        value_eV=float(sum(t.coefficient * t.energy_eV for t in terms)),
        plane_waves_eV=float(sum(t.coefficient * t.plane_waves_eV for t in terms)),
        dispersion_eV=_sum(coefficients, found, "dispersion_eV"),
        dispersion_cs_eV=_sum(coefficients, found, "dispersion_cs_eV"),
        functional_error_eV=_ensemble_error(coefficients, found),
        terms=terms,
    )


def _without_value(
    reaction: Reaction, terms: list[Term], lacking: list[tuple[Status, str]]
) -> ReactionEnergy:
    return ReactionEnergy(
        name=reaction.name,
        equation=reaction.equation,
        value_eV=None,
        terms=terms,
        status=_worst([status for status, _ in lacking]),
        reason="; ".join(text for _, text in lacking),
    )


def _ensemble_error(
    coefficients: Mapping[str, float], records: Mapping[str, EnergyRecord]
) -> float | None:
    """Length of the summed ensemble modes, eV; None unless every term has them."""
    modes = {name: getattr(record, "ensemble_eV", []) for name, record in records.items()}
    if not all(modes.values()):
        return None
    total = sum(coefficient * np.array(modes[name]) for name, coefficient in coefficients.items())
    return float(np.linalg.norm(total))


def check_balance(
    equation: str, coefficients: Mapping[str, float], records: Mapping[str, EnergyRecord]
) -> None:
    """Balance elements over the structures that were really computed.

    Planned slabs carry a stand-in composition, so a lost proton or a wrong reference would pass the check of the
    planned reaction; it cannot pass this one.

    Raises
    ------
    UnbalancedReaction
        Naming each element and its excess on the product side.
    """
    total: dict[str, float] = {}
    for name, coefficient in coefficients.items():
        for element, count in _composition(records[name]).items():
            total[element] = total.get(element, 0.0) + coefficient * count
    excess = {e: n for e, n in sorted(total.items()) if abs(n) > 1e-9}
    if excess:
        told = ", ".join(f"{element} {n:+g}" for element, n in excess.items())
        raise UnbalancedReaction(f"{equation}: the computed structures do not balance: {told}")


def _composition(record: EnergyRecord) -> Mapping[str, int]:
    return record.composition if record.kind == "eos" else record.initial.composition


def require(reaction_energy: ReactionEnergy) -> float:
    """The value of a reaction energy. Raises MissingTerm, naming what is missing, if it has none."""
    if reaction_energy.value_eV is None:
        raise MissingTerm(
            f"{reaction_energy.name} ({reaction_energy.equation}): {reaction_energy.reason}"
        )
    return reaction_energy.value_eV


def check_comparable(equation: str, records: Mapping[str, EnergyRecord]) -> None:
    """Raise SettingsMismatch unless all energies may be subtracted from each other."""
    first_name, first = next(iter(records.items()))
    for name, record in records.items():
        if record.settings_hash != first.settings_hash:
            raise SettingsMismatch(
                f"{equation}: {name} was computed with settings {record.settings_hash}, "
                f"{first_name} with {first.settings_hash}: {_difference(record.settings, first.settings)}"
            )
    slabs = [(n, r) for n, r in records.items() if r.kind != "eos" and r.role == "slab"]
    for name, record in slabs[1:]:
        _check_same_cell(equation, slabs[0], (name, record))


def decompose(
    binding: ReactionEnergy,
    loaded: CalculationRecord,
    socket: CalculationRecord,
    ligand: CalculationRecord,
    slab_fragment: CalculationRecord,
    ligand_fragment: CalculationRecord,
) -> Decomposition:
    """Split a binding energy with single points of the two fragments in the geometry of the loaded slab.

        interaction       = E(loaded) - E(slab fragment) - E(ligand fragment)
        slab deformation  = E(slab fragment) - E(relaxed socket)               >= 0 for a true minimum
        ligand deformation= E(ligand fragment) - E(relaxed gas-phase ligand)   >= 0 for a true minimum

    Raises
    ------
    MissingTerm
        `binding` has no value or a record is not ok.
    SettingsMismatch
        Settings, or cell and k-mesh of loaded slab, socket and slab fragment, differ.
    """
    records = {
        "loaded slab": loaded,
        "socket": socket,
        "ligand": ligand,
        "slab fragment": slab_fragment,
        "ligand fragment": ligand_fragment,
    }
    lacking = [_lack(name, record)[1] for name, record in records.items() if _lack(name, record)]
    if lacking:
        raise MissingTerm(f"decomposition of {binding.name}: {'; '.join(lacking)}")
    value = require(binding)
    check_comparable(f"decomposition of {binding.name}", records)
    for other in ("socket", "slab fragment"):
        _check_same_cell(binding.name, ("loaded slab", loaded), (other, records[other]))
    total = {name: smooth_total_eV(record) for name, record in records.items()}
    interaction = total["loaded slab"] - total["slab fragment"] - total["ligand fragment"]
    slab_deformation = total["slab fragment"] - total["socket"]
    ligand_deformation = total["ligand fragment"] - total["ligand"]
    return Decomposition(
        interaction_eV=interaction,
        slab_deformation_eV=slab_deformation,
        ligand_deformation_eV=ligand_deformation,
        closure_eV=interaction + slab_deformation + ligand_deformation - value,
    )


def _coefficients(reaction: Reaction) -> dict[str, float]:
    total: dict[str, float] = {}
    for coefficient, species in reaction.terms:
        total[species.name] = total.get(species.name, 0.0) + float(coefficient)
    return total


def _check_composition(equation: str, species: Species, record: EnergyRecord) -> None:
    found = record.composition if record.kind == "eos" else record.initial.composition
    expected = dict(species.composition)
    # A planned slab carries a stand-in element such as [slab]; there is nothing to compare with then.
    if any(element.startswith("[") for element in expected):
        return
    if dict(found) != expected:
        raise StaleRecord(
            f"{equation}: the record of {species.name} holds {_counted(found)}, the reaction means "
            f"{_counted(expected)}"
        )


def _counted(composition: Mapping[str, float]) -> str:
    return " ".join(f"{element}{count:g}" for element, count in sorted(composition.items()))


def _term_energies(record: EnergyRecord | None) -> dict[str, float]:
    """Energy of a species and the plane-wave term in it; nothing where there is none."""
    if record is None or record.energy is None:
        return {}
    try:
        extra = term_eV(record)
    except MissingTerm:
        return {}
    return {"energy_eV": record.energy.total_eV + extra, "plane_waves_eV": extra}


def _lack(name: str, record: EnergyRecord | None) -> tuple[Status, str] | None:
    if record is None:
        return "missing", f"no record of {name}"
    if record.status != "ok":
        return record.status, f"{name} is {record.status}" + (
            f" ({record.reason})" if record.reason else ""
        )
    if record.energy is None:
        return "missing", f"the record of {name} has no energy"
    return None


def _lack_of_slope(name: str, record: EnergyRecord) -> tuple[Status, str] | None:
    """An element or a cutoff whose plane-wave slope nobody has measured: no number, rather than one that is a tenth of an eV off."""
    try:
        term_eV(record)
    except MissingTerm as error:
        return "missing", f"{name}: {error}"
    return None


def _worst(statuses: list[Status]) -> Status:
    order: list[Status] = ["missing", "skipped", "failed", "anomalous", "unconverged"]
    return min(statuses, key=order.index)


def _sum(
    coefficients: Mapping[str, float], records: Mapping[str, EnergyRecord], part: str
) -> float:
    return float(sum(n * getattr(records[name].energy, part) for name, n in coefficients.items()))


def _check_same_cell(
    equation: str, one: tuple[str, CalculationRecord], other: tuple[str, CalculationRecord]
) -> None:
    (one_name, a), (other_name, b) = one, other
    if a.cell_ang != b.cell_ang and not np.allclose(
        a.cell_ang, b.cell_ang, rtol=0, atol=CELL_TOLERANCE_ANG
    ):
        raise SettingsMismatch(
            f"{equation}: cells differ: {other_name} {_diagonal(b)} A, {one_name} {_diagonal(a)} A"
        )
    if tuple(a.kpts) != tuple(b.kpts):
        raise SettingsMismatch(
            f"{equation}: k-meshes differ: {other_name} {tuple(b.kpts)}, {one_name} {tuple(a.kpts)}"
        )


def _diagonal(record: CalculationRecord) -> str:
    return " x ".join(f"{np.linalg.norm(row):.4f}" for row in np.asarray(record.cell_ang, float))


def _difference(found: Mapping, expected: Mapping) -> str:
    keys = [k for k in sorted({*found, *expected}) if found.get(k) != expected.get(k)]
    shown = [f"{key} {found.get(key)!r} against {expected.get(key)!r}" for key in keys[:4]]
    return ", ".join(shown) or "the settings listed do not differ"
