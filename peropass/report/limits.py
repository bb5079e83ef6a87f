"""What the model leaves out: the `# ASSUME` comments of the package, and the limits that no comment can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from peropass.analysis.levels import spin_orbit_operator

if TYPE_CHECKING:
    from peropass.report.collect import Calculation, Collection

PACKAGE = Path(__file__).resolve().parents[1]
_MARK = re.compile(r"^\s*# ASSUME:? (?P<text>.+)$")
_MORE = re.compile(r"^\s*# (?P<text>.+)$")

GENERAL_LIMITS = (
    "Electronic energies at 0 K, one ligand per cell in vacuum, unless a column says free energy.",
    "Tails are cut as the truncation line of each card says; chain packing and solvation shells are not in the model.",
    "One socket on one flat termination: edges, corners and polydispersity of real nanocrystals are not in the model.",
    "Semilocal gaps look right without spin-orbit coupling because two errors of about an electronvolt cancel, and are too small by about as much with it; "
    "verdicts compare levels of equal cells and settings, not absolute gaps.",
    "Levels of static structures carry about 0.3 eV either way: at room temperature the levels of vacancies in lead halides fluctuate by more.",
    "Metal halides are bound from the molecule in the gas; their cards give the binding energy from the solid where its enthalpy of sublimation is known.",
    "Quantum yields and device efficiencies are quoted from the literature and never computed.",
)


@dataclass(frozen=True)
class Assumption:
    """One modelling choice as its author wrote it."""

    module: str
    line: int
    text: str


@cache
def assumptions(package: Path = PACKAGE) -> tuple[Assumption, ...]:
    """All `# ASSUME` comments below `package`, in file order; continuation lines are joined."""
    found = []
    for path in sorted(package.rglob("*.py")):
        module = str(path.relative_to(package).with_suffix("")).replace("/", ".")
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if match := _MARK.match(line):
                text = _continued(match["text"], lines[number + 1 :])
                found.append(Assumption(module, number + 1, text))
    return tuple(found)


def _continued(text: str, following: list[str]) -> str:
    for line in following:
        more = _MORE.match(line)
        if more is None or _MARK.match(line):
            break
        text = f"{text} {more['text'].strip()}"
    return text[:1].upper() + text[1:]


def protocol_limits(collection: Collection) -> list[str]:
    """What the protocol of this campaign leaves out: cell, k-points, error terms that nobody measured, spin-orbit operator."""
    found = []
    shown = [c for one in collection.evidence for c in one.calculations]
    if shown:
        found.append(f"Slabs are thin and small: {slab_words(shown)}.")
    terms = collection.ranking.error_model.get("terms", {}) if collection.ranking else {}
    assumed = [name for name, term in terms.items() if term.get("origin") == "assumed"]
    if assumed and len(assumed) == len(terms):
        found.append(f"All {len(terms)} terms of the error model are assumed, none is measured.")
    elif assumed:
        names = ", ".join(assumed).replace("_", " ")
        found.append(f"Terms of the error model that are assumed, not measured: {names}.")
    if "bare" in {spin_orbit_operator(one.levels) for one in collection.evidence if one.levels}:
        found.append(
            "Spin-orbit coupling without the relativistic mass: Pb 6p and Bi 6p levels split about a sixth too far."
        )
    return found


def slab_words(shown: list[Calculation]) -> str:
    """Layers, atoms, lateral cell and k-points of the slabs, as their records and structures say."""
    finals = [c.final for c in shown if c.final is not None]
    layers = {int(a.arrays["layer"].max()) for a in finals if "layer" in a.arrays}
    atoms = {c.record.final.n_atoms for c in shown if c.record.final is not None}
    cells = {tuple(f"{length:.2f}" for length in a.cell.lengths()[:2]) for a in finals}
    meshes = {tuple(c.record.kpts) for c in shown}
    parts = [f"{_span(layers)} atomic layers"] if layers else []
    parts += [f"{_span(atoms)} atoms"] if atoms else []
    parts += (
        [f"cell of {' and '.join(' x '.join(c) for c in sorted(cells))} Angstrom"] if cells else []
    )
    parts.append(f"k-points {' and '.join(_plain(mesh) for mesh in sorted(meshes))}")
    return ", ".join(parts)


def _span(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


UNIT_SUFFIXES = {
    "_eV2_per_electron": " eV\u00b2/electron",
    "_eV_per_electron": " eV/electron",
    "_eV_per_ang": " eV/Angstrom",
    "_eV": " eV",
    "_ang": " Angstrom",
}


def settings_line(settings: dict) -> str:
    """The protocol in one line, e.g. ``xc PBE, ecut 300 eV``; nested blocks are flattened."""
    parts = [
        _setting(key, value) for key, value in _flat(settings) if value not in ({}, [], None, "")
    ]
    return " \u00b7 ".join(parts)


def _setting(key: str, value: object) -> str:
    unit = next((text for suffix, text in UNIT_SUFFIXES.items() if key.endswith(suffix)), "")
    suffix = next((s for s in UNIT_SUFFIXES if key.endswith(s)), "")
    return f"{key.removesuffix(suffix).replace('_', ' ')} {_plain(value)}{unit}"


def _flat(settings: dict) -> list[tuple[str, object]]:
    flat: list[tuple[str, object]] = []
    for key, value in settings.items():
        flat += _flat(value) if isinstance(value, dict) else [(str(key), value)]
    return flat


def _plain(value: object) -> str:
    if isinstance(value, float):
        return re.sub(r"e([+-])0+", r"e\1", f"{value:g}").replace("e+", "e")
    if isinstance(value, (list, tuple)):
        return " x ".join(_plain(v) for v in value)
    return str(value)
