"""Error bars of the reactions of one candidate: the error model, with what its own records show in place of its guesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peropass.analysis.ranking import SELF_TEST, VERSUS_NATIVE
from peropass.analysis.uncertainty import ErrorModel, Measured, dispersion_difference, sigma
from peropass.records import CalculationRecord, EosRecord, ReactionEnergy


def with_models(
    reaction: ReactionEnergy,
    energies: Mapping[str, CalculationRecord | EosRecord | None],
    known: Mapping[str, Mapping[str, float]],
) -> ReactionEnergy:
    """The dispersion part of a reaction by every model that all of its species have, and zero for none."""
    if reaction.value_eV is None:
        return reaction
    found = [
        (term.coefficient, known.get(energies[term.species].provenance.physics_hash, {}))
        for term in reaction.terms
        if term.coefficient
    ]
    shared = set.intersection(*(set(models) for _, models in found)) if found else set()
    if not shared:
        return reaction
    sums = {m: float(sum(n * models[m] for n, models in found)) for m in sorted(shared)}
    return reaction.model_copy(update={"dispersion_models_eV": {"none": 0.0, **sums}})


@dataclass(frozen=True)
class ReactionErrors:
    """Error bars of the reactions of one candidate, from the error model and from what its records show."""

    model: ErrorModel
    binding: ReactionEnergy | None
    pose_eV: float | None
    native_pose_eV: Mapping[str, float | None]

    def put_on(self, reaction: ReactionEnergy) -> ReactionEnergy:
        if reaction.value_eV is None or reaction.name == SELF_TEST:
            return reaction
        if not reaction.name.startswith("vs-native"):
            quantity = "exchange" if reaction.name.startswith("exchange") else "binding"
            measured = self._measured(reaction)
            error = sigma(self.model, quantity, reaction.dispersion_eV or 0.0, measured=measured)
        # A ligand that is its own native cancels term by term: no energy, no error.
        elif all(term.coefficient == 0 for term in reaction.terms):
            error = 0.0
        else:
            error = self._versus_native(reaction)
        return reaction.model_copy(update={"error_eV": error})

    @property
    def _dispersion(self) -> float:
        return 0.0 if self.binding is None else self.binding.dispersion_eV or 0.0

    def _measured(self, reaction: ReactionEnergy | None) -> Measured:
        models = {} if reaction is None else reaction.dispersion_models_eV
        return Measured(self.pose_eV, dispersion_difference(models))

    def _versus_native(self, reaction: ReactionEnergy) -> float:
        own, change = self._measured(self.binding), self._measured(reaction).dispersion_eV
        of_native = None
        if own.dispersion_eV is not None and change is not None:
            of_native = own.dispersion_eV - change
        else:
            own = Measured(own.pose_eV)
        name = reaction.name.removeprefix(VERSUS_NATIVE).removeprefix("-")
        return sigma(
            self.model,
            "vs_native",
            self._dispersion,
            self._dispersion - (reaction.dispersion_eV or 0.0),
            own,
            Measured(self.native_pose_eV.get(name), of_native),
        )
