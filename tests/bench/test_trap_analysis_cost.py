"""Cost of the trap analysis: 60 atoms, 300 bands, with spin-orbit coupling, under 60 s and 4 GB."""

import time
import tracemalloc

import numpy as np

from peropass.analysis.traps import assess
from peropass.records import (
    Address,
    LevelSet,
    LevelsRecord,
    Provenance,
    StructureRef,
    read_record,
    write_record,
)

N_ATOMS, N_BANDS = 60, 300
SECONDS, BYTES = 60.0, 4e9


def level_set(rng, spin_orbit):
    states = N_BANDS * (2 if spin_orbit else 1)
    half = states // 2
    energies = np.concatenate(
        [-6 * np.sort(rng.random(half))[::-1], 2 + 6 * np.sort(rng.random(half))]
    )
    weights = rng.random((states, N_ATOMS, 3))
    weights /= weights.sum((1, 2))[:, None, None]
    return LevelSet(
        spin_orbit=spin_orbit,
        first_index=0,
        n_occupied=half,
        energies_eV=energies.tolist(),
        filling=[1.0] * half + [0.0] * half,
        spin=[0] * states,
        kpoint=[0] * states,
        weights=np.round(weights, 5).tolist(),
    )


def slab(seed):
    rng = np.random.default_rng(seed)
    return LevelsRecord(
        status="ok",
        address=Address(campaign="c", protocol="p", host="h", termination="t"),
        provenance=Provenance(revision=1, physics_hash="x"),
        settings_hash="s",
        settings={},
        structure=StructureRef(file="x", hash="x", n_atoms=N_ATOMS, composition={}),
        kpts=(1, 1, 1),
        cell_ang=[[12.0, 0, 0], [0, 12.0, 0], [0, 0, 40.0]],
        n_electrons=2 * N_BANDS,
        atomic_potentials_eV=[-50.0] * N_ATOMS,
        symbols=(["Cs", "Br", "Pb", "Br", "Br"] * N_ATOMS)[:N_ATOMS],
        positions_ang=[
            [4.0 * (i % 3), 4.0 * (i // 3 % 3), 5 + 3.0 * (i // 9)] for i in range(N_ATOMS)
        ],
        fixed=list(range(9)),
        fragment=[0] * N_ATOMS,
        layer=[7 - i // 9 for i in range(N_ATOMS)],
        scalar=level_set(rng, False),
        soc=level_set(rng, True),
    )


def test_reading_and_judging_three_slabs_stays_far_below_the_budget(tmp_path):
    paths = [write_record(slab(seed), tmp_path / f"{seed}.json") for seed in (0, 1, 2)]
    tracemalloc.start()
    started = time.perf_counter()
    report = assess(*(read_record(path, LevelsRecord) for path in paths))
    seconds = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.spin_orbit
    assert seconds < SECONDS / 2
    assert peak < BYTES / 10
