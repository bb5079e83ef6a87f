"""A synthetic campaign folder for tests of the report: every number here is made up and says so.

The campaign is called `synthetic`, its provenance says `synthetic`, and nothing of it leaves the tests. Structures
are ideal slabs from plain ASE with a small molecule on top, rattled; they are not relaxed by anything.
"""

from __future__ import annotations

import argparse
import io
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import make_supercell, molecule
from ase.constraints import FixAtoms
from ase.io import write

from peropass import records as r
from peropass.analysis.ranking import rank
from peropass.analysis.uncertainty import ErrorModel, ErrorTerm
from peropass.ids import structure_hash

CAMPAIGN = "synthetic"
PROTOCOL = "smoke"
SETTINGS_HASH = "synthetic0001"
LEVELS_UP_TO = 60  # rows with level records
VARIANTS = 64  # different structures of one ligand; further rows take them in turn
SETTINGS = {
    "engine": "gpaw",
    "xc": "PBE",
    "dispersion": "d3bj",
    "ecut_eV": 300,
    "smearing_eV": 0.05,
    "energy_tolerance_eV_per_electron": 1e-5,
    "density_tolerance": 1e-4,
}
VERSIONS = {
    "gpaw": "26.7.0",
    "ase": "3.29.0",
    "gpaw-data": "1.2.1",
    "dftd3": "1.7.0",
    "tblite": "0.8.0",
}
HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
CLASSES = ["ion-pair", "L-type", "X-type", "zwitterion", "Z-type", "halide-donor"]
LIGANDS = [
    (
        "ma-br",
        "methylammonium bromide (native)",
        "ion-pair",
        "CCCCCCCCC=CCCCCCCCC[NH3+].[Br-]",
        "C[NH3+].[Br-]",
        "CH3CONH2",
    ),
    ("csbr", "caesium bromide (self-test)", "ion-pair", "[Cs+].[Br-]", "[Cs+].[Br-]", None),
    (
        "ddab",
        "DDAB",
        "ion-pair",
        "CCCCCCCCCCCC[N+](C)(C)CCCCCCCCCCCC.[Br-]",
        "C[N+](C)(C)C.[Br-]",
        "C2H6",
    ),
    ("topo", "TOPO", "L-type", "CCCCCCCCP(=O)(CCCCCCCC)CCCCCCCC", "CP(=O)(C)C", "CH3OH"),
    (
        "dbsa",
        "dodecylbenzenesulfonate, Cs",
        "X-type",
        "CCCCCCCCCCCCc1ccc(cc1)S(=O)(=O)[O-].[Cs+]",
        "CS(=O)(=O)[O-].[Cs+]",
        "CH3SH",
    ),
    (
        "taurine",
        "taurine",
        "zwitterion",
        "[NH3+]CCS(=O)(=O)[O-]",
        "[NH3+]CCS(=O)(=O)[O-]",
        "CH3CH2OH",
    ),
    ("znx2", "zinc bromide", "Z-type", "[Zn+2].[Br-].[Br-]", "[Zn+2].[Br-].[Br-]", None),
    ("kx", "potassium bromide", "halide-donor", "[K+].[Br-]", "[K+].[Br-]", None),
]
VERDICTS = ["healed", "partly", "unchanged", "no-trap-to-heal", "worse"]
WEIGHTS = {"vs_native_eV": 1.0, "lability_eV": 1.0, "trap_verdict": 1.0, "distortion": 0.5}


def slab(ligand: str | None, seed: int, rattle: float = 0.04) -> Atoms:
    """sqrt2 x sqrt2 x 3 layers of CsPbBr3 with one CsBr pair missing and `ligand` above the hole."""
    a = 5.98
    cube = Atoms(
        "CsPbBr3",
        scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
        cell=[a] * 3,
        pbc=True,
    )
    atoms = make_supercell(cube, [[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
    top = make_supercell(cube, [[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
    top = top[[i for i in range(len(top)) if top.positions[i, 2] < 0.1]]
    top.positions[:, 2] += a
    atoms += top
    atoms.cell[2, 2] = 24.0
    atoms.pbc = (True, True, False)
    atoms.positions[:, 2] += 4.5
    bottom = [i for i in range(len(atoms)) if atoms.positions[i, 2] < 4.6]
    highest = atoms.positions[:, 2].max()
    hole = [
        next(
            i
            for i in range(len(atoms))
            if atoms.symbols[i] == s and atoms.positions[i, 2] > highest - 0.1
        )
        for s in ("Cs", "Br")
    ]
    place = atoms.positions[hole[0]].copy()
    n_slab = len(atoms) - 2
    del atoms[hole]
    bottom = [i for i in range(len(atoms)) if atoms.positions[i, 2] < 4.6]
    if ligand:
        guest = molecule(ligand)
        guest.positions += place + [0, 0, 2.2] - guest.positions.mean(axis=0)
        atoms += guest
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, rattle, (len(atoms), 3))
    moves[bottom] = 0.0
    atoms.positions = np.round(atoms.positions + moves, 7)  # what structure files keep
    atoms.set_array("fragment", np.array([0] * n_slab + [1] * (len(atoms) - n_slab)))
    atoms.set_constraint(FixAtoms(bottom))
    return atoms


@dataclass(frozen=True)
class Built:
    """A slab with its file and hash."""

    atoms: Atoms
    text: str
    hash: str
    composition: dict[str, int]


@cache
def built(ligand: str | None, seed: int, rattle: float) -> Built:
    """`slab`, made once: ten thousand rows share `VARIANTS` structures per ligand."""
    atoms = slab(ligand, seed, rattle)
    stream = io.StringIO()
    write(stream, atoms, format="extxyz")
    symbols, counts = np.unique(atoms.get_chemical_symbols(), return_counts=True)
    composition = {str(s): int(c) for s, c in zip(symbols, counts, strict=True)}
    return Built(atoms, stream.getvalue(), structure_hash(atoms), composition)


def _reference(folder: Path, name: str, made: Built, save: bool) -> r.StructureRef:
    if save:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(made.text)
    return r.StructureRef(
        file=name, hash=made.hash, n_atoms=len(made.atoms), composition=made.composition
    )


def _provenance(command: str, core_s: float = 12.0) -> r.Provenance:
    return r.Provenance(
        revision=1,
        physics_hash="synthetic",
        inputs={"synthetic": "synthetic"},
        versions=VERSIONS,
        started_utc="2026-01-01T00:00:00Z",
        command=command,
        wall_s=core_s,
        core_s=core_s,
        peak_MB=310.0,
    )


def _energy(total: float) -> r.Energy:
    return r.Energy(
        electronic_eV=total + 1.0,
        free_eV=total + 0.99,
        dispersion_eV=-1.0,
        dispersion_cs_eV=-0.4,
        total_eV=total,
    )


def _calculation(
    folder: Path, address: r.Address, guest: str | None, seed: int, structures: bool
) -> r.CalculationRecord:
    rng = random.Random(seed)
    variant = seed % VARIANTS
    initial, final = built(guest, variant, 0.10), built(guest, variant + 1, 0.03)
    parts = (address.host, address.termination, address.site, address.candidate, address.pose)
    place = "/".join((CAMPAIGN, PROTOCOL, *parts))
    steps = rng.randint(7, 22)
    history = [
        r.IonicStep(
            energy_eV=-90 + 1.4 * 0.75**k,
            fmax_eV_per_ang=1.6 * 0.82**k + 0.02,
            scf_iterations=10 + (k == 0) * 14,
            seconds=14.0,
        )
        for k in range(steps)
    ]
    return r.CalculationRecord(
        kind="relax",
        role="slab",
        status="ok",
        address=address,
        provenance=_provenance(
            f"snakemake --config campaign=config/{CAMPAIGN}.yaml -- results/{place}/relax.record.json",
            14.0 * steps,
        ),
        settings_hash=SETTINGS_HASH,
        settings=SETTINGS,
        kpts=(1, 1, 1),
        cell_ang=final.atoms.cell.array.tolist(),
        initial=_reference(folder, "relax.initial.extxyz", initial, structures),
        final=_reference(folder, "relax.final.extxyz", final, structures),
        energy=_energy(-90.0),
        n_electrons=210,
        work_functions_eV=[3.9, 4.1],
        fmax_eV_per_ang=history[-1].fmax_eV_per_ang,
        ionic_steps=steps,
        scf_iterations=sum(h.scf_iterations for h in history),
        history=history,
        remedies=["msr1 beta 0.035"] if seed % 5 == 0 else [],
        checks=[
            r.Check(
                name="largest force on a free atom",
                value=0.041,
                unit="eV/Angstrom",
                limit="<= 0.05",
                passed=True,
            ),
            r.Check(
                name="vacuum above the ligand",
                value=9.7,
                unit="Angstrom",
                limit=">= 8",
                passed=True,
            ),
        ],
    )


def _states(rng: random.Random, n: int, gap: float) -> list[r.GapState]:
    labels = ["localised-trap", "shallow", "surface-resonance", "ligand-level"]
    found = []
    for k in range(n):
        above = rng.uniform(0.1, gap - 0.1)
        depth = min(above, gap - above)
        found.append(
            r.GapState(
                index=100 + k,
                spin=0,
                energy_above_vbm_eV=above,
                nearest_edge="VBM" if above < gap / 2 else "CBM",
                depth_eV=depth,
                depth_fraction=depth / gap,
                filling=1.0 if above < gap / 2 else 0.0,
                participation_ratio=rng.uniform(0.05, 1),
                defect_weight=rng.uniform(0.1, 0.8),
                ligand_weight=rng.uniform(0, 0.3),
                surface_weight=rng.uniform(0.2, 0.9),
                label=labels[k % 4],
                character="Pb 6p of the exposed Pb, 61 %",
                rule="depth 0.42 > 0.10 eV and N_eff 0.2 < 0.5",
            )
        )
    return found


def _traps(rng: random.Random, verdict: str) -> r.TrapReport:
    gap = 1.9
    after = _states(rng, {"healed": 0, "no-trap-to-heal": 0, "partly": 1}.get(verdict, 2), gap)
    return r.TrapReport(
        verdict=verdict,
        reason="one trap before, none after" if verdict == "healed" else "",
        spin_orbit=True,
        thresholds={"shallow_eV": 0.1, "participation_max": 0.5},
        alignment_eV=0.0,
        alignment_spread_eV=0.02,
        vacuum_alignment_eV=0.13,
        gap_pristine_eV=gap,
        gap_eV=gap - rng.uniform(0, 0.1),
        gap_scalar_eV=gap + 1.0,
        ionisation_energy_eV=5.4,
        states_before=_states(random.Random(2), 2, gap),
        states_after=after,
        n_traps_before=1,
        n_traps_after=len(after),
    )


def _terms(binding: float, guest: str) -> list[r.Term]:
    return [
        r.Term(
            species="slab(V-CsX)",
            coefficient=-1,
            energy_eV=-80.0,
            record="smoke/CsPbBr3-cubic/001-CsX/V-CsX/none/none/relax.record.json",
        ),
        r.Term(species=f"{guest}(g)", coefficient=-1, energy_eV=-10.0 - binding, record=""),
        r.Term(species=f"slab(V-CsX){guest}", coefficient=1, energy_eV=-90.0, record=""),
    ]


def _reactions(name: str, binding: float, versus: float) -> list[r.ReactionEnergy]:
    return [
        r.ReactionEnergy(
            name="binding",
            equation=f"slab(V-CsX) + {name}(g) -> slab(V-CsX){name}",
            value_eV=binding,
            dispersion_eV=-0.61,
            dispersion_cs_eV=-0.33,
            error_eV=0.05,
            terms=_terms(binding, name),
        ),
        r.ReactionEnergy(
            name="vs-native",
            equation=f"slab(V-CsX)MABr + {name}(g) -> slab(V-CsX){name} + MABr(g)",
            value_eV=versus,
            error_eV=0.03,
            terms=_terms(versus, name),
        ),
        r.ReactionEnergy(
            name="exchange",
            equation=f"slab + {name}(g) -> slab[{name}] + CsBr(bulk)",
            value_eV=None,
            terms=[],
            status="missing",
            reason="no record of CsBr(bulk)",
        ),
    ]


def _self_test() -> r.ReactionEnergy:
    return r.ReactionEnergy(
        name="self-test",
        equation="slab(V-CsX)CsBr -> slab(pristine)",
        value_eV=0.004,
        error_eV=0.0,
        terms=[],
    )


def _levels(
    made: Built,
    address: r.Address,
    folder: Path,
    gap: float,
    states: list[r.GapState],
    weighted: bool = False,
) -> r.LevelsRecord:
    """Six band levels on each side of `gap` and `states` in between, the valence edge at -5 eV.

    `weighted`: sixty levels on each side, with projector weights, as many numbers as real records hold.
    """
    most = 60 if weighted else 6
    band = [-5.0 - 0.12 * k for k in range(most - 1, -1, -1)]
    band += [-5.0 + gap + 0.12 * k for k in range(most)]
    n = len(made.atoms)
    levels = sorted(
        [(e, float(e <= -5)) for e in band]
        + [(s.energy_above_vbm_eV - 5, s.filling) for s in states]
    )
    found = r.LevelSet(
        spin_orbit=True,
        first_index=90,
        n_occupied=105,
        energies_eV=[e for e, _ in levels],
        filling=[f for _, f in levels],
        spin=[0] * len(levels),
        kpoint=[0] * len(levels),
        weights=[[[0.0123, 0.0211, 0.0017]] * n] * len(levels) if weighted else [],
    )
    return r.LevelsRecord(
        status="ok",
        address=address,
        provenance=_provenance("snakemake --forcerun levels"),
        settings_hash=SETTINGS_HASH,
        settings=SETTINGS,
        structure=_reference(folder, "relax.final.extxyz", made, save=False),
        kpts=(1, 1, 1),
        cell_ang=made.atoms.cell.array.tolist(),
        n_electrons=210,
        atomic_potentials_eV=[0.0] * n,
        fixed=[],
        fragment=[0] * n,
        layer=[1] * n,
        soc=found,
    )


def _channels(lability: float) -> list[r.Channel]:
    names = [("ion pair", 0.0), ("neutral acid + amine", 0.21), ("with PbBr2", 0.55)]
    return [
        r.Channel(
            name=n,
            equation=f"slab-L -> slab + L ({n})",
            electronic_eV=lability + extra + 0.5,
            free_energy_eV=lability + extra,
            temperature_K=298.15,
            concentration_M=0.001,
            solvent="toluene",
            terms={"translation": -0.4, "rotation": -0.1},
        )
        for n, extra in names
    ]


def _migration() -> dict:
    def path(barrier: float) -> r.MigrationPath:
        return r.MigrationPath(
            method="GFN1-xTB, hopping ion",
            lengths_ang=[0.0, 1.1, 2.2, 3.3, 4.4],
            energies_eV=[0.0, 0.6 * barrier, 1.2 * barrier, 0.7 * barrier, 0.02],
            barrier_eV=barrier,
            reverse_barrier_eV=barrier - 0.01,
            barrier_method="PW 300 eV at saddle and ends",
            distance_ang=4.1,
        )

    return {
        "migration": path(0.61),
        "migration_clean": path(0.34),
        "migration_barrier_eV": 0.61,
    }


def _candidate(address, spec, verdict, numbers, pose_file, relax_file, label) -> r.CandidateRecord:
    name, _, ligand_class, full, model, _ = spec
    binding, versus, lability, distortion, rng = numbers
    role = {"ma-br": "native", "csbr": "self-test"}.get(address.candidate, "candidate")
    return r.CandidateRecord(
        status="ok",
        address=address,
        provenance=_provenance("snakemake --forcerun candidate"),
        label=label,
        ligand=name,
        ligand_class=ligand_class,
        role=role,
        full_smiles=full,
        model_smiles=model,
        truncation="tails cut to 1 carbon",
        coverage=0.5,
        n_atoms=26,
        core_seconds=820.0,
        best_pose="p00",
        poses_file=pose_file,
        relax_files=[relax_file],
        reactions=_reactions(name, binding, versus)
        + ([_self_test()] if role == "self-test" else []),
        decomposition=r.Decomposition(
            interaction_eV=binding - 0.4,
            slab_deformation_eV=0.3,
            ligand_deformation_eV=0.1,
            closure_eV=0.0,
        ),
        traps=_traps(rng, verdict),
        formability=r.Formability(t=0.815, mu=0.607, tau=4.10, composition="CsPbBr3"),
        channels=_channels(lability),
        **(_migration() if name == "ddab" else {}),
        distortion=r.Distortion(
            pb_x_pb_angle_deg=171.2,
            bond_length_distortion=distortion,
            angle_variance_deg2=12.0,
            max_surface_shift_ang=100 * distortion,
        ),
        chain_length_ang=4.2,
        footprint_ang2=36.0,
        literature=[r.Literature(text="PLQY 49 -> 71 % (synthetic annotation)", source="Park2020")],
    )


def _poses(address: r.Address) -> r.PosesRecord:
    return r.PosesRecord(
        status="ok",
        address=address,
        provenance=_provenance("snakemake --forcerun poses"),
        method="GFN1-xTB 2x2 repeat, frozen slab",
        filters=[
            r.Filter(name="generated", before=6, after=6),
            r.Filter(name="clash", before=6, after=4),
        ],
        poses=[
            r.Pose(
                id="p00",
                motif="fills-A-and-X",
                anchor="N0",
                conformer=0,
                energy_xtb_eV=-3.1,
                kept=True,
                rank=0,
            ),
            r.Pose(
                id="p01",
                motif="donor-on-Pb",
                anchor="O3",
                conformer=1,
                energy_xtb_eV=-2.7,
                kept=True,
                rank=1,
            ),
            r.Pose(
                id="p02",
                motif="adsorbed-on-halide",
                anchor="N0",
                conformer=0,
                kept=False,
                reason="H closer than 1.2 A to Br",
            ),
        ],
    )


def _statuses(n: int) -> list[str]:
    """Mostly ok; every 11th failed, every 13th anomalous, every 17th missing, every 19th unconverged."""
    pairs = [(11, "failed"), (13, "anomalous"), (17, "missing"), (19, "unconverged")]
    return [next((s for every, s in pairs if k > 7 and k % every == 0), "ok") for k in range(n)]


REASONS = {
    "failed": "SCF did not converge after remedy 6 of 6",
    "anomalous": "proton moved from N0 to Br 7",
    "missing": "no relax record",
    "unconverged": "largest force 0.09 eV/Angstrom after 150 steps, allowed 0.05",
}


def make_campaign(
    folder: Path,
    n: int = 12,
    seed: int = 1,
    hostile: bool = True,
    structures: bool = True,
    samples: int = 200,
    levels: bool | None = None,
    weighted: bool = False,
) -> Path:
    """Write a synthetic campaign of `n` rows to `folder` and return it; level records by default up to `LEVELS_UP_TO` rows."""
    levels = n <= LEVELS_UP_TO if levels is None else levels
    rng = random.Random(seed)
    folder = Path(folder)
    candidates, expected = [], []
    for k, status in enumerate(_statuses(n)):
        spec = LIGANDS[k % len(LIGANDS)]
        name = spec[0] if k < len(LIGANDS) else f"{spec[0]}-{k}"
        label = spec[1] if k < len(LIGANDS) else f"{spec[1]} variant {k}"
        if hostile and k == 3:
            label = HOSTILE
        address = r.Address(
            campaign=CAMPAIGN,
            protocol=PROTOCOL,
            host="CsPbBr3-cubic",
            termination="001-CsX",
            site="V-CsX" if k % 9 else "V-X",
            candidate=name,
        )
        verdict = rng.choice(VERDICTS)
        binding, versus, lability = rng.gauss(-1.6, 0.5), rng.gauss(-0.1, 0.4), rng.gauss(0.9, 0.3)
        distortion = abs(rng.gauss(0.004, 0.002))
        expected.append("/".join((address.host, address.termination, address.site, name)))
        if status != "missing":
            base = folder / PROTOCOL / address.host / address.termination / address.site / name
            pose_address = address.model_copy(update={"pose": "p00"})
            relative = base.relative_to(folder)
            candidate = _candidate(
                address, spec, verdict, (binding, versus, lability, distortion, rng),
                str(relative / "poses.record.json"), str(relative / "p00" / "relax.record.json"), label,
            )  # fmt: skip
            if status != "ok":
                candidate = candidate.model_copy(
                    update={
                        "status": status,
                        "reason": REASONS[status],
                        "reactions": [],
                        "traps": None,
                        "channels": [],
                    }
                )
            if levels and candidate.traps is not None:
                found = _levels(
                    built(spec[5], k % VARIANTS + 1, 0.03),
                    pose_address,
                    base / "p00",
                    1.9,
                    candidate.traps.states_after,
                    weighted,
                )
                r.write_record(found, base / "p00" / "levels.record.json")
                candidate = candidate.model_copy(update={"levels_file": "p00/levels.record.json"})
            candidates.append(candidate)
            r.write_record(candidate, base / "candidate.record.json")
            r.write_record(_poses(address), base / "poses.record.json")
            r.write_record(
                _calculation(base / "p00", pose_address, spec[5], k, structures),
                base / "p00" / "relax.record.json",
            )
    _write_clean(folder, structures, levels)
    r.write_record(_bulk(), folder / PROTOCOL / "CsPbBr3-cubic" / "bulk" / "eos.record.json")
    r.write_record(_ranking(candidates, expected, samples), folder / "ranking.json")
    return folder


def _write_clean(folder: Path, structures: bool, levels: bool) -> None:
    top = folder / PROTOCOL / "CsPbBr3-cubic" / "001-CsX"
    for site in ("V-CsX", "V-X", "pristine"):
        base = top / site / "none" / "none"
        address = r.Address(
            campaign=CAMPAIGN,
            protocol=PROTOCOL,
            host="CsPbBr3-cubic",
            termination="001-CsX",
            site=site,
        )
        r.write_record(_calculation(base, address, None, 1, structures), base / "relax.record.json")
        if levels:
            states = [] if site == "pristine" else _states(random.Random(2), 2, 1.9)
            r.write_record(
                _levels(built(None, 2, 0.03), address, base, 1.9, states),
                base / "levels.record.json",
            )


def _bulk() -> r.EosRecord:
    return r.EosRecord(
        status="ok",
        address=r.Address(campaign=CAMPAIGN, protocol=PROTOCOL, host="CsPbBr3-cubic"),
        provenance=_provenance("snakemake --forcerun bulk"),
        settings_hash=SETTINGS_HASH,
        settings=SETTINGS,
        composition={"Cs": 1, "Pb": 1, "Br": 3},
        kpts=(4, 4, 4),
        a_ang=5.99,
        bulk_modulus_GPa=17.0,
        energy=_energy(-15.0),
        points=[
            r.EosPoint(a_ang=a, energy_eV=-15 + (a - 5.99) ** 2) for a in (5.8, 5.9, 6.0, 6.1, 6.2)
        ],
    )


def _ranking(
    candidates: list[r.CandidateRecord], expected: list[str], samples: int
) -> r.RankingRecord:
    """The campaign's own ranking, over synthetic candidates."""
    address = r.Address(campaign=CAMPAIGN, protocol=PROTOCOL)
    model = ErrorModel(
        protocol=PROTOCOL,
        terms={
            "synthetic": ErrorTerm(origin="assumed", because="synthetic", sigma_eV=0.04),
            "synthetic_lability": ErrorTerm(
                origin="assumed", because="synthetic", sigma_eV=0.08, enters="lability"
            ),
        },
    )
    made = rank(
        candidates,
        WEIGHTS,
        model,
        7,
        samples,
        expected,
        address,
        _provenance("snakemake --forcerun ranking"),
    )
    return made.model_copy(
        update={"notes": [*made.notes, "All records of this campaign are synthetic."]}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", type=int, default=12)
    options = parser.parse_args()
    make_campaign(options.folder, options.n)


if __name__ == "__main__":
    main()
