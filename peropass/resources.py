"""What a job costs before it runs: a small model, fitted to finished records, for schedulers and `peropass plan`.

Plane waves: the time of an SCF iteration is a sum of terms that grow as the grid, as grid times bands (transforms,
Hamiltonian) and as grid times bands squared (orthogonalisation). Memory is a constant, grids, and wave functions.
How many iterations a job of one kind takes is a distribution, and that is where the interval comes from. All numbers
stand in `config/cost-model.yaml`; none of them changes a result.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from peropass.config import Campaign
from peropass.engine.protocol import LATERAL_FOLDING, Protocol
from peropass.errors import InputError
from peropass.records import (
    CalculationRecord,
    EosRecord,
    LevelsRecord,
    PosesRecord,
    Record,
    ThermoRecord,
)
from peropass.site import Site
from peropass.validation import load_yaml, validated

COST_MODEL_FILE = Path(__file__).resolve().parents[1] / "config" / "cost-model.yaml"
PSEUDOCUBIC_ANG = {"F": 5.2, "Cl": 5.6, "Br": 5.9, "I": 6.3}  # only sizes an estimate
METAL_MESH = (
    8  # points per axis of a metal's cubic cell, as the engine's rule gives for lead and caesium
)
LEVELS_BUFFER = 8  # bands above the listed ones, as in the engine
RUNTIME_SAFETY = 4.0  # times the expected time: a request, not an estimate
LEAST_RUNTIME_MIN = 10
LEAST_GROUPED_MIN = 2  # of a job that shares a submission with many others: their minutes add up
GROUPED_KINDS = ("thermo", "candidate")
CHEAP_MEMORY_MB = {
    "poses": 1000.0,
    "others": 400.0,
}  # xTB of a repeated slab; Python with its libraries
DFT_KINDS = ("eos", "molecule", "clean", "loaded", "fragment", "levels")
FORMULA = re.compile(r"([A-Z][a-z]?)(\d*)")


class CostModel(BaseModel):
    """The fitted numbers; `config/cost-model.yaml` says what they mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured: dict[str, str | int | float]
    seconds_per_iteration: tuple[float, float, float]
    iterations: dict[str, tuple[float, float]]
    seconds_each: dict[str, float]
    memory_MB: tuple[float, float, float]
    memory_headroom: float = Field(ge=1)
    hybrid_memory_MB: float = Field(ge=0)
    disk_MB: dict[str, float]
    molecule_extent_ang: tuple[float, float]
    common_scatter: float = Field(ge=0)
    rank_efficiency: dict[int, Annotated[float, Field(gt=0, le=1)]] = Field(min_length=2)
    valence_electrons: dict[str, int]


@cache
def cost_model(path: Path = COST_MODEL_FILE) -> CostModel:
    """The fitted model; InputError names a broken key."""
    return validated(CostModel, load_yaml(path), str(path.name))


@dataclass(frozen=True)
class Size:
    """What the cost of a cell depends on.

    `kpoints` counts irreducible points; one means Gamma alone, where wave functions are real, elsewhere each is complex and counts
    twice. `spins` is 1 or 2, `repeats` counts equal calculations in one job. `hybrid`: with
    hybrid eigenvalues, which hold all wave functions on the grid as well.
    """

    volume_ang3: float
    n_bands: float
    n_atoms: int
    ecut_eV: float
    kpoints: int = 1
    spins: int = 1
    repeats: int = 1
    hybrid: bool = False

    @property
    def features(self) -> tuple[float, float, float]:
        """Grid, grid times bands, grid times bands squared, in the units of the cost model."""
        grid = self.volume_ang3 / 1000 * (self.ecut_eV / 300) ** 1.5
        states = self.kpoints * self.spins * (2 if self.kpoints > 1 else 1)
        return grid, grid * self.n_bands * states / 100, grid * self.n_bands**2 * states / 1e4


@dataclass(frozen=True)
class Estimate:
    """Expected cost of one job. `core_s` is a mean, `scatter` the standard deviation of its logarithm."""

    core_s: float
    scatter: float
    memory_MB: float
    disk_MB: float
    n_atoms: int = 0

    @property
    def request_MB(self) -> int:
        """Memory to ask a scheduler for."""
        return int(math.ceil(self.memory_MB * cost_model().memory_headroom / 100) * 100)

    def wall_s(self, ranks: int = 1) -> float:
        """Expected seconds on the clock; `core_s` is that of one rank."""
        return self.core_s / ranks / parallel_efficiency(self.n_atoms, ranks)

    def request_min(self, ranks: int = 1, least: int = LEAST_RUNTIME_MIN) -> int:
        """Minutes to ask a scheduler for."""
        return max(least, math.ceil(RUNTIME_SAFETY * self.wall_s(ranks) / 60))


def parallel_efficiency(n_atoms: int, ranks: int) -> float:
    """Share of the core-seconds of a parallel job that one rank would need as well.

    Two ranks against serial jobs side by side were measured (`rank_efficiency` of the cost model), between two sizes the logarithm of the
    number of atoms decides, beyond them the nearest stands.
    """
    points = sorted(cost_model().rank_efficiency.items())
    sizes = [math.log(size) for size, _ in points]
    doubling = float(np.interp(math.log(max(n_atoms, 1)), sizes, [share for _, share in points]))
    return doubling ** math.log2(ranks)  # ASSUME every further doubling costs as much as the first


def ranks_for(cost: Estimate, site: Site) -> int:
    """Ranks of a job: one, as serial jobs side by side waste nothing; doubled while it would run longer than the site wants."""
    ranks = 1
    while 2 * ranks <= site.max_ranks and cost.wall_s(ranks) > 60 * site.wanted_runtime_min:
        ranks *= 2
    return ranks


def estimate(kind: str, size: Size) -> Estimate:
    """Cost of one DFT job; `kind` is one of DFT_KINDS."""
    model = cost_model()
    grid, linear, square = size.features
    a, b, c = model.seconds_per_iteration
    median, scatter = model.iterations[kind]
    seconds = (
        (a * grid + b * linear + c * square) * median * math.exp(scatter**2 / 2) * size.repeats
    )
    base, per_grid, per_states = model.memory_MB
    if size.hybrid:
        per_states += model.hybrid_memory_MB
    memory = base + per_grid * grid + per_states * linear
    return Estimate(
        seconds,
        scatter / math.sqrt(size.repeats),
        memory,
        model.disk_MB[kind] * size.repeats,
        size.n_atoms,
    )


def cheap(kind: str, count: float = 1) -> Estimate:
    """Cost of a job without DFT: `count` poses, atoms or jobs at the measured seconds of one."""
    model = cost_model()
    memory = CHEAP_MEMORY_MB.get(kind, CHEAP_MEMORY_MB["others"])
    return Estimate(model.seconds_each[kind] * count, 0.3, memory, model.disk_MB[kind])


def single_point_core_s(
    composition: Mapping[str, int], volume_ang3: float, protocol: Protocol, kpoints: int
) -> float:
    """Expected core-seconds of one energy of a cell at fixed positions."""
    return estimate("fragment", _cell(composition, volume_ang3, protocol, kpoints)).core_s


# --- sizes --------------------------------------------------------------------------------------------------


def electrons(composition: Mapping[str, int]) -> int:
    """Valence electrons of a neutral cell.

    Raises
    ------
    InputError
        The cost model has no dataset for an element.
    """
    valence = cost_model().valence_electrons
    unknown = sorted(set(composition) - set(valence))
    if unknown:
        raise InputError(
            "cost model: valence_electrons", unknown[0], "an element with a PAW dataset"
        )
    return sum(valence[symbol] * count for symbol, count in composition.items())


def composition_of(formula: str) -> dict[str, int]:
    """Atoms per element of a formula like ``CH5N``."""
    counts: dict[str, int] = defaultdict(int)
    for symbol, number in FORMULA.findall(formula):
        counts[symbol] += int(number or 1)
    return dict(counts)


def bulk_size(ions: Mapping[str, str], protocol: Protocol) -> Size:
    """One formula unit ABX3, cubic, with the points of its mesh that cubic symmetry leaves."""
    composition = {ions["A"]: 1, ions["B"]: 1, ions["X"]: 3}
    return _cell(composition, PSEUDOCUBIC_ANG[ions["X"]] ** 3, protocol, _cubic(protocol))


def salt_size(ions: Mapping[str, str], protocol: Protocol) -> Size:
    """One formula unit of the reservoir AX."""
    volume = 0.38 * PSEUDOCUBIC_ANG[ions["X"]] ** 3
    return _cell({ions["A"]: 1, ions["X"]: 1}, volume, protocol, _cubic(protocol))


def metal_size(element: str, protocol: Protocol) -> Size:
    """A metal in a cubic cell, four atoms of 40 A^3, which only sizes an estimate, with the points of its dense mesh."""
    return _cell({element: 4}, 160.0, protocol, _irreducible_cubic(METAL_MESH))


def cell_size(
    composition: Mapping[str, int], volume_ang3: float, protocol: Protocol, kpoints: int
) -> Size:
    """A bulk cell of known content and volume, no point group."""
    return _cell(composition, volume_ang3, protocol, kpoints)


def phase_size(name: str, protocol: Protocol) -> Size:
    """A competing phase, e.g. `Cs4PbBr6`: four formula units of BX2 and of ABX3, two of the other ternary ones, no point group."""
    formula = composition_of(name)
    units = 4 if len(formula) == 2 or sum(formula.values()) == 5 else 2
    composition = {symbol: units * count for symbol, count in formula.items()}
    halide = next((x for x in PSEUDOCUBIC_ANG if x in formula), "Br")
    volume = PSEUDOCUBIC_ANG[halide] ** 3 * sum(composition.values()) / 5
    return _cell(composition, volume, protocol, 4)


def slab_size(
    ions: Mapping[str, str],
    termination: str,
    campaign: Campaign,
    protocol: Protocol,
    ligand: Mapping[str, int] | None = None,
    levels: bool = False,
    part: str = "",
) -> Size:
    """A clean or loaded slab, or its `part` (``slab`` or ``ligand``) in the same cell.

    Vacancies are not subtracted; `levels` adds the empty bands of the final levels.
    """
    folding = LATERAL_FOLDING[campaign.slab.lateral]
    outer, inner = (campaign.slab.layers + 1) // 2, (campaign.slab.layers - 1) // 2
    n_a, n_b = (
        (outer, inner)
        if termination.endswith(f"{ions['A']}X") or termination.endswith("CsX")
        else (inner, outer)
    )
    cells = round(folding**2)
    atoms: dict[str, int] = defaultdict(int)
    if part != "ligand":
        for symbol, count in ((ions["A"], n_a), (ions["B"], n_b), (ions["X"], n_a + 2 * n_b)):
            atoms[symbol] += count * cells
    if part != "slab":
        for symbol, count in (ligand or {}).items():
            atoms[symbol] += count
    volume = (PSEUDOCUBIC_ANG[ions["X"]] * folding) ** 2 * campaign.slab.height_ang
    mesh = math.prod(protocol.lateral_kpts(campaign.slab.lateral))
    empty = protocol.levels.states_above + LEVELS_BUFFER if levels else 0
    size = _cell(atoms, volume, protocol, (mesh + 1) // 2, empty)
    return replace(size, hybrid=levels and protocol.levels.hse)


def molecule_size(composition: Mapping[str, int], protocol: Protocol, variants: int = 1) -> Size:
    """A molecule in its box, relaxed in `variants` forms."""
    first, second = cost_model().molecule_extent_ang
    extent = first + second * math.sqrt(sum(composition.values()))
    edge = math.ceil(2 * (extent + 2 * protocol.molecule_margin_ang)) / 2
    return _cell(composition, edge**3, protocol, 1, repeats=variants)


def _cell(
    composition: Mapping[str, int],
    volume: float,
    protocol: Protocol,
    kpoints: int,
    empty: int = 0,
    repeats: int = 1,
) -> Size:
    total = electrons(composition)
    spins = 2 if total % 2 else 1
    n_atoms = sum(composition.values())
    return Size(
        volume, _bands(total, empty), n_atoms, protocol.energy.ecut_eV, kpoints, spins, repeats
    )


def _bands(n_electrons: int, empty: int = 0) -> float:
    """Bands that the engine takes: a fifth more than occupied and four, or what the levels ask for."""
    return n_electrons / 2 + empty if empty else 0.6 * n_electrons + 4


def _cubic(protocol: Protocol) -> int:
    return _irreducible_cubic(protocol.kpts_per_primitive_cell.bulk)


def _irreducible_cubic(mesh: int) -> int:
    """Irreducible points of a shifted mesh^3 in a cubic cell with full point group."""
    half = math.ceil(mesh / 2)
    return max(1, half * (half + 1) * (half + 2) // 6)


# --- fit ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One finished job: its kind, cell and cost."""

    kind: str
    size: Size
    core_s: float
    peak_MB: float
    iteration_s: float | None = None


def sample_of(record: Record) -> Sample | None:
    """What a record tells about cost; None for toys, failures and records without DFT."""
    if (
        record.toy
        or record.status not in ("ok", "anomalous", "unconverged")
        or record.provenance.core_s <= 0
    ):
        return None
    if isinstance(record, EosRecord) and record.a_ang:
        volume = record.a_ang**3
        kpoints = _irreducible_cubic(record.kpts[0])
        bands, n_atoms = _bands(electrons(record.composition)), sum(record.composition.values())
        size = Size(volume, bands, n_atoms, record.settings["ecut_eV"], kpoints)
        return Sample("eos", size, record.provenance.core_s, record.provenance.peak_MB)
    if isinstance(record, LevelsRecord) and record.cell_ang:
        above = record.settings.get("levels", {}).get("states_above", 24) + LEVELS_BUFFER
        size = Size(
            _volume(record.cell_ang),
            _bands(record.n_electrons, above),
            record.structure.n_atoms,
            record.settings["ecut_eV"],
            (math.prod(record.kpts) + 1) // 2,
            1 + record.n_electrons % 2,
            hybrid=record.hse_soc is not None,
        )
        return Sample("levels", size, record.provenance.core_s, record.provenance.peak_MB)
    if (
        isinstance(record, CalculationRecord)
        and record.cell_ang
        and record.n_electrons
        and record.final
    ):
        return _calculation_sample(record)
    return None


def _calculation_sample(record: CalculationRecord) -> Sample:
    kind = {"molecule": "molecule", "fragment": "fragment"}.get(record.role)
    kind = kind or ("clean" if record.address.candidate == "none" else "loaded")
    size = Size(
        _volume(record.cell_ang),
        _bands(record.n_electrons),
        record.final.n_atoms,
        record.settings["ecut_eV"],
        (math.prod(record.kpts) + 1) // 2,
        1 if record.magnetic_moment_muB is None else 2,
        max(1, len(record.competitors)),
    )
    iterations = sum(step.scf_iterations for step in record.history)
    seconds = sum(step.seconds for step in record.history)
    per_iteration = seconds / iterations if iterations else None
    return Sample(kind, size, record.provenance.core_s, record.provenance.peak_MB, per_iteration)


def _volume(cell: list[list[float]]) -> float:
    return float(abs(np.linalg.det(np.array(cell))))


def fit(records: Iterable[Record], previous: CostModel, machine: str, date: str) -> CostModel:
    """A new model from finished records; what they say nothing about stays as in `previous`."""
    records = list(records)
    samples = [s for s in map(sample_of, records) if s is not None]
    per_iteration = _fit_iteration(samples, previous)
    iterations = dict(previous.iterations)
    for kind in DFT_KINDS:
        found = [
            s.core_s / s.size.repeats / float(np.dot(per_iteration, s.size.features))
            for s in samples
            if s.kind == kind
        ]
        if found:
            scatter = (
                float(np.std(np.log(found), ddof=1))
                if len(found) > 2
                else previous.iterations[kind][1]
            )
            iterations[kind] = (round(float(np.median(found)), 1), round(scatter, 3))
    memory, headroom = _fit_memory(samples, previous)
    return previous.model_copy(
        update={
            "measured": {"machine": machine, "date": date, "records": len(samples)},
            "seconds_per_iteration": tuple(round(float(x), 4) for x in per_iteration),
            "iterations": iterations,
            "memory_MB": memory,
            "memory_headroom": headroom,
            "seconds_each": {**previous.seconds_each, **_cheap_seconds(records)},
        }
    )


def _fit_iteration(samples: list[Sample], previous: CostModel) -> np.ndarray:
    """Non-negative least squares of relative errors of the time of one SCF iteration.

    A term that the samples cannot tell from the others (cells of one size) comes out as zero; it then keeps what it
    was, because larger cells would be taken for too cheap.
    """
    from scipy.optimize import nnls

    used = [s for s in samples if s.iteration_s]
    old = np.array(previous.seconds_per_iteration)
    if len(used) < 4:
        return old
    rows = np.array([np.array(s.size.features) / s.iteration_s for s in used])
    found = nnls(rows, np.ones(len(rows)))[0]
    lost = found == 0
    if lost.any() and not lost.all():
        found[lost] = old[lost]
        found[~lost] = nnls(rows[:, ~lost], 1 - rows[:, lost] @ old[lost])[0]
    return found


def _fit_memory(
    samples: list[Sample], previous: CostModel
) -> tuple[tuple[float, float, float], float]:
    """Non-negative least squares of peak memory, and the headroom that covers the worst of the samples."""
    from scipy.optimize import nnls

    used = [s for s in samples if s.peak_MB > 0 and not s.size.hybrid]
    if len(used) < 4:
        return previous.memory_MB, previous.memory_headroom
    rows = np.array([[1.0, *s.size.features[:2]] for s in used])
    peaks = np.array([s.peak_MB for s in used])
    found = nnls(rows / peaks[:, None], np.ones(len(peaks)))[0]
    worst = float((peaks / (rows @ found)).max())
    return tuple(round(float(x), 1) for x in found), round(max(1.2, 1.15 * worst), 2)


def _cheap_seconds(records: list[Record]) -> dict[str, float]:
    poses = [
        r.provenance.core_s / len(r.poses)
        for r in records
        if isinstance(r, PosesRecord) and r.poses and not r.toy
    ]
    thermo = [
        r.provenance.core_s / r.structure.n_atoms
        for r in records
        if isinstance(r, ThermoRecord) and r.structure and r.status == "ok" and not r.toy
    ]
    found = {"poses": poses, "thermo": thermo}
    return {kind: round(float(np.median(values)), 3) for kind, values in found.items() if values}
