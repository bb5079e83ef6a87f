"""The cheap funnel: which poses go on to DFT, and why each of the others does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms

from peropass.records import Filter, Pose
from peropass.surfaces.pockets import POCKET
from peropass.surfaces.poses import PlacedPose, PoseSet

# ASSUME poses more than 1.5 eV above the best by GFN-xTB on the frozen slab do not win in DFT; the
# recall sample tests this on every campaign.
WINDOW_EV = 1.5
# ASSUME two relaxed poses closer than this fell into one minimum: largest atomic distance, Angstrom.
SAME_MINIMUM_ANG = 0.3
SAME_ENERGY_EV = 0.02


class Score(Protocol):
    """What the cheap tier tells of a pose; see `peropass.engine.xtb.XtbScore`."""

    energy_xtb_eV: float | None
    accepted: bool
    reason: str
    atoms: Atoms


@dataclass(frozen=True)
class FunnelResult:
    """Poses with their fate, and their structures by pose id.

    `recall` holds the ids of dropped poses drawn at random: relaxing them too tells how often the
    funnel loses the winner.
    """

    poses: list[Pose]
    structures: dict[str, Atoms]
    filters: list[Filter]
    recall: list[str]

    @property
    def kept(self) -> list[str]:
        """Ids of the kept poses, best first."""
        return [p.id for p in sorted(self.poses, key=lambda p: p.rank or 0) if p.kept]


def run_funnel(
    placed: PoseSet,
    scores: Sequence[Score],
    *,
    keep: int,
    window_eV: float = WINDOW_EV,
    recall_sample: int = 1,
    seed: int = 0,
    pockets: int = 0,
) -> FunnelResult:
    """Keep the `keep` best poses within an energy window; say why the others drop.

    The best pose of each class, a motif upright, flat or inverted, goes before second poses of any: which class wins is for DFT to say.
    The cheap tier is no judge between classes: it puts methanesulfonate on the pair vacancy of CsPbBr3 lying down by 0.25 eV, and DFT upright
    by 0.16 eV (docs/campaigns.md, *Minima*).

    Parameters
    ----------
    placed : PoseSet
    scores : sequence of Score
        One per pose, in the same order. A pose without energy is kept only if too few have one.
    keep : int
        Number of poses that DFT relaxes.
    window_eV : float
        Above the lowest cheap energy, eV per cell.
    recall_sample : int
        Number of dropped poses marked for the recall estimate.
    seed : int
        Seed of that draw.
    pockets : int
        Number of poses off the centre of the A hole that DFT relaxes on top of `keep`, whatever the window: the cheap tier
        with its frozen slab puts the lower minimum of KBr 0.06 eV too high after relaxation, and 0.7 eV as placed.
    """
    poses = placed.poses
    energies = energies_of(scores)
    fate: dict[int, str] = {}
    chosen: list[int] = []
    queue = _queue(placed, energies)
    for some, least, window in (
        ([k for k in queue if poses[k].motif != POCKET], keep, window_eV),
        ([k for k in queue if poses[k].motif == POCKET], pockets, np.inf),
    ):
        before, best = len(chosen), energies[some].min(initial=np.inf)
        for k in some:
            fate[k] = _reason_to_drop(k, energies, best, window, scores, chosen, before + least)
            if not fate[k]:
                chosen.append(k)
        chosen[before:] = sorted(chosen[before:], key=lambda k: energies[k])
    records = [
        Pose(
            id=pose.id,
            motif=pose.motif,
            anchor=pose.anchor,
            conformer=pose.conformer,
            energy_xtb_eV=scores[k].energy_xtb_eV,
            kept=k in chosen,
            rank=chosen.index(k) if k in chosen else None,
            reason="; ".join(text for text in (fate[k], scores[k].reason) if text),
        )
        for k, pose in enumerate(poses)
    ]
    dropped = [k for k in range(len(poses)) if k not in chosen]
    drawn = np.random.default_rng(seed).permutation(len(dropped))[:recall_sample]
    recall = sorted(poses[dropped[int(i)]].id for i in drawn)
    records = [
        p.model_copy(update={"reason": f"{p.reason}; drawn for the recall estimate"})
        if p.id in recall
        else p
        for p in records
    ]
    scored = int(np.isfinite(energies).sum())
    filters = [
        *placed.filters,
        Filter(name="scored", before=len(poses), after=scored),
        Filter(name="funnel", before=len(poses), after=len(chosen)),
    ]
    structures = {pose.id: scores[k].atoms for k, pose in enumerate(poses)}
    return FunnelResult(records, structures, filters, recall)


def energies_of(scores: Sequence[Score]) -> np.ndarray:
    """Cheap energies (n,) in eV per cell, infinite where there is none."""
    return np.array([np.inf if s.energy_xtb_eV is None else s.energy_xtb_eV for s in scores], float)


def leaders(poses: Sequence[PlacedPose], energies_eV: np.ndarray) -> list[int]:
    """Indices of the lowest pose of each class, a motif upright, flat or inverted; lowest class first."""
    first: dict[tuple[str, str], int] = {}
    for k in np.argsort(energies_eV, kind="stable"):
        first.setdefault((poses[k].motif, poses[k].orientation), int(k))
    return list(first.values())


def _queue(placed: PoseSet, energies: np.ndarray) -> list[int]:
    """Order of choice: the best pose of each class by energy, then all others by energy."""
    first = leaders(placed.poses, energies)
    return first + [int(k) for k in np.argsort(energies, kind="stable") if k not in first]


def _reason_to_drop(
    k: int,
    energies: np.ndarray,
    best: float,
    window_eV: float,
    scores: Sequence[Score],
    chosen: list[int],
    keep: int,
) -> str:
    if len(chosen) >= keep:
        if not np.isfinite(energies[k]):
            return f"no energy, and {keep} poses are kept"
        return f"{energies[k] - best:.2f} eV above the best; {keep} poses of lower energy or other motifs kept"
    if not np.isfinite(energies[k]):
        return ""
    if energies[k] - best > window_eV:
        return f"{energies[k] - best:.2f} eV above the best > window {window_eV:.2f} eV"
    for other in chosen:
        gap = abs(energies[k] - energies[other])
        shift = np.linalg.norm(
            scores[k].atoms.positions - scores[other].atoms.positions, axis=1
        ).max()
        if gap < SAME_ENERGY_EV and shift < SAME_MINIMUM_ANG:
            return f"same minimum as a kept pose ({shift:.2f} A, {gap:.3f} eV apart)"
    return ""
