"""Halide hops of a campaign as Snakemake sees them: which are asked for, their inputs, parameters and cost."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from peropass import paths
from peropass.ids import canonical
from peropass.resources import Estimate, cheap, estimate, slab_size

if TYPE_CHECKING:
    from peropass.workflow import Plan

ENDS = ("start", "end")
# Guesses until bands have run: evaluations per image by the cheap method, in units of what the cheap tier spends per pose, and
# SCF effort of a band against that of the relaxation of one slab.
POSES_PER_IMAGE = 12
BAND_EFFORT = 1.5
SOCKET_KEYS = ("host", "termination", "site")


class Hops:
    """What the block `migration` of a campaign asks for; nothing without it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.settings = plan.campaign.migration

    def of_socket(self, place: dict[str, str]) -> list[str]:
        """The clean surface, the rows that are named, the best of the last ranking, and those that have a band already."""
        if self.settings is None:
            return []
        rows = [*self.settings.rows, *self._best.get(tuple(place[k] for k in SOCKET_KEYS), ())]
        if self.settings.top:
            rows += [key for key in self.plan.campaign.by_key if self._has_band(place, key)]
        return [paths.BARE_HOP, *dict.fromkeys(rows)]

    def _has_band(self, place: dict[str, str], key: str) -> bool:
        fields = {k: place[k] for k in SOCKET_KEYS}
        return os.path.exists(self.plan.path(paths.BAND).format(**fields, hop=key))

    @cached_property
    def _best(self) -> dict[tuple[str, ...], list[str]]:
        """Socket -> best candidates of the last ranking; empty where none is asked for or there was none."""
        if not self.settings or not self.settings.top:
            return {}
        try:
            text = Path(self.plan.path(paths.RANKING)).read_text(encoding="utf-8")
            rows = [r for r in json.loads(text)["rows"] if r["rank"] and r["role"] == "candidate"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        found: dict[tuple[str, ...], list[str]] = {}
        for row in sorted(rows, key=lambda r: r["rank"]):
            best = found.setdefault(tuple(row[k] for k in SOCKET_KEYS), [])
            if len(best) < self.settings.top and row["candidate"] in self.plan.campaign.by_key:
                best.append(row["candidate"])
        return found

    # --- records -------------------------------------------------------------------------------------------

    def records(self) -> list[tuple[str, str]]:
        """Every record of every hop with the stage that makes it."""
        found = []
        for socket in self.plan.sockets():
            for hop in self.of_socket(socket):
                place = {**socket, "hop": hop}
                found.append((self.plan.path(paths.HOP).format(**place), "hop"))
                for end in ENDS:
                    found.append((self.plan.path(paths.HOP_END).format(**place, end=end), "hopend"))
                found.append((self.plan.path(paths.BAND).format(**place), "band"))
        return found

    def bands(self, _wildcards=None) -> list[str]:
        """The bands of all hops: what `snakemake migration` asks for."""
        return [file for file, stage in self.records() if stage == "band"]

    def of_candidate(self, wildcards) -> list[str]:
        """Bands that enter a candidate's record: its own and that of the clean surface."""
        place = dict(wildcards.items()) if hasattr(wildcards, "items") else vars(wildcards)
        if place["candidate"] not in self.of_socket(place):
            return []
        return [
            self.plan.path(paths.BAND).format(**{k: place[k] for k in SOCKET_KEYS}, hop=hop)
            for hop in (paths.BARE_HOP, place["candidate"])
        ]

    def loaded(self, wildcards) -> list[str]:
        """Relaxed poses of the ligand that a hop is next to; none for the clean surface."""
        if wildcards.hop == paths.BARE_HOP:
            return []
        place = {k: getattr(wildcards, k) for k in SOCKET_KEYS}
        return [
            self.plan.path(paths.LOADED).format(**place, candidate=wildcards.hop, pose=pose)
            for pose in self.plan.poses_of_rank(wildcards.hop)
        ]

    def ends(self, wildcards) -> list[str]:
        fields = dict(wildcards.items())
        return [self.plan.path(paths.HOP_END).format(**fields, end=end) for end in ENDS]

    # --- parameters ----------------------------------------------------------------------------------------

    def address(self, wildcards) -> str:
        """Address of a hop: that of its candidate; of the slab for the clean surface."""
        place = {k: getattr(wildcards, k) for k in SOCKET_KEYS}
        if wildcards.hop != paths.BARE_HOP:
            place["candidate"] = wildcards.hop
        return canonical({**self.plan.fixed, **place})

    def parameters(self, _wildcards=None) -> str:
        """How a band is relaxed; which rows have one is no part of it."""
        return canonical(self.settings.model_dump(exclude={"rows", "top"}) if self.settings else {})

    def loaded_parameter(self, wildcards) -> str:
        return json.dumps(self.loaded(wildcards))

    def workers(self, _wildcards=None) -> int:
        """Processes of a band: one per image."""
        return self.settings.images if self.settings else 1

    # --- cost ----------------------------------------------------------------------------------------------

    def cost(self, stage: str, place: dict[str, str]) -> Estimate:
        """Expected cost of one job of a hop."""
        plan = self.plan
        if stage == "hop" or plan.protocol.engine == "toy":
            return cheap("candidate")
        ligand = plan.ligand_atoms(place["host"], {"candidate": place["hop"]})
        ions = plan.ions(place["host"])
        size = slab_size(ions, place["termination"], plan.campaign, plan.protocol, ligand)
        if stage == "hopend":
            return estimate("loaded", size)
        images = self.settings.images
        if self.settings.tier == "screen":
            path, point = cheap("poses", POSES_PER_IMAGE * images), estimate("fragment", size)
            memory = max(path.memory_MB * images, point.memory_MB)
            return replace(point, core_s=path.core_s + point.core_s, memory_MB=memory)
        one = estimate("loaded", size)
        return replace(
            one,
            core_s=BAND_EFFORT * images * one.core_s,
            memory_MB=images * one.memory_MB,
            disk_MB=one.disk_MB * images,
        )
