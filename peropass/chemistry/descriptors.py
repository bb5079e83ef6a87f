"""Size and polarity of a ligand model."""

from __future__ import annotations

from peropass.chemistry.model import LigandModel


def describe(model: LigandModel, seed: int) -> dict[str, float]:
    """Descriptors that enter the ranking."""
    return {}
