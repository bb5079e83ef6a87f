"""Errors that name what was found, where, and what is allowed. Each prints as one line."""

from __future__ import annotations


class PeropassError(Exception):
    """Base of every error that a user can act on."""


class InputError(PeropassError):
    """A config, library or structure file says something that cannot be used.

    Parameters
    ----------
    where : str
        File and key or row, e.g. ``config/quickstart.yaml: slab.height_ang``.
    found : object
        What stands there.
    allowed : str
        What may stand there.
    """

    def __init__(self, where: str, found: object, allowed: str) -> None:
        self.where, self.found, self.allowed = where, found, allowed
        super().__init__(f"{where}: found {found!s}; allowed: {allowed}".replace("\n", " "))


class BuildError(PeropassError):
    """A structure, conformer or pose cannot be built as asked."""


class UnbalancedReaction(PeropassError):
    """Elements or charge differ between the two sides of a reaction."""


class MissingTerm(PeropassError):
    """A reaction lacks the record of one of its species, or that record is not `ok`."""


class SettingsMismatch(PeropassError):
    """Energies computed with different settings were about to be subtracted."""


class StaleRecord(PeropassError):
    """A record belongs to another structure, revision or settings than the one asked for."""


class ToyRecord(PeropassError):
    """A record of the test-only toy engine reached a place where numbers count."""


class RecordError(PeropassError):
    """A record file does not parse or violates its schema."""


class EngineError(PeropassError):
    """The engine failed for a scientific reason (no SCF convergence, lost geometry)."""


class DeadlineReached(PeropassError):
    """The walltime is nearly over; state is on disk and the job wants to be requeued."""


class AnalysisRefused(PeropassError):
    """An analysis lacks what it needs to be trusted (k-points, edges, alignment)."""
