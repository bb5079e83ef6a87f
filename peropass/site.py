"""What a site says of itself: account, partition, launcher and limits, from `profiles/slurm/site.yaml`."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.,@:/=^+ -]*$")]  # goes into a shell line


class Site(BaseModel):
    """One cluster. Never physics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Word = Field(default="", description="Slurm account that is charged")
    partition: Word = Field(default="", description="Slurm partition")
    launcher: Word = Field(
        default_factory=lambda: os.environ.get("PEROPASS_MPIEXEC", "mpiexec"),
        description="starts MPI programs; ` -n RANKS gpaw python ...` follows",
    )
    max_ranks: int = Field(default=1, ge=1, description="most ranks of one job: cores of a node")
    max_memory_MB: int = Field(
        default=10**7, ge=500, description="memory of a node: Slurm refuses more"
    )
    max_runtime_min: int = Field(default=2880, ge=10, description="longest job of the partition")
    wanted_runtime_min: int = Field(
        default=240,
        ge=10,
        description="a job that is expected to take longer on one rank gets more of them",
    )
