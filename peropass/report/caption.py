"""The thresholds behind a campaign's report in one sentence each, for captions of Snakemake's own report."""

from __future__ import annotations

from dataclasses import asdict

from peropass.config import Campaign
from peropass.engine.protocol import Protocol


def thresholds_text(campaign: Campaign, protocol: Protocol) -> str:
    """What counts as converged, as a trap, as tied: the numbers that this campaign really uses.

    Nothing heavier than numpy is imported, and only when the text is asked for.
    """
    from peropass.analysis.level_classes import Thresholds
    from peropass.analysis.ranking import SELF_TEST_LIMIT_EV
    from peropass.analysis.scoring import INTERVAL_PERCENT

    weights = ", ".join(f"{name} {weight:g}" for name, weight in campaign.ranking.weights.items())
    traps = ", ".join(f"{name} {value:g}" for name, value in asdict(Thresholds()).items())
    low, high = INTERVAL_PERCENT
    return (
        f"Converged: largest force on a free atom <= {protocol.relax.fmax_eV_per_ang:g} eV/Angstrom. "
        f"Self-test: pristine slab within {SELF_TEST_LIMIT_EV:g} eV. "
        f"Trap classes: {traps}. "
        f"Score weights: {weights}. "
        f"Rank intervals: {low:g}th to {high:g}th percentile of {campaign.ranking.samples} draws, seed {campaign.ranking.seed}. "
        f"Lability at {campaign.lability.temperature_K:g} K, {campaign.lability.concentration_M:g} mol/l in {campaign.lability.solvent}."
    )
