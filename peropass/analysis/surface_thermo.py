"""Which surface and which vacancy the chemical environment favours.

Neutral sets of ions are exchanged with salts, so one variable describes the environment of an ABX3 host:
dmu = mu(AX) - E(AX bulk), with mu(AX) + mu(BX2) = E(host). It is bounded from above and below by the
phases that would grow instead of the host. Energies are eV per formula unit; formation energies are
positive where they cost energy. The construction is that of ab initio thermodynamics
(10.1103/PhysRevB.65.035406) at 0 K without vibrations. What is no neutral set of ions, e.g. a single halogen, needs a second
variable, mu(X), between the metals that precipitate and the halogen gas that evolves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import gcd

import numpy as np

from peropass.analysis.plane_waves import smooth_total_eV
from peropass.errors import AnalysisRefused, MissingTerm, SettingsMismatch
from peropass.records import CalculationRecord, EosRecord

EV_PER_ANG2_IN_J_PER_M2 = 16.02176634  # elementary charge / (1e-20 m2), exact since 2019


@dataclass(frozen=True)
class Phases:
    """Total energies in eV per formula unit; the ternary ones may be missing, and the elements.

    `a` and `b` are the metals, `x` is half an X2 molecule, all per atom.
    """

    host: float
    ax: float
    bx2: float
    a4bx6: float | None = None
    ab2x5: float | None = None
    a: float | None = None
    b: float | None = None
    x: float | None = None

    def formation_energy(self) -> float:
        """E(host) - E(AX) - E(BX2): negative where the host is stable against both salts."""
        return self.host - self.ax - self.bx2


@dataclass(frozen=True)
class Window:
    """Allowed range of dmu = mu(AX) - E(AX), and the phase that ends it on each side.

    `bounds_eV` lists the limit from every phase that was given, tightest or not.
    """

    lower_eV: float
    upper_eV: float
    lower_phase: str
    upper_phase: str
    bounds_eV: dict[str, float]

    @property
    def width_eV(self) -> float:
        """Negative where the host is unstable against the two phases that bound it."""
        return self.upper_eV - self.lower_eV

    def grid(self, n: int = 101) -> np.ndarray:
        """`n` values of dmu across the window (eV).

        Raises
        ------
        AnalysisRefused
            The window is empty: the host decomposes into the phases that bound it.
        """
        if self.width_eV < 0:
            raise AnalysisRefused(
                f"host unstable by {-self.width_eV:.3f} eV in mu(AX) against {self.lower_phase} and "
                f"{self.upper_phase}: no chemical potential window"
            )
        return np.linspace(self.lower_eV, self.upper_eV, n)


def chemical_window(phases: Phases) -> Window:
    """Range of dmu in which no competing phase is more stable than the host.

    AX:    mu(AX) <= E(AX)                             dmu <= 0
    A4BX6: 4 mu(AX) + mu(BX2) <= E(A4BX6)              dmu <= (E(A4BX6) - E(host)) / 3 - E(AX)
    BX2:   mu(BX2) <= E(BX2)                           dmu >= E(host) - E(BX2) - E(AX)
    AB2X5: mu(AX) + 2 mu(BX2) <= E(AB2X5)              dmu >= 2 E(host) - E(AB2X5) - E(AX)
    """
    upper = {"AX": 0.0}
    lower = {"BX2": phases.formation_energy()}
    if phases.a4bx6 is not None:
        upper["A4BX6"] = (phases.a4bx6 - phases.host) / 3 - phases.ax
    if phases.ab2x5 is not None:
        lower["AB2X5"] = 2 * phases.host - phases.ab2x5 - phases.ax
    low, high = max(lower, key=lower.__getitem__), min(upper, key=upper.__getitem__)
    return Window(
        lower_eV=lower[low],
        upper_eV=upper[high],
        lower_phase=low,
        upper_phase=high,
        bounds_eV={**upper, **lower},
    )


def salt_potentials(phases: Phases, dmu_eV: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """mu(AX) and mu(BX2) in eV for given dmu; their sum is the energy of the host."""
    ax = phases.ax + np.asarray(dmu_eV, float)
    return ax, phases.host - ax


def defect_formation_energy(
    defective_eV: float,
    pristine_eV: float,
    removed: dict[str, int],
    ions: tuple[str, str, str],
    phases: Phases,
    dmu_eV: np.ndarray,
    halide_potential_eV: np.ndarray | None = None,
) -> np.ndarray:
    """E(defective) + sum of n mu of the removed ions - E(pristine), in eV per defect, over dmu.

    Parameters
    ----------
    removed : dict
        Element -> number of atoms taken away (negative: added).
    ions : (A, B, X)
        Elements of the host.
    halide_potential_eV : array, optional
        mu(X) where the removed atoms are not a neutral set of salts, e.g. a single halogen.

    Raises
    ------
    AnalysisRefused
        A removed element is not of the host, or a halide potential is needed and missing.
    """
    a, b, surplus = _in_salts(removed, ions)
    ax, bx2 = salt_potentials(phases, dmu_eV)
    energy = defective_eV - pristine_eV + a * ax + b * bx2
    if surplus:
        if halide_potential_eV is None:
            raise AnalysisRefused(
                f"removed {removed}: {surplus:+d} {ions[2]} beyond neutral salts; "
                f"the chemical potential of {ions[2]} is needed"
            )
        energy = energy + surplus * np.asarray(halide_potential_eV, float)
    return energy


@dataclass(frozen=True)
class HalideWindow:
    """Lowest and highest mu(X) at each dmu, arrays (n,) in eV per atom, and the metal ("A" or "B") that ends it below."""

    poor_eV: np.ndarray
    rich_eV: np.ndarray
    poor_phases: tuple[str, ...]


def halide_window(phases: Phases, dmu_eV: np.ndarray) -> HalideWindow:
    """Range of mu(X) over dmu in which neither a metal precipitates nor X2 gas evolves.

    X2: mu(X) <= E(X2) / 2
    B:  mu(B) = mu(BX2) - 2 mu(X) <= E(B)              mu(X) >= (mu(BX2) - E(B)) / 2
    A:  mu(A) = mu(AX) - mu(X) <= E(A)                 mu(X) >= mu(AX) - E(A)

    The energy of metal A may be missing: the limit is then that of B alone.

    Raises
    ------
    MissingTerm
        Metal B or X2 was not computed.
    AnalysisRefused
        The range is empty: BX2 or AX decomposes into its elements.
    """
    lacking = [name for name, energy in (("B", phases.b), ("X2", phases.x)) if energy is None]
    if lacking:
        raise MissingTerm(f"no {' and no '.join(lacking)} among the phases")
    ax, bx2 = salt_potentials(phases, dmu_eV)
    by_b = (bx2 - phases.b) / 2
    by_a = np.full_like(by_b, -np.inf) if phases.a is None else ax - phases.a
    poor, rich = np.maximum(by_a, by_b), np.full_like(by_b, phases.x)
    if (poor > rich).any():
        raise AnalysisRefused(
            f"no range of the halide potential: its lower end lies {(poor - rich).max():.3f} eV above that of X2 gas"
        )
    names = ["A" if a > b else "B" for a, b in zip(by_a, by_b, strict=True)]
    return HalideWindow(poor, rich, tuple(names))


def surface_energy(
    slab_eV: float,
    composition: dict[str, int],
    area_ang2: float,
    ions: tuple[str, str, str],
    phases: Phases,
    dmu_eV: np.ndarray,
) -> np.ndarray:
    """(E(slab) - n_A mu(AX) - n_B mu(BX2)) / (2 area) in eV/Angstrom^2 over dmu.

    Both faces share the same termination; where one is frozen the number is the mean of a relaxed and
    an unrelaxed face, an upper bound.

    Raises
    ------
    AnalysisRefused
        The slab is no sum of the two salts, or the area is not positive.
    """
    if area_ang2 <= 0:
        raise AnalysisRefused(f"surface energy: area {area_ang2} A^2")
    a, b, surplus = _in_salts(composition, ions)
    if surplus:
        raise AnalysisRefused(
            f"surface energy: {composition} has {surplus:+d} {ions[2]} beyond neutral salts"
        )
    ax, bx2 = salt_potentials(phases, dmu_eV)
    return (slab_eV - a * ax - b * bx2) / (2 * area_ang2)


def phases_from_records(
    records: list[EosRecord | CalculationRecord], ions: tuple[str, str, str]
) -> Phases:
    """Energies per formula unit of the host and its competing phases, elements per atom, recognised by composition.

    Of several polymorphs of one composition the lowest counts: a cubic host is no ground state, and against it the phases that compete with
    the tilted one would leave no window at all.

    Raises
    ------
    MissingTerm
        Host, AX or BX2 is missing, or a record is not `ok`.
    SettingsMismatch
        The records were computed with different settings.
    """
    hashes = {record.settings_hash for record in records}
    if len(hashes) > 1:
        raise SettingsMismatch(f"bulk phases: settings {', '.join(sorted(hashes))}")
    a, b, x = ions
    formulas = {
        "host": {a: 1, b: 1, x: 3},
        "ax": {a: 1, x: 1},
        "bx2": {b: 1, x: 2},
        "a4bx6": {a: 4, b: 1, x: 6},
        "ab2x5": {a: 1, b: 2, x: 5},
        "a": {a: 1},
        "b": {b: 1},
        "x": {x: 1},
    }
    energies: dict[str, float] = {}
    for record in records:
        composition, energy = _composition_and_energy(record)
        units = reduce(gcd, composition.values())
        formula = {element: n // units for element, n in composition.items()}
        for name, wanted in formulas.items():
            if formula == wanted:
                energies[name] = min(energy / units, energies.get(name, np.inf))
    missing = [name for name in ("host", "ax", "bx2") if name not in energies]
    if missing:
        raise MissingTerm(f"chemical potentials of {''.join(ions)}3: no {', '.join(missing)}")
    return Phases(**energies)


def _composition_and_energy(
    record: EosRecord | CalculationRecord,
) -> tuple[dict[str, int], float]:
    if record.status != "ok" or record.energy is None:
        raise MissingTerm(
            f"bulk phase {record.address.host}: {record.status} {record.reason}".strip()
        )
    if isinstance(record, EosRecord):
        return record.composition, record.energy.total_eV
    structure = record.final or record.initial
    if structure is None:
        raise MissingTerm(f"bulk phase {record.address.host}: no structure")
    return structure.composition, smooth_total_eV(record)


def halides_beyond_salts(removed: dict[str, int], ions: tuple[str, str, str]) -> int:
    """How many more halogens than the neutral salts of the metals take with them; raises as `defect_formation_energy`."""
    return _in_salts(removed, ions)[2]


def _in_salts(counts: dict[str, int], ions: tuple[str, str, str]) -> tuple[int, int, int]:
    """Numbers of AX and BX2 units, and of halogens beyond them."""
    unknown = [element for element, n in counts.items() if n and element not in ions]
    if unknown:
        raise AnalysisRefused(f"{', '.join(unknown)}: not an ion of the host {''.join(ions)}3")
    a, b, x = (counts.get(ion, 0) for ion in ions)
    return a, b, x - a - 2 * b
