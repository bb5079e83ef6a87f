"""Ionic radii of the A, B and X sites: Shannon's from pymatgen, a small own table for the gaps.

Monatomic ions: R. D. Shannon, Acta Cryst. A32, 751 (1976), 10.1107/S0567739476001551, effective ionic radii
as shipped by pymatgen. Molecular cations: effective radii of G. Kieslich, S. Sun, A. K. Cheetham, Chem. Sci. 5,
4712 (2014), 10.1039/C4SC02211D; all eleven agree with a second list that cites the review 10.1021/acs.chemrev.8b00539. All
radii in Angstrom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from peropass.errors import InputError

SHANNON_DOI = "10.1107/S0567739476001551"
KIESLICH_DOI = "10.1039/C4SC02211D"
BARTEL_DOI = "10.1126/sciadv.aav0693"

# A sits in a cuboctahedron, B and X have six neighbours (X: two B and four A).
SITE_COORDINATION = {"A": 12, "B": 6, "X": 6}

_ROMAN = {
    numeral: value
    for value, numeral in enumerate(
        "I II III IV V VI VII VIII IX X XI XII XIII XIV".split(), start=1
    )
}

# ASSUME Sn2+ has 1.15 A: Shannon lists no octahedral Sn2+ (its lone pair); 1.15 is the value of the data set to
# which tau was fitted (Table S1 of 10.1126/sciadv.aav0693), so tau keeps its meaning.
_OWN = {("Sn", 2): {6: 1.15}}


@dataclass(frozen=True)
class MolecularCation:
    """A molecular A-site cation with its effective radius in Angstrom and the ways to write it."""

    name: str
    radius_ang: float
    spellings: tuple[str, ...]
    charge: int = 1


MOLECULAR_CATIONS: tuple[MolecularCation, ...] = (
    MolecularCation("ammonium", 1.46, ("NH4", "AM")),
    MolecularCation("hydroxylammonium", 2.16, ("H3NOH", "HA")),
    MolecularCation("methylammonium", 2.17, ("CH3NH3", "CH6N", "MA")),
    MolecularCation("hydrazinium", 2.17, ("H3NNH2", "N2H5", "HZ")),
    MolecularCation("azetidinium", 2.50, ("(CH2)3NH2", "C3H8N", "AZ")),
    MolecularCation("formamidinium", 2.53, ("HC(NH2)2", "CH(NH2)2", "NH2CHNH2", "CH5N2", "FA")),
    MolecularCation("imidazolium", 2.58, ("C3N2H5", "C3H5N2", "IM")),
    MolecularCation("dimethylammonium", 2.72, ("(CH3)2NH2", "C2H8N", "DMA")),
    MolecularCation("ethylammonium", 2.74, ("CH3CH2NH3", "C2H5NH3", "EA")),
    MolecularCation("guanidinium", 2.78, ("C(NH2)3", "CN3H6", "CH6N3", "GUA", "GA")),
    MolecularCation("tetramethylammonium", 2.92, ("(CH3)4N", "N(CH3)4", "C4H12N", "TMA")),
)
MOLECULE_OF_SPELLING = {s: cation for cation in MOLECULAR_CATIONS for s in cation.spellings}

# Radius of the outermost heavy atom of a molecular ion, for radii from geometry: Shannon's anions (N3- IV, O2- and F- II, others VI).
# ASSUME carbon and boron count like nitrogen, phosphorus and silicon like sulfur: the rule then comes within 0.13 A of the list above.
_OUTER_RADIUS_ANG = {"N": 1.46, "C": 1.46, "O": 1.35, "S": 1.84, "P": 1.84, "F": 1.285, "Cl": 1.81}
_OUTER_RADIUS_ANG |= {"Br": 1.96, "I": 2.20, "Si": 1.84, "B": 1.46, "Se": 1.98}


@dataclass(frozen=True)
class Radius:
    """Radius in Angstrom and, where the coordination asked for is not tabulated, what was used."""

    value_ang: float
    note: str = ""


@cache
def _shannon_table(element: str) -> dict[int, dict[int, tuple[float, str]]]:
    """{charge: {coordination: (radius in Angstrom, spin)}}; empty for what Shannon does not list."""
    from pymatgen.core import Element

    table: dict[int, dict[int, tuple[float, str]]] = {}
    for charge, entries in (Element(element).data.get("Shannon radii") or {}).items():
        chosen: dict[int, tuple[float, str]] = {}
        for numeral, spins in entries.items():
            # Square and pyramidal entries (IVSQ, IVPY) are other polyhedra than the sites here.
            if numeral not in _ROMAN:
                continue
            # ASSUME high spin: halides are weak-field ligands.
            spin = next((s for s in ("", "High Spin", "Low Spin") if s in spins), None)
            if spin is None:
                continue
            chosen[_ROMAN[numeral]] = (float(spins[spin]["ionic_radius"]), spin.lower())
        if chosen:
            table[int(charge)] = chosen
    for (symbol, charge), entries in _OWN.items():
        if symbol == element:
            table.setdefault(charge, {}).update({n: (r, "") for n, r in entries.items()})
    return table


@cache
def is_element(symbol: str) -> bool:
    """Whether `symbol` is a chemical element."""
    from pymatgen.core import Element

    return Element.is_valid_symbol(symbol)


@cache
def known_charges(symbol: str) -> tuple[int, ...]:
    """Charges for which a radius is known, commonest first; for molecular cations their charge."""
    if symbol in MOLECULE_OF_SPELLING:
        return (MOLECULE_OF_SPELLING[symbol].charge,)
    from pymatgen.core import Element

    common = set(Element(symbol).common_oxidation_states)
    return tuple(sorted(_shannon_table(symbol), key=lambda q: (q not in common, abs(q))))


@cache
def ionic_radius(symbol: str, charge: int, site: str) -> Radius:
    """Radius of an ion on a site.

    Parameters
    ----------
    symbol : str
        Element, or a spelling of a molecular cation, e.g. ``MA``.
    charge : int
        In elementary charges, signed.
    site : {'A', 'B', 'X'}
        A asks for 12-fold coordination, B and X for 6-fold.

    Returns
    -------
    Radius
        With a note where another coordination had to be taken or the value is from our own table.

    Raises
    ------
    InputError
        No radius is tabulated for this ion.
    """
    if symbol in MOLECULE_OF_SPELLING:
        cation = MOLECULE_OF_SPELLING[symbol]
        note = f"{symbol}: effective radius of {cation.name}, {KIESLICH_DOI}"
        return Radius(cation.radius_ang, note)
    wanted = SITE_COORDINATION[site]
    entries = _shannon_table(symbol).get(charge)
    if not entries:
        known = ", ".join(f"{q:+d}" for q in known_charges(symbol)) or "none"
        raise InputError(
            "ionic radius", f"{symbol} with charge {charge:+d}", f"{symbol} with charges {known}"
        )
    nearest = min(entries, key=lambda n: (abs(n - wanted), -n))
    value, spin = entries[nearest]
    notes = []
    if nearest != wanted:
        notes.append(f"{nearest}-fold instead of {wanted}-fold")
    if spin:
        notes.append(spin)
    if (symbol, charge) in _OWN:
        notes.append(f"not in Shannon's table, {value:.2f} A from {BARTEL_DOI}")
    return Radius(value, f"{symbol}{charge:+d} on {site}: {', '.join(notes)}" if notes else "")


def effective_radius(
    symbols: Sequence[str], positions_ang: np.ndarray, masses_u: Sequence[float]
) -> float:
    """Radius of a freely rotating molecular ion from its geometry, in Angstrom.

    Largest distance of a heavy atom from the centre of mass plus the ionic radius of that atom
    (extended tolerance factor, 10.1039/C4SC02211D).

    Parameters
    ----------
    symbols : sequence of str, length n
    positions_ang : array, shape (n, 3)
    masses_u : sequence of float, length n
    """
    positions = np.asarray(positions_ang, float)
    masses = np.asarray(masses_u, float)
    centre = masses @ positions / masses.sum()
    distances = np.linalg.norm(positions - centre, axis=1)
    heavy = [i for i, s in enumerate(symbols) if s != "H"]
    unknown = sorted({symbols[i] for i in heavy} - set(_OUTER_RADIUS_ANG))
    if unknown or not heavy:
        raise InputError(
            "radius of a molecular ion", unknown or "no heavy atom", ", ".join(_OUTER_RADIUS_ANG)
        )
    return float(max(distances[i] + _OUTER_RADIUS_ANG[symbols[i]] for i in heavy))
