"""Dopants on the B site from records: solution energy, surface preference, lattice response, vacancies next to a dopant.

    solution (bulk)      E(cell:M) + E(BX2) - E(cell) - E(MX2)               negative = dissolves
    solution (surface)   E(slab:M) + E(BX2) - E(slab) - E(MX2)               the same on the top face
    surface preference   E(slab:M) + E(cell) - E(slab) - E(cell:M)           their difference, in which both salts cancel; negative = it stays outside
    vacancy              E(slab:V) + E(AX) - E(slab), E(slab:M,V) + E(AX) - E(slab:M); next to M minus next to B positive = suppressed
    lattice response     (a(cell:M) - a(cell)) / a(cell) / fraction          negative = contraction

eV per dopant or vacancy, but for the last, which is a ratio. Errors are standard deviations of independent causes, see `error_eV`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from peropass.analysis.comparisons import lattice_response
from peropass.analysis.reaction_energies import EnergyRecord, evaluate
from peropass.analysis.uncertainty import ErrorModel
from peropass.chemistry.dopants import neutral_site, salt_name
from peropass.chemistry.reactions import HostIons, Reaction, Species, add, dopant_exchange, scale
from peropass.errors import AnalysisRefused, PeropassError
from peropass.records import CalculationRecord, ReactionEnergy, Status, SubstitutionValue

UNDOPED = "undoped"
# Sr - Pb is off by 0.039 eV and Sn - Pb by 0.013 eV on the (2, 2, 2) mesh of `sqrt2x2` against that of the equation of state (docs/energetics.md);
# ASSUME the larger one for any dopant and any denser mesh.
BULK_MESH_EV = 0.04
SLAB_CAUSES = (
    "k_points",
    "layers",
)  # of a binding energy on the same slab, as the error model has them
FARTHEST = 2.0  # a minimum beyond so many times the largest strain is no result of these points


@dataclass(frozen=True)
class SubstitutionInputs:
    """What was computed for the dopants of one host.

    Attributes
    ----------
    oxidation_states
        Dopant -> charge.
    cells
        (dopant or `UNDOPED`, strain) -> relaxed bulk cell, None where there is no record.
    slabs
        (termination, site) -> relaxed slab without ligand; `pristine` among the sites.
    sources
        Formula of a bulk salt -> its record; one that was not asked for is absent, one that is missing None.
    unavailable
        Formula -> why there is no record of that salt.
    """

    ions: HostIons
    oxidation_states: Mapping[str, int]
    fraction: float
    strains: tuple[float, ...]
    cells: Mapping[tuple[str, float], CalculationRecord | None]
    slabs: Mapping[tuple[str, str], CalculationRecord | None] = field(default_factory=dict)
    terminations: tuple[str, ...] = ()
    sources: Mapping[str, EnergyRecord | None] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    vacancy: str = ""
    errors: ErrorModel | None = None


def error_eV(names: Sequence[str], model: ErrorModel) -> float:
    """Standard deviation of a reaction between the species of these names, eV.

    Independent causes: residual forces in every relaxed structure; once the mesh of bulk cells; once the mesh and the thickness of slabs, at what they
    are worth in a binding energy on this slab. What cancels between slabs is not known, so nothing is taken off.
    """

    def size(cause: str) -> float:
        return (model.terms[cause].sigma_eV or 0.0) if cause in model.terms else 0.0

    causes = [size("relaxation")] * len(names)
    if any(name.endswith(("(cell)", "(bulk)")) or "(cell)[" in name for name in names):
        causes.append(BULK_MESH_EV)
    if any("(001-" in name for name in names):
        causes += [size(cause) for cause in SLAB_CAUSES]
    return float(np.linalg.norm(causes))


def substitution_values(inputs: SubstitutionInputs) -> list[SubstitutionValue]:
    """All numbers of all dopants, those without a value with their reason."""
    found: list[SubstitutionValue] = []
    for dopant, state in inputs.oxidation_states.items():
        site = neutral_site(dopant, state)
        own = _Dopant(inputs, dopant, state, site)
        found.append(own.solution("solution-bulk", "", own.cell, own.doped_cell))
        if len(inputs.strains) > 2:
            found.append(own.lattice())
        for termination in inputs.terminations:
            found += own.at_surface(termination)
    return found


def equilibrium_strains(inputs: SubstitutionInputs) -> dict[str, float]:
    """Strain of lowest energy of each cell whose points allow one."""
    found = {}
    for name in (UNDOPED, *inputs.oxidation_states):
        try:
            found[name] = equilibrium_strain(inputs.strains, _energies(inputs, name))
        except AnalysisRefused:
            continue  # the row of the dopant says why
    return found


def equilibrium_strain(strains: tuple[float, ...], energies_eV: list[float]) -> float:
    """Minimum of the parabola through energies at strains of the lattice constant.

    Raises
    ------
    AnalysisRefused
        No minimum, or one beyond `FARTHEST` times the largest strain.
    """
    curvature, slope, _ = np.polyfit(strains, np.array(energies_eV) - min(energies_eV), 2)
    if curvature <= 0:
        raise AnalysisRefused("the energies have no minimum in the lattice constant")
    found = float(-slope / (2 * curvature))
    if abs(found) > FARTHEST * max(map(abs, strains)):
        raise AnalysisRefused(
            f"the minimum lies at a strain of {found:+.3f}, far outside the points"
        )
    return found


def strain_error(strains: tuple[float, ...], energies_eV: list[float], size_eV: float) -> float:
    """Standard deviation of the strain of lowest energy if each energy has an own error of `size_eV`; first order.

    The minimum of a parabola fitted to points is -b / (2 a), and a and b are linear in the energies.
    """
    weights = np.linalg.pinv(np.vander(strains, 3))  # rows: curvature, slope, constant
    curvature, slope, _ = weights @ np.array(energies_eV)
    change = -weights[1] / (2 * curvature) + slope * weights[0] / (2 * curvature**2)
    return float(size_eV * np.linalg.norm(change))


def _energies(inputs: SubstitutionInputs, name: str) -> list[float]:
    """Total energies of one cell at all strains; AnalysisRefused names those that are not there."""
    records = {strain: inputs.cells.get((name, strain)) for strain in inputs.strains}
    lacking = [
        f"{name} cell at strain {strain:+.3f} is {'missing' if r is None else r.status}"
        for strain, r in records.items()
        if r is None or r.status != "ok" or r.energy is None
    ]
    if lacking:
        raise AnalysisRefused("; ".join(lacking))
    if len({(r.settings_hash, tuple(r.kpts)) for r in records.values()}) > 1:
        raise AnalysisRefused(f"cells of {name} differ in settings or k-mesh")
    return [r.energy.total_eV for r in records.values()]


@dataclass(frozen=True)
class _Dopant:
    """Reactions of one dopant."""

    inputs: SubstitutionInputs
    dopant: str
    state: int
    site: str

    @property
    def cell(self) -> Species:
        return self._stand_in("cell", f"{self.inputs.ions.formula}(cell)")

    @property
    def doped_cell(self) -> Species:
        return self._doped(self.cell)

    def _stand_in(self, element: str, name: str) -> Species:
        """A pristine cell of unknown size, large enough to lose a few ions; the records have the last word on its atoms."""
        return Species(name, add({f"[{element}]": 1}, scale(self.inputs.ions.host.composition, 4)))

    def _doped(self, pristine: Species) -> Species:
        exchange = dopant_exchange(self.inputs.ions, pristine, self.dopant, self.state)
        composition = next(s.composition for c, s in exchange.terms if c > 0)
        return Species(f"{pristine.name}[{self.site}]", composition)

    def solution(
        self, name: str, termination: str, pristine: Species, doped: Species
    ) -> SubstitutionValue:
        """Substitution out of the dopant's salt, with BX2 (and AX of a compensating vacancy) released as bulk phases."""
        exchange = dopant_exchange(self.inputs.ions, pristine, self.dopant, self.state)
        terms = []
        for coefficient, species in exchange.terms:
            if species.name.endswith("(bulk)"):
                terms.append(self._per_cell(coefficient, species))
            else:
                terms.append((coefficient, pristine if coefficient < 0 else doped))
        return self._value(name, termination, tuple(terms))

    def _per_cell(self, coefficient: float, salt: Species) -> tuple[float, Species]:
        """A bulk salt as many times as its record holds formula units."""
        record = self.inputs.sources.get(salt.name.removesuffix("(bulk)"))
        if record is None:
            return coefficient, salt
        structure = record.composition if record.kind == "eos" else _atoms(record)
        units = sum(structure.values()) / sum(salt.composition.values())
        return coefficient / units, Species(salt.name, structure)

    def at_surface(self, termination: str) -> Iterator[SubstitutionValue]:
        """Solution, preference, and vacancies on one face."""
        slab = self._stand_in("slab", f"{self.inputs.ions.formula}({termination})")
        doped = self._doped(slab)
        yield self.solution("solution-surface", termination, slab, doped)
        terms = ((-1, slab), (-1, self.doped_cell), (1, doped), (1, self.cell))
        yield self._value("surface-preference", termination, terms)
        if not self.inputs.vacancy:
            return
        salt = self.inputs.ions.salt
        holed, beside = (self._without(s, salt) for s in (slab, doped))
        if self.state != 2:
            told = (
                f"no site with {self.site} and {self.inputs.vacancy}: it has a vacancy of its own"
            )
            yield self._missing("dopant-on-vacancy", termination, "skipped", told)
            return
        host_ion = ((-1, slab), (1, holed), (1, salt))
        yield self._value("vacancy-beside-host-ion", termination, host_ion)
        dopant = ((-1, doped), (1, beside), (1, salt))
        yield self._value("vacancy-beside-dopant", termination, dopant)
        both = ((-1, doped), (-1, holed), (1, beside), (1, slab))
        yield self._value("dopant-on-vacancy", termination, both)

    def _without(self, slab: Species, salt: Species) -> Species:
        """The slab without one AX, named as its site is."""
        composition = add(slab.composition, scale(salt.composition, -1))
        name = slab.name.removesuffix("]") + (
            f"-{self.inputs.vacancy}]" if slab.name.endswith("]") else f"[{self.inputs.vacancy}]"
        )
        return Species(name, composition)

    def lattice(self) -> SubstitutionValue:
        """Change of the lattice constant per unit of dopant fraction."""
        inputs = self.inputs
        try:
            host, alloy = (
                1 + equilibrium_strain(inputs.strains, _energies(inputs, name))
                for name in (UNDOPED, self.dopant)
            )
            _same_mesh(self._cells())
        except AnalysisRefused as refusal:
            return self._missing("lattice-response", "", "missing", str(refusal), "1")
        return SubstitutionValue(
            dopant=self.dopant,
            name="lattice-response",
            value=lattice_response(host, alloy, inputs.fraction),
            unit="1",
            error=self._lattice_error(),
        )

    def _lattice_error(self) -> float | None:
        """What residual forces at every strain leave open in the response."""
        inputs = self.inputs
        if inputs.errors is None:
            return None
        size = inputs.errors.terms["relaxation"].sigma_eV or 0.0
        shifts = [
            strain_error(inputs.strains, _energies(inputs, name), size)
            for name in (UNDOPED, self.dopant)
        ]
        return float(np.linalg.norm(shifts)) / inputs.fraction

    def _cells(self) -> dict[str, CalculationRecord | None]:
        cells = self.inputs.cells
        return {
            self.cell.name: cells.get((UNDOPED, 0.0)),
            self.doped_cell.name: cells.get((self.dopant, 0.0)),
        }

    def _records(self, termination: str) -> dict[str, EnergyRecord | None]:
        """Record of every species by its name."""
        found: dict[str, EnergyRecord | None] = dict(self._cells())
        found |= {f"{name}(bulk)": record for name, record in self.inputs.sources.items()}
        formula = self.inputs.ions.formula
        for (face, site), record in self.inputs.slabs.items():
            if face == termination:
                name = f"{formula}({face})" + ("" if site == "pristine" else f"[{site}]")
                found[name] = record
        return found

    def _value(
        self, name: str, termination: str, terms: tuple[tuple[float, Species], ...]
    ) -> SubstitutionValue:
        records = self._records(termination)
        try:
            energy = evaluate(Reaction(name, terms), records)
            if energy.value_eV is not None:
                _same_mesh({s.name: records[s.name] for _, s in terms if "(cell)" in s.name})
        except PeropassError as refusal:
            return self._missing(name, termination, "failed", str(refusal))
        return SubstitutionValue(
            dopant=self.dopant,
            name=name,
            termination=termination,
            value=energy.value_eV,
            unit="eV",
            error=self._error([species.name for _, species in terms], energy.value_eV),
            status=energy.status,
            reason=self._explained(energy),
            equation=energy.equation,
            terms=energy.terms,
        )

    def _error(self, names: Sequence[str], value: float | None) -> float | None:
        """Error of a number that is there, where an error model is."""
        model = self.inputs.errors
        return None if value is None or model is None else error_eV(names, model)

    def _explained(self, energy: ReactionEnergy) -> str:
        """The reason of a missing value, with why a salt has no record."""
        reason = energy.reason
        for formula, why in self.inputs.unavailable.items():
            reason = reason.replace(f"no record of {formula}(bulk)", f"no {formula}: {why}")
        return reason

    def _missing(
        self, name: str, termination: str, status: Status, reason: str, unit: str = "eV"
    ) -> SubstitutionValue:
        return SubstitutionValue(
            dopant=self.dopant,
            name=name,
            termination=termination,
            value=None,
            unit=unit,
            status=status,
            reason=reason,
        )


def _atoms(record: CalculationRecord) -> Mapping[str, int]:
    structure = record.initial or record.final
    return structure.composition if structure is not None else {}


def _same_mesh(cells: Mapping[str, CalculationRecord | None]) -> None:
    """Refuse bulk cells of different size or k-mesh: their errors would not cancel."""
    present = [(name, r) for name, r in cells.items() if r is not None]
    for (one, a), (other, b) in zip(present, present[1:], strict=False):
        if tuple(a.kpts) != tuple(b.kpts):
            raise AnalysisRefused(
                f"k-meshes differ: {one} {tuple(a.kpts)}, {other} {tuple(b.kpts)}"
            )
        if not np.allclose(a.cell_ang, b.cell_ang, rtol=0, atol=1e-4):
            raise AnalysisRefused(f"cells differ: {one} and {other}")


def needed_salts(ions: HostIons, oxidation_states: Mapping[str, int]) -> list[str]:
    """Formulas of the bulk salts that solution energies need: BX2, then the source of each dopant."""
    sources = [salt_name(element, n, ions.x) for element, n in oxidation_states.items()]
    return list(dict.fromkeys([salt_name(ions.b, 2, ions.x), *sources]))
