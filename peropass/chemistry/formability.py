"""Does an ABX3 composition form a perovskite? Tolerance factor t, octahedral factor mu, and tau.

    t   = (rA + rX) / (sqrt(2) (rB + rX))                      Goldschmidt 1926
    mu  = rB / rX
    tau = rX/rB - nA (nA - (rA/rB) / ln(rA/rB)),  rA > rB       Bartel 2019, 10.1126/sciadv.aav0693

nA is the charge of the A cation. Radii come from `peropass.chemistry.radii`; those of a mixed site are
composition-weighted.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from peropass.chemistry.radii import (
    MOLECULE_OF_SPELLING,
    effective_radius,
    ionic_radius,
    is_element,
    known_charges,
)
from peropass.errors import InputError
from peropass.records import Formability

MU2022 = "Mu et al., iScience 2022"
BARTEL2019 = "Bartel et al., Sci. Adv. 2019, 10.1126/sciadv.aav0693"
ANION_CHARGES = {"F": -1, "Cl": -1, "Br": -1, "I": -1, "O": -2, "S": -2, "Se": -2, "Te": -2}
AMOUNT_TOLERANCE = 1e-3  # per formula unit; formulas are typed with a few digits


@dataclass(frozen=True)
class Window:
    """Range of a descriptor in which perovskites are found (exclusive bounds)."""

    name: str
    descriptor: str
    low: float
    high: float
    source: str

    def contains(self, value: float | None) -> bool | None:
        return None if value is None else self.low < value < self.high


WINDOWS: tuple[Window, ...] = (
    Window("t", "t", 0.813, 1.107, MU2022),
    Window("mu", "mu", 0.442, 0.895, MU2022),
    Window("t_refit", "t", 0.825, 1.059, BARTEL2019),
    Window("tau", "tau", -math.inf, 4.18, BARTEL2019),
)


@dataclass(frozen=True)
class Ion:
    symbol: str
    charge: int
    amount: float


@dataclass(frozen=True)
class Perovskite:
    """An ABX3 composition per formula unit: amounts on A and on B add up to 1, on X to 3."""

    formula: str
    A: tuple[Ion, ...]
    B: tuple[Ion, ...]
    X: tuple[Ion, ...]


# ---------------------------------------------------------------- formula -> composition

_SPELLINGS = sorted(MOLECULE_OF_SPELLING, key=len, reverse=True)
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_ELEMENT = re.compile(r"[A-Z][a-z]?")


class _Parser:
    """Left-to-right reader of one formula; keeps the order in which the species are written."""

    def __init__(self, formula: str) -> None:
        self.text = formula.translate(str.maketrans("[]", "()"))
        self.formula = formula
        self.position = 0

    def read(self) -> list[tuple[str, float]]:
        species = self._group(top=True)
        if self.position < len(self.text):
            self._refuse(self.text[self.position :])
        return species

    def _refuse(self, found: str) -> None:
        raise InputError(
            f"formula {self.formula!r}",
            found or "the end of the formula",
            "elements, molecular cations (MA, FA, CH3NH3, ...), numbers and brackets",
        )

    def _number(self) -> float:
        match = _NUMBER.match(self.text, self.position)
        if not match:
            return 1.0
        self.position = match.end()
        return float(match.group())

    def _group(self, top: bool) -> list[tuple[str, float]]:
        species: list[tuple[str, float]] = []
        while self.position < len(self.text):
            rest = self.text[self.position :]
            molecule = next((s for s in _SPELLINGS if rest.startswith(s)), None)
            if molecule is not None:
                self.position += len(molecule)
                species.append((molecule, self._number()))
            elif rest[0] == "(":
                self.position += 1
                inner = self._group(top=False)
                if not self.text.startswith(")", self.position):
                    self._refuse(self.text[self.position :])
                self.position += 1
                factor = self._number()
                species.extend((symbol, amount * factor) for symbol, amount in inner)
            elif rest[0] == ")" and not top:
                break
            else:
                match = _ELEMENT.match(rest)
                if not match or not is_element(match.group()):
                    self._refuse(rest)
                self.position += match.end()
                species.append((match.group(), self._number()))
        if not species:
            self._refuse(self.text[self.position :])
        return species


def _split_sites(
    formula: str, species: list[tuple[str, float]]
) -> tuple[list[tuple[str, float]], ...]:
    """(A, B, X) amounts per formula unit, in the order written: A first, then B, then X."""
    anions = [(s, n) for s, n in species if s in ANION_CHARGES]
    cations = [(s, n) for s, n in species if s not in ANION_CHARGES]
    n_units = sum(n for _, n in anions) / 3.0
    where = f"formula {formula!r}"
    if n_units <= 0:
        raise InputError(where, "no anion", f"ABX3 with X of {', '.join(ANION_CHARGES)}")
    sites: tuple[list, list] = ([], [])
    filled = 0.0
    for symbol, amount in cations:
        amount /= n_units
        if filled < 1 - AMOUNT_TOLERANCE and filled + amount > 1 + AMOUNT_TOLERANCE:
            raise InputError(
                where, f"{symbol} across the A and the B site", "A amounts, then B amounts, 1 each"
            )
        sites[0 if filled < 1 - AMOUNT_TOLERANCE else 1].append((symbol, amount))
        filled += amount
    on_b = sum(n for _, n in sites[1])
    if abs(filled - 2) > 2 * AMOUNT_TOLERANCE:
        raise InputError(
            where,
            f"A = {filled - on_b:.3g}, B = {on_b:.3g} per 3 X",
            "A and B amounts of 1 each per 3 X, A written first",
        )
    return sites[0], sites[1], [(s, n / n_units) for s, n in anions]


@lru_cache(maxsize=4096)
def _neutral_charges(
    cations: tuple[tuple[str, float], ...], n_on_a: int, negative: float
) -> tuple[int, ...] | None:
    """Charges that balance `negative`; the commonest states and the most even B site win."""
    options = [known_charges(symbol) for symbol, _ in cations]
    best, best_key = None, None
    for states in itertools.product(*[[q for q in o if q > 0] for o in options]):
        total = sum(q * n for q, (_, n) in zip(states, cations, strict=True))
        if abs(total + negative) > 4 * AMOUNT_TOLERANCE:
            continue
        on_b = states[n_on_a:]
        rarity = sum(o.index(q) for q, o in zip(states, options, strict=True))
        key = (max(on_b) - min(on_b), rarity, max(states[:n_on_a]))
        if best_key is None or key < best_key:
            best, best_key = states, key
    return best


def parse(formula: str) -> Perovskite:
    """Read an ABX3 formula: ``CsPb0.9Mn0.1Cl3``, ``CsPb(Br0.5Cl0.5)3``, ``FAPbBr3``, ``Cs2AgBiBr6``.

    A cations are written before B cations; amounts are scaled to three anions.

    Raises
    ------
    InputError
        The formula cannot be read, is no ABX3, names a species without known radius, or cannot be neutral.
    """
    a, b, x = _split_sites(formula, _Parser(formula.strip()).read())
    cations = tuple((s, round(n, 6)) for s, n in a + b)
    for symbol, _ in cations:
        if not any(q > 0 for q in known_charges(symbol)):
            raise InputError(
                f"formula {formula!r}", symbol, "cations with a Shannon or Kieslich radius"
            )
    negative = sum(ANION_CHARGES[s] * n for s, n in x)
    charges = _neutral_charges(cations, len(a), round(negative, 6))
    if charges is None:
        states = "; ".join(
            f"{s} {'/'.join(f'{q:+d}' for q in sorted(known_charges(s)) if q > 0)}"
            for s, _ in cations
        )
        raise InputError(
            f"formula {formula!r}",
            f"no neutral set of charges ({states}; anions {negative:+.3g})",
            "compositions whose charges can balance",
        )
    ions = [Ion(s, q, n) for (s, n), q in zip(a + b, charges, strict=True)]
    return Perovskite(
        formula,
        tuple(ions[: len(a)]),
        tuple(ions[len(a) :]),
        tuple(Ion(s, ANION_CHARGES[s], n) for s, n in x),
    )


# ---------------------------------------------------------------- composition -> descriptors


def tolerance_factor(r_a: float, r_b: float, r_x: float) -> float:
    """Goldschmidt's t; radii in Angstrom."""
    return (r_a + r_x) / (math.sqrt(2.0) * (r_b + r_x))


def octahedral_factor(r_b: float, r_x: float) -> float:
    """mu = rB / rX; radii in Angstrom."""
    return r_b / r_x


def bartel_tau(r_a: float, r_b: float, r_x: float, n_a: float) -> float | None:
    """Bartel's tau (perovskite below 4.18); None unless rA > rB, for which it is defined."""
    if r_a <= r_b:
        return None
    ratio = r_a / r_b
    return r_x / r_b - n_a * (n_a - ratio / math.log(ratio))


@dataclass(frozen=True)
class Descriptors:
    """Formability with the radii (Angstrom) and A charge that it was computed from."""

    formula: str
    r_a_ang: float
    r_b_ang: float
    r_x_ang: float
    n_a: float
    t: float
    mu: float
    tau: float | None
    notes: tuple[str, ...]

    def windows(self) -> dict[str, bool | None]:
        """Window name -> inside; None where the descriptor is not defined."""
        return {w.name: w.contains(getattr(self, w.descriptor)) for w in WINDOWS}

    def record(self) -> Formability:
        """As the record that candidates carry; flags of missed windows go into its notes."""
        return Formability(
            t=round(self.t, 4),
            mu=round(self.mu, 4),
            tau=None if self.tau is None else round(self.tau, 4),
            composition=self.formula,
            notes=[*self.notes, *missed_windows(self)],
        )


def missed_windows(descriptors: Descriptors) -> list[str]:
    """One sentence per window that the composition lies outside of."""
    return [
        f"{w.descriptor} = {getattr(descriptors, w.descriptor):.3f} outside "
        + (f"{w.low} ... {w.high}" if math.isfinite(w.low) else f"< {w.high}")
        + f" ({w.source})"
        for w in WINDOWS
        if w.contains(getattr(descriptors, w.descriptor)) is False
    ]


def _mean_radius(ions: Sequence[Ion], site: str, notes: list[str]) -> float:
    # ASSUME a mixed site has the composition-weighted mean radius (Vegard); short-range order is not seen.
    total = 0.0
    for ion in ions:
        radius = ionic_radius(ion.symbol, ion.charge, site)
        total += ion.amount * radius.value_ang
        if radius.note and radius.note not in notes:
            notes.append(radius.note)
    return total / sum(ion.amount for ion in ions)


def _from_radii(
    formula: str, r_a: float, r_b: float, r_x: float, n_a: float, notes: list[str]
) -> Descriptors:
    tau = bartel_tau(r_a, r_b, r_x, n_a)
    if tau is None:
        notes.append(f"tau is defined for rA > rB only; rA {r_a:.2f}, rB {r_b:.2f} A")
    t, mu = tolerance_factor(r_a, r_b, r_x), octahedral_factor(r_b, r_x)
    return Descriptors(formula, r_a, r_b, r_x, n_a, t, mu, tau, tuple(notes))


def describe(formula: str) -> Descriptors:
    """t, mu and tau of a formula with the radii behind them. Raises InputError, see `parse`."""
    perovskite = parse(formula)
    notes: list[str] = []
    r_a = _mean_radius(perovskite.A, "A", notes)
    r_b = _mean_radius(perovskite.B, "B", notes)
    r_x = _mean_radius(perovskite.X, "X", notes)
    n_a = sum(i.charge * i.amount for i in perovskite.A) / sum(i.amount for i in perovskite.A)
    return _from_radii(formula, r_a, r_b, r_x, n_a, notes)


@lru_cache(maxsize=1024)
def assess(formula: str) -> Formability:
    """Formability record of an ABX3 formula. Raises InputError, see `parse`."""
    return describe(formula).record()


# ---------------------------------------------------------------- dopants and ligand cations


def _written(ions: Sequence[Ion], factor: float = 1.0) -> str:
    return "".join(
        ion.symbol + ("" if abs(ion.amount * factor - 1) < 1e-9 else f"{ion.amount * factor:.4g}")
        for ion in ions
    )


def _anions_written(perovskite: Perovskite) -> str:
    if len(perovskite.X) == 1:
        return f"{perovskite.X[0].symbol}3"
    return f"({_written(perovskite.X, 1 / 3)})3"


def assess_substitution(
    host: str, symbol: str, charge: int, fraction: float, halide: str | None = None
) -> Formability:
    """A metal ion of charge +1 on A, or +2 and above on B, of a host such as ``CsPbBr3``.

    Parameters
    ----------
    fraction : float
        0 < fraction <= 1; 1 is the end member, e.g. CsZnBr3 for Zn2+, KPbBr3 for K+.
    halide : str, optional
        Replaces the host's X, for the end member of a metal halide of another halogen.

    Notes
    -----
    A +3 ion on Pb is compensated elsewhere in the crystal (V-A or a +1 partner), so the formula is not
    neutral by itself: t and mu are given, tau, whose fit knows neutral compounds only, is not.
    """
    if not 0 < fraction <= 1:
        raise InputError("formability: fraction", fraction, "0 < fraction <= 1")
    base = parse(host)
    x = base.X if halide is None else (Ion(halide, ANION_CHARGES[halide], 3.0),)
    site = "A" if charge == 1 else "B"
    kept = [Ion(i.symbol, i.charge, i.amount * (1 - fraction)) for i in getattr(base, site)]
    mixed = [i for i in kept if i.amount > 1e-9]
    same = next((k for k, i in enumerate(mixed) if (i.symbol, i.charge) == (symbol, charge)), None)
    if same is None:
        mixed.append(Ion(symbol, charge, fraction))
    else:
        mixed[same] = Ion(symbol, charge, mixed[same].amount + fraction)
    changed = Perovskite(
        "", tuple(mixed) if site == "A" else base.A, base.B if site == "A" else tuple(mixed), x
    )
    formula = _written(changed.A) + _written(changed.B) + _anions_written(changed)
    notes: list[str] = []
    r_a = _mean_radius(changed.A, "A", notes)
    r_b = _mean_radius(changed.B, "B", notes)
    r_x = _mean_radius(changed.X, "X", notes)
    if charge <= 2:
        n_a = sum(i.charge * i.amount for i in changed.A)
        return _from_radii(formula, r_a, r_b, r_x, n_a, notes).record()
    notes.append(f"{symbol}{charge:+d} on B is compensated elsewhere: no neutral ABX3, no tau")
    t, mu = tolerance_factor(r_a, r_b, r_x), octahedral_factor(r_b, r_x)
    return Descriptors(formula, r_a, r_b, r_x, 1.0, t, mu, None, tuple(notes)).record()


def assess_cation_fit(
    host: str,
    name: str,
    symbols: Sequence[str],
    positions_ang: np.ndarray,
    masses_u: Sequence[float],
) -> Formability:
    """Fit of a molecular cation (charge +1) into the A site of `host`, from the cation's geometry.

    Parameters
    ----------
    name : str
        Written in place of the host's A, e.g. ``C4H12N``.
    symbols, positions_ang, masses_u
        As in `radii.effective_radius`.
    """
    base = parse(host)
    notes: list[str] = []
    r_a = effective_radius(symbols, positions_ang, masses_u)
    notes.append(f"{name}: radius {r_a:.2f} A from its geometry (rotating ion, +-0.1 A)")
    r_b = _mean_radius(base.B, "B", notes)
    r_x = _mean_radius(base.X, "X", notes)
    formula = f"({name}){_written(base.B)}{_anions_written(base)}"
    return _from_radii(formula, r_a, r_b, r_x, 1.0, notes).record()
