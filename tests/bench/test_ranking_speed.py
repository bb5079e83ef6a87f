"""10,000 synthetic candidates from record files to a ranking: under 60 s and 2 GB. Synthetic data, never results."""

import resource
import sys
import time

import numpy as np

from peropass.analysis.ranking import rank, write_csv
from peropass.analysis.uncertainty import ErrorModel, ErrorTerm
from peropass.records import (
    Address,
    CandidateRecord,
    Channel,
    Distortion,
    Provenance,
    ReactionEnergy,
    Term,
    TrapReport,
    read_record,
    write_record,
)

COUNT = 10_000
WEIGHTS = {
    "vs_native_eV": 1.0,
    "lability_eV": 1.0,
    "trap_verdict": 1.0,
    "distortion": 0.5,
    "chain_length_ang": 0.2,
}
MODEL = ErrorModel(
    protocol="synthetic",
    terms={
        "own": ErrorTerm(origin="assumed", because="bench", sigma_eV=0.06),
        "common": ErrorTerm(origin="assumed", because="bench", sigma_eV=0.06, common=1.0),
        "dispersion": ErrorTerm(origin="assumed", because="bench", of_dispersion=0.2, common=0.7),
    },
)


def synthetic(index: int, rng: np.random.Generator) -> CandidateRecord:
    versus, dispersion = rng.normal(0, 0.5), rng.uniform(-1, 0)
    terms = [Term(species=s, coefficient=c, energy_eV=-1.0) for s, c in (("a", -1), ("b", 1))]
    return CandidateRecord(
        status="ok",
        address=Address(
            campaign="synthetic",
            protocol="smoke",
            host="CsPbBr3-cubic",
            termination="001-CsX",
            site="V-CsX",
            candidate=f"synthetic-{index:05d}",
        ),
        provenance=Provenance(revision=1, physics_hash=str(index)),
        label="synthetic",
        ligand="synthetic",
        ligand_class="ion-pair",
        full_smiles="",
        model_smiles="",
        truncation="",
        reactions=[
            ReactionEnergy(
                name=name,
                equation="synthetic",
                value_eV=value,
                dispersion_eV=dispersion,
                dispersion_cs_eV=0.3 * dispersion,
                dispersion_models_eV={"none": 0.0, "d3bj": dispersion, "d4": 0.9 * dispersion},
                terms=terms,
            )
            for name, value in (("binding", versus - 1.5), ("vs-native", versus))
        ],
        traps=TrapReport(
            verdict=["healed", "partly", "unchanged", "worse"][index % 4],
            spin_orbit=True,
            thresholds={},
            alignment_eV=0,
            alignment_spread_eV=0,
            gap_pristine_eV=1.5,
            gap_eV=1.4,
            states_before=[],
            states_after=[],
            n_traps_before=1,
            n_traps_after=index % 3,
        ),
        channels=[
            Channel(
                name=name,
                equation="synthetic",
                electronic_eV=1.0,
                free_energy_eV=float(rng.normal(0.6, 0.3)),
                temperature_K=298.15,
                concentration_M=1e-3,
                solvent="none",
            )
            for name in ("ion-pair", "proton-transfer")
        ],
        role="native" if index == 0 else "candidate",
        pose_error_eV=0.03,
        distortion=Distortion(
            pb_x_pb_angle_deg=170,
            bond_length_distortion=0.01,
            angle_variance_deg2=3,
            max_surface_shift_ang=float(rng.uniform(0, 1)),
        ),
        chain_length_ang=float(rng.uniform(3, 25)),
    )


def test_ten_thousand_candidates_within_a_minute_and_two_gigabytes(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        record = synthetic(index, rng)
        (tmp_path / f"{index}.json").write_text(record.model_dump_json())
    start = time.perf_counter()
    records = [read_record(tmp_path / f"{index}.json") for index in range(COUNT)]
    read_s = time.perf_counter() - start
    ranking = rank(records, WEIGHTS, MODEL, seed=7, samples=2000)
    write_record(ranking, tmp_path / "ranking.json")
    write_csv(ranking, tmp_path / "ranking.csv")
    total_s = time.perf_counter() - start
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    figures = f"read {read_s:.1f} s, all {total_s:.1f} s, peak {peak_gb:.2f} GB"
    assert ranking.counts["ranked"] == COUNT
    assert total_s < 60, figures
    assert peak_gb < 2, figures
    assert sum(bool(row.lability_note) for row in ranking.rows) == COUNT - 1
    (tmp_path / "figures.txt").write_text(figures)
    sys.stdout.write(f"ranking of {COUNT} candidates: {figures}\n")
