"""Differences between rows and reactions that answer one question each. eV per ligand or dopant; see each sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from peropass.analysis.ranking_rows import own_errors
from peropass.analysis.reaction_energies import require
from peropass.analysis.uncertainty import ErrorModel, Measured, loadings
from peropass.chemistry.reactions import add, cation, scale
from peropass.errors import MissingTerm
from peropass.records import CandidateRecord, ComparisonResult, ReactionEnergy

WORDS = {
    "non-additivity": "co-adsorption beyond the sum of its parts; negative = they help each other",
    "chelate-gain": "what the second anchor adds to the better single one; negative = chelating pays",
    "against": "takes the place of the other on the same socket; negative = the row holds it",
    "coverage": "binding per ligand at the higher coverage against the lower one; positive = neighbours repel",
    "surface-preference": "dopant at the surface against deep inside; negative = it stays outside",
    "dopant-on-vacancy": "vacancy next to the dopant against the vacancy alone; positive = it is suppressed",
}
SAME_SOCKET_EV = 1e-6


@dataclass(frozen=True)
class Comparison:
    """A difference with the names of what was compared."""

    name: str
    value_eV: float
    of: tuple[str, ...]


@dataclass(frozen=True)
class Loaded:
    """A slab with a neutral set on a socket, beside the empty slabs of that socket; total energies in eV.

    Attributes
    ----------
    composition : mapping
        Element -> atoms of the set.
    pristine_eV : float or None
        Of the slab that holds one AX more than the socket; None where there is no such slab.
    salt : mapping
        Composition of that AX.
    """

    name: str
    composition: Mapping[str, float]
    loaded_eV: float
    socket_eV: float
    pristine_eV: float | None = None
    salt: Mapping[str, float] = field(default_factory=dict)


def non_additivity(together: Loaded, parts: Sequence[Loaded]) -> Comparison:
    """Co-adsorption beyond the sum of its parts, from slabs alone; negative = they help each other.

        slab:A + slab:B -> slab:AB + slab

    The empty slab is the socket or, where A and B together hold one AX of the host more than AB (KX and a caesium
    carboxylate against the potassium carboxylate), the pristine slab, which is the socket with AX in it. Binding energies
    would not do: each refers to its own gas, and the cohesion of the complex AB(g) is no interaction on a surface.

    Raises
    ------
    MissingTerm
        The parts do not add up to the whole, or a slab is missing or belongs to another socket.
    """
    n_pristine = surplus_of_salt(together, parts)
    sockets = [x.socket_eV for x in (together, *parts)]
    if max(sockets) - min(sockets) > SAME_SOCKET_EV:
        raise MissingTerm(f"{together.name} and its parts do not sit on one socket")
    if n_pristine and together.pristine_eV is None:
        raise MissingTerm(f"no energy of the pristine slab beside {together.name}")
    empty = n_pristine * (together.pristine_eV or 0.0)
    empty += (len(parts) - 1 - n_pristine) * together.socket_eV
    value = together.loaded_eV + empty - sum(part.loaded_eV for part in parts)
    return Comparison("non-additivity", value, (together.name, *(part.name for part in parts)))


def surplus_of_salt(together: Loaded, parts: Sequence[Loaded]) -> int:
    """How many AX of the host the parts hold more than the whole. Raises MissingTerm if nothing else differs by that."""
    if len(parts) < 2:
        raise MissingTerm(f"non-additivity of {together.name} needs at least two parts")
    excess = add(*(part.composition for part in parts), scale(together.composition, -1))
    for n in range(len(parts)):
        if excess == add(scale(together.salt, n)):
            return n
    told = ", ".join(f"{element} {count:+g}" for element, count in sorted(excess.items()))
    names = " and ".join(part.name for part in parts)
    raise MissingTerm(f"{names} do not add up to {together.name}: parts minus whole {told}")


def chelate_gain(both_ends: ReactionEnergy, single_ends: Sequence[ReactionEnergy]) -> Comparison:
    """What the second anchor adds: binding(both ends) - binding(the better single end); negative = chelating pays.

    Raises
    ------
    MissingTerm
        One of the reactions has no value; also in all functions below.
    """
    best = min(single_ends, key=require)
    value = require(both_ends) - require(best)
    return Comparison("chelate gain", value, (both_ends.name, best.name))


def against(row: ReactionEnergy, other: ReactionEnergy) -> Comparison:
    """socket:other + row(g) -> socket:row + other(g); negative = the row holds its place against the other."""
    return Comparison("against", require(row) - require(other), (row.name, other.name))


def coverage_effect(
    dense: ReactionEnergy, n_dense: int, sparse: ReactionEnergy, n_sparse: int
) -> Comparison:
    """Mean binding energy per ligand at high coverage minus that at low; positive = neighbours repel.

    Parameters
    ----------
    dense, sparse
        Reactions that bind `n_dense` and `n_sparse` ligands at once.
    """
    value = require(dense) / n_dense - require(sparse) / n_sparse
    return Comparison("coverage effect", value, (dense.name, sparse.name))


def surface_preference(at_surface: ReactionEnergy, in_bulk: ReactionEnergy) -> Comparison:
    """Substitution energy at the surface minus in the bulk, same reservoirs; negative = the dopant stays outside."""
    value = require(at_surface) - require(in_bulk)
    return Comparison("surface preference", value, (at_surface.name, in_bulk.name))


def dopant_on_vacancy(next_to: ReactionEnergy, far: ReactionEnergy) -> Comparison:
    """Vacancy formation energy next to the dopant minus far from it; positive = the dopant suppresses the vacancy."""
    value = require(next_to) - require(far)
    return Comparison("vacancy next to dopant", value, (next_to.name, far.name))


def lattice_response(a_host_ang: float, a_alloy_ang: float, fraction: float) -> float:
    """Relative change of the lattice constant per unit dopant fraction, no unit; negative = contraction."""
    return (a_alloy_ang - a_host_ang) / a_host_ang / fraction


def between_rows(
    kind: str,
    of: str,
    parts: Sequence[str],
    rows: Mapping[str, CandidateRecord],
    model: ErrorModel,
    socket: tuple[str, str, str],
) -> ComparisonResult:
    """One comparison that a campaign asks for, on one socket, with its error; a missing row or energy is named.

    Parameters
    ----------
    kind : {'non-additivity', 'chelate-gain', 'against'}
    of, parts
        Names of rows: with all parts or both anchors, and with one of them each; or a row and the one whose place it takes.
    rows
        Name -> candidate record on this socket.
    socket
        Host, termination and site.
    """
    host, termination, site = socket
    base = {
        "kind": kind,
        "host": host,
        "termination": termination,
        "site": site,
        "of": of,
        "parts": list(parts),
    }
    try:
        n_pristine = 0
        if kind == "non-additivity":
            whole, single = _loaded(rows, of), [_loaded(rows, part) for part in parts]
            found, used = non_additivity(whole, single), list(parts)
            n_pristine = surplus_of_salt(whole, single)
        elif kind == "against":
            found, used = against(_binding(rows, of), _binding(rows, parts[0])), list(parts)
        else:
            ends = [_binding(rows, part) for part in parts]
            found = chelate_gain(_binding(rows, of), ends)
            used = [min(parts, key=lambda part: require(_binding(rows, part)))]
    except MissingTerm as error:
        return ComparisonResult(value_eV=None, reason=str(error), **base)
    error = _error([rows[of]], [rows[part] for part in used], model, n_pristine)
    values = {name: require(_binding(rows, name)) for name in (of, *parts)}
    return ComparisonResult(value_eV=found.value_eV, error_eV=error, values_eV=values, **base)


# ASSUME the same ligand from the same molecule errs alike at two coverages in all but these: the slab below it and its pose.
OWN_TO_A_COVERAGE = ("k_points", "layers", "pose")


def at_two_coverages(
    row: CandidateRecord, other: CandidateRecord, model: ErrorModel
) -> ComparisonResult:
    """One row beside the same treatment of another campaign, on the same kind of socket at another coverage.

    The difference is binding at the higher coverage minus binding at the lower one, with the error of both slabs; the interaction with
    images in the lateral cell is what the difference shows and no part of its error.
    """
    name, elsewhere = row.address.candidate, f"{other.address.candidate} ({other.address.campaign})"
    base = {
        "kind": "coverage",
        "host": row.address.host,
        "termination": row.address.termination,
        "site": row.address.site,
        "of": name,
        "parts": [elsewhere],
    }
    try:
        here, there = _binding({name: row}, name), _binding({elsewhere: other}, elsewhere)
        if not row.coverage or not other.coverage or row.coverage == other.coverage:
            raise MissingTerm(f"coverages {row.coverage} and {other.coverage} do not differ")
        dense, sparse = (here, there) if row.coverage > other.coverage else (there, here)
        found = coverage_effect(dense, 1, sparse, 1)
    except MissingTerm as error:
        return ComparisonResult(value_eV=None, reason=str(error), **base)
    terms = {n: model.terms[n] for n in OWN_TO_A_COVERAGE if n in model.terms}
    sizes = [
        record.pose_error_eV if n == "pose" and record.pose_error_eV is not None else t.sigma_eV
        for record in (row, other)
        for n, t in terms.items()
    ]
    return ComparisonResult(
        value_eV=found.value_eV,
        error_eV=float(np.linalg.norm([size or 0.0 for size in sizes])),
        values_eV={name: require(here), elsewhere: require(there)},
        **base,
    )


def _loaded(rows: Mapping[str, CandidateRecord], name: str) -> Loaded:
    """The slabs of a row, out of the terms of its binding and its exchange reaction."""
    from peropass.chemistry.molecules import composition

    binding, exchange = _binding(rows, name), rows[name].reaction("exchange")
    slabs = {t.coefficient: t.energy_eV for t in binding.terms if not t.species.endswith("(g)")}
    pristine, salt = None, {}
    for term in exchange.terms if exchange is not None else ():
        if term.species.endswith("(bulk)"):
            salt = _salt(term.species.removesuffix("(bulk)"))
        elif term.coefficient < 0 and not term.species.endswith("(g)"):
            pristine = term.energy_eV
    return Loaded(name, composition(rows[name].model_smiles), slabs[1], slabs[-1], pristine, salt)


def _salt(formula: str) -> dict[str, float]:
    """Composition of AX from its formula, e.g. CsBr or MABr."""
    halide = next(x for x in ("Cl", "Br", "I", "F") if formula.endswith(x))
    return add(cation(formula.removesuffix(halide)), {halide: 1})


def _binding(rows: Mapping[str, CandidateRecord], name: str) -> ReactionEnergy:
    if name not in rows:
        raise MissingTerm(f"no record of the row {name}")
    found = rows[name].reaction("binding")
    if found is None or found.value_eV is None:
        raise MissingTerm(
            f"no binding energy of {name}: {found.reason if found else rows[name].reason}"
        )
    return found


def _error(
    plus: Sequence[CandidateRecord],
    minus: Sequence[CandidateRecord],
    model: ErrorModel,
    n_pristine: int = 0,
) -> float:
    """Standard deviation of the difference, eV: common causes with their signs, own ones in quadrature.

    The pristine slab counts as the socket with a set in it that has no pose to miss and no dispersion of its own.
    """
    records = [*plus, *minus]
    signs = np.array([1.0] * len(plus) + [-1.0] * len(minus) + [1.0] * n_pristine)
    dispersion = [r.reaction("binding").dispersion_eV or 0.0 for r in records] + [0.0] * n_pristine
    measured = [own_errors(r)[0] for r in records] + [Measured(pose_eV=0.0)] * n_pristine
    loads = loadings(model, np.array(dispersion), "binding", measured)
    return float(np.sqrt(np.sum((signs @ loads.common) ** 2) + np.sum(loads.own**2)))


def in_words(result: ComparisonResult) -> str:
    """One line for the notes of the ranking."""
    what = f"{result.kind} of {result.of} against {' and '.join(result.parts)}"
    if result.value_eV is None:
        return f"{what}: no number, {result.reason}"
    error = "" if result.error_eV is None else f" +- {result.error_eV:.3f}"
    return f"{what}: {result.value_eV:+.3f}{error} eV ({WORDS[result.kind]})"
