"""Differences between evaluated reactions that answer one question each. eV per ligand or dopant; see each sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from peropass.analysis.ranking_rows import own_errors
from peropass.analysis.reaction_energies import require
from peropass.analysis.uncertainty import ErrorModel, loadings
from peropass.errors import MissingTerm
from peropass.records import CandidateRecord, ComparisonResult, ReactionEnergy

WORDS = {
    "non-additivity": "co-adsorption beyond the sum of its parts; negative = they help each other",
    "chelate-gain": "what the second anchor adds to the better single one; negative = chelating pays",
    "surface-preference": "dopant at the surface against deep inside; negative = it stays outside",
    "dopant-on-vacancy": "vacancy next to the dopant against the vacancy alone; positive = it is suppressed",
}


@dataclass(frozen=True)
class Comparison:
    """A difference with the names of what was compared."""

    name: str
    value_eV: float
    of: tuple[str, ...]


def non_additivity(
    together: ReactionEnergy, first: ReactionEnergy, second: ReactionEnergy
) -> Comparison:
    """Co-adsorption beyond the sum of its parts: binding(A+B) - binding(A) - binding(B); negative = they help each other.

    Raises
    ------
    MissingTerm
        One of the reactions has no value; also in all functions below.
    """
    value = require(together) - require(first) - require(second)
    return Comparison("non-additivity", value, (together.name, first.name, second.name))


def chelate_gain(both_ends: ReactionEnergy, single_ends: Sequence[ReactionEnergy]) -> Comparison:
    """What the second anchor adds: binding(both ends) - binding(the better single end); negative = chelating pays."""
    best = min(single_ends, key=require)
    value = require(both_ends) - require(best)
    return Comparison("chelate gain", value, (both_ends.name, best.name))


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
    kind : {'non-additivity', 'chelate-gain'}
    of, parts
        Names of rows: with all parts or both anchors, and with one of them each.
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
        whole, single = _binding(rows, of), [_binding(rows, part) for part in parts]
        if kind == "non-additivity":
            found = non_additivity(whole, *single)
            used = list(parts)
        else:
            found = chelate_gain(whole, single)
            used = [min(parts, key=lambda part: require(_binding(rows, part)))]
    except MissingTerm as error:
        return ComparisonResult(value_eV=None, reason=str(error), **base)
    error = _error([rows[of]], [rows[part] for part in used], model)
    return ComparisonResult(value_eV=found.value_eV, error_eV=error, **base)


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
    plus: Sequence[CandidateRecord], minus: Sequence[CandidateRecord], model: ErrorModel
) -> float:
    """Standard deviation of the difference, eV: common causes with their signs, own ones in quadrature."""
    records = [*plus, *minus]
    signs = np.array([1.0] * len(plus) + [-1.0] * len(minus))
    dispersion = np.array([r.reaction("binding").dispersion_eV or 0.0 for r in records])
    loads = loadings(model, dispersion, "binding", [own_errors(r)[0] for r in records])
    return float(np.sqrt(np.sum((signs @ loads.common) ** 2) + np.sum(loads.own**2)))


def in_words(result: ComparisonResult) -> str:
    """One line for the notes of the ranking."""
    what = f"{result.kind} of {result.of} against {' and '.join(result.parts)}"
    if result.value_eV is None:
        return f"{what}: no number, {result.reason}"
    error = "" if result.error_eV is None else f" +- {result.error_eV:.3f}"
    return f"{what}: {result.value_eV:+.3f}{error} eV ({WORDS[result.kind]})"
