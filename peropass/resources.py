"""Memory and time of a job before it is submitted: a small measured model, for schedulers and `peropass plan`.

Plane waves: memory is wave functions plus grids, both proportional to the cell volume; time per ionic step grows
with volume and with the number of bands. Coefficients were measured on one core (docs/benchmarks.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from peropass.config import Campaign
from peropass.engine.protocol import LATERAL_FOLDING, Protocol

PSEUDOCUBIC_ANG = 5.95  # typical lattice constant; only sizes an estimate
BASE_MEMORY_MB = 450  # interpreter, GPAW, datasets
MEMORY_MB_PER_ANG3 = 0.25  # at 300 eV
SECONDS_PER_STEP_PER_ANG3 = 0.0055  # one ionic step at 300 eV, 60-80 bands
TYPICAL_STEPS = 25
RUNTIME_SAFETY = 4


@dataclass(frozen=True)
class Estimate:
    memory_mb: int
    runtime_min: int
    core_s: float


def estimate(campaign: Campaign, protocol: Protocol, wildcards: dict[str, str]) -> Estimate:
    """Size of one DFT job from its cell; molecules and bulk are counted as slabs (an upper bound)."""
    edge = PSEUDOCUBIC_ANG * LATERAL_FOLDING[campaign.slab.lateral]
    volume = edge**2 * campaign.slab.height_ang
    grid = (protocol.energy.ecut_eV / 300) ** 1.5
    bands = (edge / 8.4) ** 2 * campaign.slab.layers / 3
    kpoints = max(1, protocol.lateral_kpts(campaign.slab.lateral)[0]) ** 2
    seconds = SECONDS_PER_STEP_PER_ANG3 * volume * grid * max(1.0, bands) * kpoints * TYPICAL_STEPS
    memory = BASE_MEMORY_MB + MEMORY_MB_PER_ANG3 * volume * grid * max(1.0, bands**0.5) * kpoints
    return Estimate(int(memory), max(10, int(RUNTIME_SAFETY * seconds / 60)), seconds)


# Core-seconds of one job of each stage relative to a relaxation of the same slab, measured in the quickstart campaign.
STAGE_SHARE = {
    "bulk": 0.4,
    "reservoir": 0.1,
    "molecule": 0.4,
    "reference": 0.15,
    "relax": 1.0,
    "fragments": 0.1,
    "levels": 0.2,
}
STAGE_SECONDS = {"thermo": 6.0, "poses": 40.0, "candidate": 4.0, "rank": 4.0, "report": 6.0}


def estimate_record(campaign: Campaign, protocol: Protocol, stage: str) -> float:
    """Core-seconds that one record of a stage is expected to take."""
    if stage in STAGE_SECONDS:
        return STAGE_SECONDS[stage]
    return STAGE_SHARE[stage] * estimate(campaign, protocol, {}).core_s
