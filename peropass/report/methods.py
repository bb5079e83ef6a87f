"""The citable methods paragraph, built from the settings and versions that the records carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ase.constraints import FixAtoms
from ase.formula import Formula

from peropass.analysis.levels import spin_orbit_operator
from peropass.records import Record
from peropass.report.collect import Calculation, Collection
from peropass.report.limits import slab_words

REFERENCES = {
    "gpaw": "J. J. Mortensen et al., J. Chem. Phys. 160, 092503 (2024), 10.1063/5.0182685",
    "ase": "A. H. Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017), 10.1088/1361-648X/aa680e",
    "PBE": "J. P. Perdew, K. Burke, M. Ernzerhof, Phys. Rev. Lett. 77, 3865 (1996), 10.1103/PhysRevLett.77.3865",
    "PBEsol": "J. P. Perdew et al., Phys. Rev. Lett. 100, 136406 (2008), 10.1103/PhysRevLett.100.136406",
    "RPBE": "B. Hammer, L. B. Hansen, J. K. Norskov, Phys. Rev. B 59, 7413 (1999), 10.1103/PhysRevB.59.7413",
    "BEEF-vdW": "J. Wellendorff et al., Phys. Rev. B 85, 235149 (2012), 10.1103/PhysRevB.85.235149",
    "vdW-DF2": "K. Lee et al., Phys. Rev. B 82, 081101 (2010), 10.1103/PhysRevB.82.081101",
    "d3bj": "S. Grimme, S. Ehrlich, L. Goerigk, J. Comput. Chem. 32, 1456 (2011), 10.1002/jcc.21759",
    "d4": "E. Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019), 10.1063/1.5090222",
    "GFN1-xTB": "S. Grimme, C. Bannwarth, P. Shushkov, J. Chem. Theory Comput. 13, 1989 (2017), 10.1021/acs.jctc.7b00118",
    "GFN2-xTB": "C. Bannwarth, S. Ehlert, S. Grimme, J. Chem. Theory Comput. 15, 1652 (2019), 10.1021/acs.jctc.8b01176",
    "plane waves": "G. P. Francis, M. C. Payne, J. Phys.: Condens. Matter 2, 4395 (1990), 10.1088/0953-8984/2/19/007",
    "bartel": "C. J. Bartel et al., Sci. Adv. 5, eaav0693 (2019), 10.1126/sciadv.aav0693",
}
DISPERSION_NAMES = {"d3bj": "D3(BJ)", "d4": "D4"}
DISPERSION_PACKAGES = {"d3bj": "dftd3", "d4": "dftd4"}


@dataclass
class Methods:
    """Sentences, and the references that they cite, numbered in order of appearance."""

    sentences: list[str] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)

    def say(self, sentence: str, *keys: str) -> None:
        numbers = []
        for key in keys:
            if key in REFERENCES:
                if key not in self.cited:
                    self.cited.append(key)
                numbers.append(self.cited.index(key) + 1)
        marks = f" [{','.join(map(str, numbers))}]" if numbers else ""
        self.sentences.append(f"{sentence}{marks}.")

    @property
    def text(self) -> str:
        return " ".join(self.sentences)

    @property
    def references(self) -> list[str]:
        return [f"[{k}] {REFERENCES[key]}" for k, key in enumerate(self.cited, start=1)]

    @property
    def plain(self) -> str:
        """Text file form: paragraph, blank line, references."""
        return "\n".join([self.text, "", *self.references]) + "\n"


def versions(records: Iterable[Record]) -> dict[str, list[str]]:
    """Package -> every version that took part, sorted; two versions of one package both show."""
    found: dict[str, set[str]] = {}
    for record in records:
        for package, version in record.provenance.versions.items():
            found.setdefault(package, set()).add(version)
    return {package: sorted(found[package]) for package in sorted(found)}


def methods(collection: Collection) -> Methods:
    """The paragraph for this campaign; says only what the records say."""
    settings = {k: v for block in _blocks(collection.settings) for k, v in block.items()}
    used = versions(collection.records)
    found = Methods()
    _engine(found, settings, used)
    _plane_waves(found, collection)
    _relaxation(found, collection, settings)
    _poses(found, collection)
    _levels(found, collection)
    _lability(found, collection)
    _formability(found, collection)
    _ranking(found, collection)
    return found


def _blocks(settings: dict) -> list[dict]:
    return [settings] + [value for value in settings.values() if isinstance(value, dict)]


def _named(package: str, used: dict[str, list[str]]) -> str:
    shown = {"gpaw": "GPAW", "ase": "ASE"}.get(package, package)
    return f"{shown} {' and '.join(used[package])}" if package in used else shown


def _engine(found: Methods, settings: dict, used: dict[str, list[str]]) -> None:
    if not settings:
        found.say("No calculation is shown in this report")
        return
    functional = str(settings.get("xc", "unnamed"))
    text = f"Total energies were computed with {_named('gpaw', used)} through {_named('ase', used)}"
    if "gpaw-data" in used:
        text += f" and PAW datasets gpaw-data {' and '.join(used['gpaw-data'])}"
    found.say(text, "gpaw", "ase")
    text = f"The {functional} functional was used"
    if "ecut_eV" in settings:
        text += f" in a plane-wave basis of {settings['ecut_eV']:g} eV"
    if "smearing_eV" in settings:
        text += f" with Fermi-Dirac smearing of {settings['smearing_eV']:g} eV, energies extrapolated to zero width"
    found.say(text, functional)
    dispersion = str(settings.get("dispersion", "none"))
    if dispersion != "none":
        name = DISPERSION_NAMES.get(dispersion, dispersion)
        package = DISPERSION_PACKAGES.get(dispersion, "")
        by = f" ({_named(package, used)})" if package in used else ""
        found.say(f"Dispersion was added to energies and forces with {name}{by}", dispersion)


def _plane_waves(found: Methods, collection: Collection) -> None:
    terms = [
        abs(reaction.plane_waves_eV)
        for one in collection.evidence
        if one.candidate is not None
        for reaction in one.candidate.reactions
        if reaction.name == "binding" and reaction.plane_waves_eV is not None
    ]
    if any(terms):
        found.say(
            "Energies of cells of different size were compared at the smooth number of plane waves of the cutoff, with slopes measured per element"
            f" (up to {max(terms):.2f} eV of a binding energy)",
            "plane waves",
        )


def _relaxation(found: Methods, collection: Collection, settings: dict) -> None:
    shown = [c for one in collection.evidence for c in one.calculations]
    calculations = [c.record for c in shown]
    if shown:
        found.say(f"Loaded slabs ({slab_words(shown)}) were relaxed{_boundary(shown)}")
    worst = max(
        (c.fmax_eV_per_ang for c in calculations if c.status == "ok" and c.fmax_eV_per_ang),
        default=None,
    )
    if worst is not None:
        found.say(
            f"The largest force left on a free atom of a converged slab is {worst:.3f} eV/Angstrom"
        )
    for record in collection.eos:
        if record.a_ang is not None:
            found.say(
                f"The cubic lattice constant of {_formula(record.composition)} is {record.a_ang:.3f} Angstrom at these settings"
            )


def _formula(composition: dict[str, int]) -> str:
    """Metals before non-metals, as chemists write salts: CsPbBr3."""
    return Formula.from_dict(composition).format("metal")


def _boundary(shown: list[Calculation]) -> str:
    """What the structures say of frozen atoms and of the direction of the surface."""
    finals = [c.final for c in shown if c.final is not None]
    text = ""
    if finals and all(any(isinstance(k, FixAtoms) for k in atoms.constraints) for atoms in finals):
        text += ", with the atoms of the bottom layers frozen"
    if finals and all(list(atoms.pbc) == [True, True, False] for atoms in finals):
        text += ", open along the surface normal with a dipole layer"
    return text


def _poses(found: Methods, collection: Collection) -> None:
    tiers = sorted({one.poses.method for one in collection.evidence if one.poses is not None})
    for tier in tiers:
        key = next((k for k in ("GFN1-xTB", "GFN2-xTB") if k in tier), "")
        found.say(
            f"Starting poses were selected with {tier}; energies of this tier do not enter the ranking",
            key,
        )


def _levels(found: Methods, collection: Collection) -> None:
    traps = [
        one.candidate.traps for one in collection.evidence if one.candidate and one.candidate.traps
    ]
    if not traps:
        return
    coupling = "with" if all(t.spin_orbit for t in traps) else "partly without"
    used = {spin_orbit_operator(one.levels) for one in collection.evidence if one.levels}
    named = {"mass": "with", "bare": "without"}
    operators = " and ".join(f"{named[o]} the relativistic mass" for o in sorted(used))
    operator = f" (operator {operators})" if operators else ""
    limits = ", ".join(f"{k} {v:g}" for k, v in sorted(traps[0].thresholds.items()))
    found.say(
        f"Trap states were assigned from Kohn-Sham levels {coupling} spin-orbit coupling{operator}, aligned on atomic electrostatic "
        f"potentials (thresholds: {limits})"
    )


def _lability(found: Methods, collection: Collection) -> None:
    """Conditions of the free energies, if all rows share them."""
    channels = [
        channel
        for one in collection.evidence
        if one.candidate is not None
        for channel in one.candidate.channels
    ]
    conditions = {(c.temperature_K, c.concentration_M, c.solvent) for c in channels}
    if len(conditions) != 1:
        return
    ((temperature, concentration, solvent),) = conditions
    found.say(
        f"The lability of a ligand is the free energy of its cheapest desorption channel at {temperature:g} K and "
        f"{concentration:g} mol/l, solvent: {solvent}"
    )


def _formability(found: Methods, collection: Collection) -> None:
    if any(one.candidate and one.candidate.formability for one in collection.evidence):
        found.say(
            "Formability is described by Goldschmidt factors and the tau of Bartel and co-workers",
            "bartel",
        )


def _ranking(found: Methods, collection: Collection) -> None:
    ranking = collection.ranking
    if ranking is None:
        return
    weights = ", ".join(f"{name} {weight:g}" for name, weight in ranking.weights.items())
    found.say(
        f"Candidates were sorted into Pareto fronts and ranked by a weighted mean of scaled axes ({weights}); rank intervals come "
        f"from {ranking.samples} Monte Carlo draws over the error model (seed {ranking.seed})"
    )
