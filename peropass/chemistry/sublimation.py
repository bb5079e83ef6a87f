"""From a salt molecule in the gas to its solid: measured enthalpies of sublimation, for rows of metal halides.

Every ligand is bound from the gas, also a metal halide that a chemist weighs in as a solid. The energy of the solid differs
from salt to salt by more than what the ranking resolves, so metal halides compare with each other only after

    binding from the solid = binding + enthalpy of sublimation                      eV per formula unit, negative = binds

Standard enthalpies of formation at 298.15 K: solids CRC Handbook of Chemistry and Physics, gases NIST-JANAF tables (Chase 1998)
or, where those have none, the CRC Handbook too.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from peropass.units import KJ_PER_MOL_EV

CRC = "CRC Handbook"
JANAF = "NIST-JANAF"
GABR3 = "Brunetti et al., J. Chem. Eng. Data 54, 2273 (2009)"
_ION = re.compile(r"\[([A-Z][a-z]?)[+-]\d?\]")


@dataclass(frozen=True)
class Formation:
    """Standard enthalpies of formation of a salt at 298.15 K, kJ/mol."""

    solid_kJ_per_mol: float
    gas_kJ_per_mol: float
    gas_source: str = JANAF

    @property
    def sublimation_eV(self) -> float:
        return (self.gas_kJ_per_mol - self.solid_kJ_per_mol) * KJ_PER_MOL_EV

    @property
    def source(self) -> str:
        return CRC if self.gas_source == CRC else f"{CRC}, {self.gas_source}"


# ASSUME the enthalpy of sublimation at 298 K stands for the electronic energy: zero points and heat contents of a salt and its
# molecule differ by less than 0.05 eV. Monomers in the gas, whatever the vapour holds.
FORMATION: dict[str, Formation] = {
    "LiBr": Formation(-351.2, -153.971),
    "NaBr": Formation(-361.1, -143.930),
    "KBr": Formation(-393.8, -180.079),
    "MgBr2": Formation(-524.3, -302.922),
    "CaBr2": Formation(-682.8, -384.928),
    "SrBr2": Formation(-717.6, -407.103),
    "BaBr2": Formation(-757.3, -424.676),
    "PbBr2": Formation(-278.7, -104.391),
    "NaCl": Formation(-411.2, -181.418),
    "CsCl": Formation(-443.0, -240.162),
    "MgCl2": Formation(-641.3, -392.459),
    "CaCl2": Formation(-795.4, -471.537),
    "SrCl2": Formation(-828.9, -473.210),
    "BaCl2": Formation(-855.0, -498.733),
    "PbCl2": Formation(-359.4, -174.054),
    "NiCl2": Formation(-305.3, -73.931),
    "ZnCl2": Formation(-415.1, -266.1, CRC),
    "YCl3": Formation(-1000.0, -750.2, CRC),
    "LiI": Formation(-270.4, -91.002),
    "KI": Formation(-327.9, -125.520),
    "MgI2": Formation(-364.0, -160.247),
    "CaI2": Formation(-533.5, -258.153),
    "SrI2": Formation(-558.1, -274.889),
    "PbI2": Formation(-175.5, -3.180),
}
# Measured as such, kJ/mol: no enthalpy of formation of the gas is tabulated.
MEASURED_KJ_PER_MOL = {"GaBr3": (92.5, GABR3)}


def salt_formula(smiles: str) -> str | None:
    """Formula of a set of one kind of metal ion and one kind of halide, e.g. ZnBr2; None for any other set."""
    found = [_ION.fullmatch(part) for part in smiles.split(".")]
    if not all(found):
        return None
    counts = Counter(match[1] for match in found if match)
    anions = [x for x in ("F", "Cl", "Br", "I") if x in counts]
    if len(counts) != 2 or len(anions) != 1:
        return None
    metal = next(element for element in counts if element != anions[0])
    return "".join(f"{e}{counts[e]}" if counts[e] > 1 else e for e in (metal, anions[0]))


def sublimation_enthalpy(formula: str) -> tuple[float, str] | None:
    """Enthalpy of sublimation to the monomer at 298 K in eV, with its source; None if the table has none."""
    if formula in FORMATION:
        return FORMATION[formula].sublimation_eV, FORMATION[formula].source
    if formula in MEASURED_KJ_PER_MOL:
        value, source = MEASURED_KJ_PER_MOL[formula]
        return value * KJ_PER_MOL_EV, source
    return None


def reference_note(smiles: str, binding_eV: float | None = None) -> str:
    """What the reader of a metal halide's row must know of its reference; empty for any other set."""
    formula = salt_formula(smiles)
    if formula is None:
        return ""
    told = f"Energies are against the molecule {formula} in the gas, not against the solid"
    found = sublimation_enthalpy(formula)
    if found is None:
        return f"{told}, whose enthalpy of sublimation is not in our table: do not compare with other metal halides."
    value, source = found
    text = f"{told}, which lies {value:.2f} eV lower (enthalpy of sublimation at 298 K; {source})"
    if binding_eV is None:
        return f"{text}."
    return f"{text}: from the solid the binding energy is {binding_eV + value:+.2f} eV, within 0.05 eV of the tables."
