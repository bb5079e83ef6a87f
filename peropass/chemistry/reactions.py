"""Balanced reactions: the only way in which total energies may be subtracted.

A coefficient is negative for educts and positive for products, so that the sum of coefficient times energy
is products minus educts (eV); negative = downhill. Elements and charge must balance or no reaction exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from peropass.errors import UnbalancedReaction

MAX_DENOMINATOR = 48  # coefficients such as 1/2 X2; anything finer is rounding noise
# ASSUME names of the molecular A-site cations of this field, with their composition as ions of charge +1
MOLECULAR_CATIONS: dict[str, dict[str, int]] = {
    "MA": {"C": 1, "N": 1, "H": 6},
    "FA": {"C": 1, "N": 2, "H": 5},
    "GA": {"C": 1, "N": 3, "H": 6},
    "EA": {"C": 2, "N": 1, "H": 8},
}


@dataclass(frozen=True)
class Species:
    """One side's ingredient: a slab, a molecule, a bulk phase.

    `composition` counts atoms per element; a planned slab may carry a stand-in element such as ``[slab]``.
    """

    name: str
    composition: Mapping[str, float] = field(hash=False)
    charge: int = 0


@dataclass(frozen=True)
class Reaction:
    """A balanced reaction; an unbalanced one cannot be made.

    Raises
    ------
    UnbalancedReaction
        Naming each element (or the charge) and its excess on the product side.
    """

    name: str
    terms: tuple[tuple[float, Species], ...]

    def __post_init__(self) -> None:
        excess = imbalance(self.terms)
        if excess:
            listed = ", ".join(f"{key} {float(value):+g}" for key, value in excess.items())
            raise UnbalancedReaction(
                f"{self.name}: {write_equation(self.terms)} does not balance; products minus educts: {listed}"
            )

    @cached_property
    def equation(self) -> str:
        """Text such as ``CsPbBr3(001)[V-CsX] + TMABr(g) -> CsPbBr3(001)[V-CsX]:TMABr``."""
        return write_equation(self.terms)

    @property
    def species(self) -> tuple[str, ...]:
        """Names of all species, educts first."""
        return tuple(s.name for _, s in sorted(self.terms, key=lambda term: term[0] > 0))

    def reversed(self, name: str) -> Reaction:
        """The same reaction read from right to left."""
        return Reaction(name, tuple((-c, s) for c, s in self.terms))


def imbalance(terms: Iterable[tuple[float, Species]]) -> dict[str, Fraction]:
    """Excess of each element, and of ``charge``, on the product side; empty if balanced."""
    total: dict[str, int | Fraction] = {}
    for coefficient, species in terms:
        factor = as_fraction(coefficient)
        for element, count in species.composition.items():
            total[element] = total.get(element, 0) + factor * as_fraction(count)
        total["charge"] = total.get("charge", 0) + factor * species.charge
    return {key: Fraction(value) for key, value in sorted(total.items()) if value}


def as_fraction(value: float) -> int | Fraction:
    """Exact small fraction of a coefficient or count, so that 1/3 + 2/3 is 1; whole numbers stay as they are."""
    return value if isinstance(value, int) else Fraction(value).limit_denominator(MAX_DENOMINATOR)


def write_equation(terms: Iterable[tuple[float, Species]]) -> str:
    """Educts -> products, coefficient one left out."""
    terms = tuple(terms)
    sides = []
    for sign in (-1, 1):
        side = [_term_text(abs(c), s.name) for c, s in terms if c * sign > 0]
        sides.append(" + ".join(side) or "nothing")
    return " -> ".join(sides)


def _term_text(coefficient: float, name: str) -> str:
    fraction = as_fraction(coefficient)
    return name if fraction == 1 else f"{fraction} {name}"


@dataclass(frozen=True)
class HostIons:
    """Ions of a host ABX3: elements, or names of molecular cations for A."""

    a: str = "Cs"
    b: str = "Pb"
    x: str = "Br"

    @property
    def formula(self) -> str:
        return f"{self.a}{self.b}{self.x}3"

    @property
    def salt(self) -> Species:
        """Bulk AX, one formula unit."""
        return Species(f"{self.a}{self.x}(bulk)", add(cation(self.a), {self.x: 1}))

    @property
    def dihalide(self) -> Species:
        """Bulk BX2, one formula unit."""
        return Species(f"{self.b}{self.x}2(bulk)", {self.b: 1, self.x: 2})

    @property
    def host(self) -> Species:
        """Bulk ABX3, one formula unit."""
        return Species(f"{self.formula}(bulk)", add(cation(self.a), {self.b: 1, self.x: 3}))


def cation(name: str) -> dict[str, int]:
    """Composition of an A-site cation: an element, or MA, FA, GA, EA."""
    return dict(MOLECULAR_CATIONS.get(name, {name: 1}))


def add(*compositions: Mapping[str, float]) -> dict[str, float]:
    """Sum of compositions; elements that cancel are left out."""
    total: dict[str, float] = {}
    for composition in compositions:
        for element, count in composition.items():
            total[element] = total.get(element, 0) + count
    return {element: count for element, count in total.items() if count}


def scale(composition: Mapping[str, float], factor: float) -> dict[str, float]:
    """Composition times a factor, e.g. -1 to take it away in `add`."""
    return {element: factor * count for element, count in composition.items()}


def binding(slab: Species, ligand: Species, loaded: Species) -> Reaction:
    """slab + L(g) -> slab:L; negative = the ligand binds."""
    return Reaction("binding", ((-1, slab), (-1, ligand), (1, loaded)))


def exchange(pristine: Species, ligand: Species, loaded: Species, salt: Species) -> Reaction:
    """pristine + L(g) -> socket:L + AX(bulk); negative = the ligand set displaces AX of the surface."""
    return Reaction("exchange", ((-1, pristine), (-1, ligand), (1, loaded), (1, salt)))


def exchange_acid(
    pristine: Species, acid: Species, loaded: Species, hydrogen_halide: Species, n: int = 1
) -> Reaction:
    """pristine + HnA(g) -> slab[X->A] + n HX(g)."""
    return Reaction(
        "exchange-acid", ((-1, pristine), (-1, acid), (1, loaded), (n, hydrogen_halide))
    )


def versus_native(
    native_loaded: Species, ligand: Species, loaded: Species, native: Species
) -> Reaction:
    """socket:native + L(g) -> socket:L + native(g); negative = the candidate beats the native cap."""
    return Reaction("vs-native", ((-1, native_loaded), (-1, ligand), (1, loaded), (1, native)))


def desorption(
    channel: str, loaded: Species, left: Species, leaving: Iterable[Species]
) -> Reaction:
    """loaded -> what is left of the slab + leaving species; positive = costs energy."""
    return Reaction(f"desorption-{channel}", ((-1, loaded), (1, left), *((1, s) for s in leaving)))


def desorption_complex(
    loaded: Species,
    left: Species,
    carried: Species,
    complex_gas: Species,
    refill: bool,
    supply: tuple[tuple[float, Species], ...] = (),
) -> Reaction:
    """Desorption as a complex that takes the neutral unit `carried` (AX, BX2) of the surface along.

    With `refill`, `left` is the socket and the lost unit comes from the bulk reservoir:
    loaded + AX(bulk) -> socket + L.AX(g); `supply` replaces that reservoir by an equal sum of phases, such as
    ABX3(bulk) - AX(bulk) for BX2. Without `refill`, `left` is the slab that misses the unit.
    """
    reservoir = (supply or ((-1, carried),)) if refill else ()
    name = f"desorption-with-{carried.name.removesuffix('(bulk)')}"
    return Reaction(name, ((-1, loaded), *reservoir, (1, left), (1, complex_gas)))


def vacancy_formation(
    pristine: Species, defective: Species, removed: Iterable[tuple[float, Species]]
) -> Reaction:
    """pristine -> defective + removed reservoir units; positive = costs energy."""
    return Reaction("vacancy-formation", ((-1, pristine), (1, defective), *removed))


def substitution(
    host: Species, source: Species, substituted: Species, released: Iterable[tuple[float, Species]]
) -> Reaction:
    """host + source phase of the dopant -> substituted + released phases; negative = dissolves."""
    return Reaction("substitution", ((-1, host), (-1, source), (1, substituted), *released))


def dopant_exchange(ions: HostIons, host: Species, dopant: str, oxidation_state: int) -> Reaction:
    """Dopant on B, kept neutral: M+ with V-X, M2+ alone, M3+ (M4+) with one (two) V-A.

    host + MXn(bulk) -> host[B->M, compensated] + BX2(bulk) + (n - 2) AX(bulk) for n >= 2.
    """
    n = oxidation_state
    vacancies = max(n - 2, 0)
    missing_x = 1 if n == 1 else 0
    if not 1 <= n <= 4:
        raise UnbalancedReaction(
            f"substitution: {dopant} of oxidation state {n} on {ions.b}; only 1 to 4 can be compensated"
        )
    product = add(
        host.composition,
        {dopant: 1},
        {ions.b: -1},
        {ions.x: -missing_x},
        scale(cation(ions.a), -vacancies),
    )
    label = {0: "", 1: f" + V-{ions.a}", 2: f" + 2 V-{ions.a}"}[vacancies]
    label += f" + V-{ions.x}" if missing_x else ""
    source = Species(f"{dopant}{ions.x}{n if n > 1 else ''}(bulk)", {dopant: 1, ions.x: n})
    released: list[tuple[float, Species]] = [(1, ions.dihalide)]
    if vacancies:
        released.append((vacancies, ions.salt))
    return substitution(
        host, source, Species(f"{host.name}[{ions.b}->{dopant}{label}]", product), released
    )
