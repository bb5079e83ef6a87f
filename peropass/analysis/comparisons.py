"""Differences between evaluated reactions that answer one question each. eV per ligand or dopant; see each sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peropass.analysis.reaction_energies import require
from peropass.records import ReactionEnergy


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
