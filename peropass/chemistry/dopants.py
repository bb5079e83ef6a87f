"""Dopants on the B site as data: charge, the site that keeps the cell neutral, and the salt that they come from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from peropass.errors import InputError
from peropass.validation import load_yaml

HOST_IONS = {"Pb": 2, "Sn": 2, "Ge": 2}  # B ions of hosts, each a dopant of the others
# ASSUME the charge of a dopant is that of its library entry: a divalent one takes the place of B alone, a monovalent one comes with a halide
# vacancy, a trivalent one with an A vacancy, so that every cell is neutral.
NEUTRAL_SITES = {1: "{dopant}-Pb-V-X", 2: "{dopant}-Pb", 3: "{dopant}-Pb-V-Cs"}


@cache
def oxidation_states(library: Path) -> dict[str, int]:
    """Element -> charge of every dopant on B that the ligand library names, and of the B ions of hosts."""
    found = dict(HOST_IONS)
    for entry in (load_yaml(library).get("entries") or {}).values():
        data = (entry or {}).get("substitution") or {}
        if data.get("kind") == "dopant" and data.get("site") == "B":
            found |= data.get("oxidation_states") or {}
    return found


def neutral_site(dopant: str, state: int) -> str:
    """Name of the site with `dopant` on B that leaves the cell neutral, e.g. ``Sr-Pb`` or ``Bi-Pb-V-Cs``.

    Raises
    ------
    InputError
        No single vacancy compensates that charge.
    """
    if state not in NEUTRAL_SITES:
        raise InputError(
            "dopant", f"{dopant} of charge {state:+d}", "a charge of +1 to +3, which one vacancy compensates"
        )  # fmt: skip
    return NEUTRAL_SITES[state].format(dopant=dopant)


def salt_name(element: str, state: int, halide: str) -> str:
    """Formula of the salt MXn, e.g. ``SrBr2``."""
    return f"{element}{halide}{state if state > 1 else ''}"
