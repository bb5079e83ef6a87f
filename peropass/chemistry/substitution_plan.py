"""Reactions of entries without a molecule: dopants, alloys, point defects, competing phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peropass.chemistry.planned import Kind, PlannedReaction, Reference, bulk_reference
from peropass.chemistry.reactions import (
    HostIons,
    Reaction,
    Species,
    add,
    cation,
    dopant_exchange,
    scale,
    substitution,
    vacancy_formation,
)
from peropass.errors import InputError

if TYPE_CHECKING:
    from peropass.chemistry.entries import LigandEntry


def plan_substitutions(entry: LigandEntry, ions: HostIons) -> list[PlannedReaction]:
    """Reactions of an entry of class substitution on a host, named after what is put in or taken out."""
    data = entry.substitution
    build = {
        "dopant": _dopants,
        "alloy": _alloys,
        "defect": _defects,
        "phase": _phases,
    }[data.kind]
    return build(entry, ions)


def _planned(kind: Kind, reaction: Reaction, name: str) -> PlannedReaction:
    """Name a substitution-like reaction; every bulk or gas species but the slabs is a reference."""
    references = []
    for _, species in reaction.terms:
        if species.name.endswith("(bulk)") and "[" not in species.name:
            references.append(bulk_reference(species))
        elif species.name.endswith("(g)"):
            formula = species.name.removesuffix("(g)")
            references.append(Reference(formula, "molecule", formula))
    return PlannedReaction(name, kind, Reaction(name, reaction.terms), tuple(references))


def _slab(ions: HostIons) -> Species:
    """A pristine cell large enough to lose or exchange a few ions."""
    return Species(f"{ions.formula}(001)", add({"[slab]": 1}, scale(ions.host.composition, 4)))


def _dopants(entry: LigandEntry, ions: HostIons) -> list[PlannedReaction]:
    states = entry.substitution.oxidation_states
    return [
        _planned(
            "substitution",
            dopant_exchange(ions, _slab(ions), element, states[element]),
            f"substitution-{element}",
        )
        for element in entry.substitution.species
    ]


def _alloys(entry: LigandEntry, ions: HostIons) -> list[PlannedReaction]:
    planned, slab = [], _slab(ions)
    for guest in entry.substitution.species:
        if entry.substitution.site == "A":
            own, source = (
                cation(ions.a),
                Species(f"{guest}{ions.x}(bulk)", add(cation(guest), {ions.x: 1})),
            )
            name, new = ions.a, cation(guest)
        else:
            own, source = (
                {ions.x: 1},
                Species(f"{ions.a}{guest}(bulk)", add(cation(ions.a), {guest: 1})),
            )
            name, new = ions.x, {guest: 1}
        if guest == name:
            continue
        mixed = Species(f"{slab.name}[{name}->{guest}]", add(slab.composition, new, scale(own, -1)))
        reaction = substitution(slab, source, mixed, [(1, ions.salt)])
        planned.append(_planned("substitution", reaction, f"substitution-{guest}"))
    return planned


def _defects(entry: LigandEntry, ions: HostIons) -> list[PlannedReaction]:
    slab, planned = _slab(ions), []
    for defect in entry.substitution.species:
        change = defect_exchange(defect, ions, f"{entry.where}.substitution.species")
        gained = add(*(scale(species.composition, -c) for c, species in change))
        defective = Species(f"{slab.name}[{defect}]", add(slab.composition, gained))
        reaction = vacancy_formation(slab, defective, change)
        planned.append(_planned("vacancy-formation", reaction, f"formation-{defect}"))
    return planned


def defect_exchange(defect: str, ions: HostIons, where: str) -> list[tuple[float, Species]]:
    """Reservoir units released (positive) or taken up (negative) when a defect forms.

    Names as of the surface sites (``V-CsX``, ``Cs-Pb`` = Cs on Pb, ``ad-X``): Cs, Pb and X in them stand for
    the host's own A, B and X. Single charged ions are taken as neutral atoms, so X2(g) enters as in a
    halogen-rich environment; chemical potentials shift these energies afterwards. A Frenkel pair exchanges
    nothing.

    Raises
    ------
    InputError
        Unknown defect, naming `where`.
    """
    halogen = Species(f"{ions.x}2(g)", {ions.x: 2})
    salt, dihalide = ions.salt, ions.dihalide
    table: dict[str, list[tuple[float, Species]]] = {
        "V-X": [(0.5, halogen)],
        "V-Cs": [(1, salt), (-0.5, halogen)],
        "V-Pb": [(1, dihalide), (-1, halogen)],
        "V-CsX": [(1, salt)],
        "V-PbX2": [(1, dihalide)],
        "Cs-Pb": [(1, dihalide), (-1, salt), (-0.5, halogen)],
        "Pb-Cs": [(1, salt), (-1, dihalide), (0.5, halogen)],
        "Pb-X": [(1.5, halogen), (-1, dihalide)],
        "X-Pb": [(1, dihalide), (-1.5, halogen)],
        "ad-X": [(-0.5, halogen)],
        "ad-Pb": [(-1, dihalide), (1, halogen)],
        "Schottky": [(1, ions.host)],
        "Frenkel-X": [],
        "Frenkel-Cs": [],
    }
    if defect not in table:
        raise InputError(where, repr(defect), f"one of {', '.join(table)}")
    return table[defect]


def _phases(entry: LigandEntry, ions: HostIons) -> list[PlannedReaction]:
    """Decomposition of the host into each competing phase; positive = the host is stable against it."""
    a, b, x, host = ions.a, ions.b, ions.x, ions.host
    four = Species(f"{a}4{b}{x}6(bulk)", add(scale(cation(a), 4), {b: 1, x: 6}))
    layered = Species(f"{a}{b}2{x}5(bulk)", add(cation(a), {b: 2, x: 5}))
    known: dict[str, tuple[tuple[float, Species], ...]] = {
        "A4BX6": ((-4, host), (1, four), (3, ions.dihalide)),
        "AB2X5": ((-2, host), (1, layered), (1, ions.salt)),
        "AX": ((-1, host), (1, ions.salt), (1, ions.dihalide)),
    }
    planned = []
    for phase in entry.substitution.species:
        name = f"decomposition-{phase}"
        if phase in known:
            planned.append(_planned("phase-stability", Reaction(name, known[phase]), name))
        else:
            other = Species(f"{ions.formula}-{phase}(bulk)", host.composition)
            reaction = Reaction(name, ((-1, host), (1, other)))
            planned.append(_planned("phase-stability", reaction, f"transition-{phase}"))
    return planned
