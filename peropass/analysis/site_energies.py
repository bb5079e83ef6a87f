"""Energies of dopants and vacancies from the slabs without ligand alone: differences in which every reservoir cancels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from peropass.analysis.reaction_energies import evaluate
from peropass.chemistry.reactions import Reaction, Species
from peropass.errors import SettingsMismatch, UnbalancedReaction
from peropass.records import CalculationRecord, ComparisonResult

DOPANT = re.compile(r"[A-Z][a-z]?-[A-Z][a-z]?")  # Bi-Pb
PRISTINE = "pristine"


def from_slabs(
    host: str, termination: str, slabs: Mapping[str, CalculationRecord | None]
) -> list[ComparisonResult]:
    """What the sites of one termination say of a dopant, as far as their slabs are there.

    surface preference   E(M-Pb) - E(M-Pb-deep)                                negative = the dopant stays outside
    dopant on vacancy    E(M-Pb-V) + E(pristine) - E(M-Pb) - E(V)              positive = it suppresses the vacancy

    Parameters
    ----------
    slabs
        Site name -> relaxed slab without ligand; only the combinations that are named are compared.

    Returns
    -------
    list of ComparisonResult
        A slab that is not ok is named in the reason.
    """
    found = []
    for dopant in sorted(name for name in slabs if DOPANT.fullmatch(name)):
        if f"{dopant}-deep" in slabs:
            terms = {dopant: 1, f"{dopant}-deep": -1}
            found.append(_difference("surface-preference", host, termination, terms, slabs))
        for vacancy in sorted(name for name in slabs if name.startswith("V-")):
            if f"{dopant}-{vacancy}" in slabs and PRISTINE in slabs:
                terms = {f"{dopant}-{vacancy}": 1, PRISTINE: 1, dopant: -1, vacancy: -1}
                found.append(_difference("dopant-on-vacancy", host, termination, terms, slabs))
    return found


def _difference(
    kind: str,
    host: str,
    termination: str,
    terms: Mapping[str, int],
    slabs: Mapping[str, CalculationRecord | None],
) -> ComparisonResult:
    of, *parts = terms
    base = {
        "kind": kind,
        "host": host,
        "termination": termination,
        "site": of,
        "of": of,
        "parts": parts,
    }
    lacking = [
        f"slab {name} is {'missing' if slabs[name] is None else slabs[name].status}"
        for name in terms
        if slabs[name] is None or slabs[name].status != "ok" or slabs[name].initial is None
    ]
    if lacking:
        return ComparisonResult(value_eV=None, reason="; ".join(lacking), **base)
    try:
        reaction = Reaction(
            kind, tuple((n, Species(s, slabs[s].initial.composition)) for s, n in terms.items())
        )
        value = evaluate(reaction, slabs).value_eV
    except (UnbalancedReaction, SettingsMismatch) as refusal:
        return ComparisonResult(value_eV=None, reason=str(refusal), **base)
    return ComparisonResult(value_eV=value, **base)
