"""Small synthetic records for the analysis tests; marked as synthetic in their names, never real results."""

import pytest

from peropass.records import (
    Address,
    CalculationRecord,
    CandidateRecord,
    Channel,
    Distortion,
    Energy,
    Provenance,
    ReactionEnergy,
    StructureRef,
    TrapReport,
)

PROVENANCE = Provenance(revision=1, physics_hash="synthetic")
ADDRESS = Address(campaign="synthetic", protocol="smoke")


@pytest.fixture
def make_calculation():
    """Factory of calculation records: energy in eV, composition as a dict."""

    def build(
        composition,
        total_eV,
        dispersion_eV=0.0,
        dispersion_cs_eV=0.0,
        role="slab",
        status="ok",
        settings_hash="aaaa",
        settings=None,
        cell_ang=((8.3, 0, 0), (0, 8.3, 0), (0, 0, 24.0)),
        kpts=(1, 1, 1),
        reason="",
    ):
        structure = StructureRef(
            file="x.extxyz",
            hash="h",
            n_atoms=int(sum(composition.values())),
            composition=composition,
        )
        energy = Energy(
            electronic_eV=total_eV - dispersion_eV,
            free_eV=total_eV - dispersion_eV,
            dispersion_eV=dispersion_eV,
            dispersion_cs_eV=dispersion_cs_eV,
            total_eV=total_eV,
        )
        return CalculationRecord(
            kind="relax",
            role=role,
            status=status,
            reason=reason,
            address=ADDRESS,
            provenance=PROVENANCE,
            settings_hash=settings_hash,
            # atomic orbitals: energies as written, without the plane-wave term
            settings=settings or {"mode": "lcao", "ecut_eV": 300},
            kpts=kpts,
            cell_ang=[list(row) for row in cell_ang],
            initial=structure,
            energy=energy if status == "ok" else None,
        )

    return build


def _reaction(name, value, dispersion=0.0, dispersion_cs=0.0):
    return ReactionEnergy(
        name=name,
        equation="synthetic",
        value_eV=value,
        dispersion_eV=dispersion,
        dispersion_cs_eV=dispersion_cs,
        terms=[],
        status="ok" if value is not None else "missing",
        reason="" if value is not None else "no record of the native",
    )


@pytest.fixture
def make_candidate():
    """Factory of candidate records for the ranking."""

    def build(
        name,
        binding=-1.0,
        versus=0.0,
        dispersion=0.0,
        dispersion_cs=0.0,
        lability=None,
        verdict=None,
        shift=None,
        role="candidate",
        status="ok",
        reason="",
        self_test=None,
        site="V-CsX",
        toy=False,
        chain=None,
        extra=(),
    ):
        reactions = [_reaction("binding", binding, dispersion, dispersion_cs)]
        if versus is not None:
            reactions.append(_reaction("vs-native", versus, dispersion, dispersion_cs))
        if self_test is not None:
            reactions.append(_reaction("self-test", self_test))
        traps = verdict and TrapReport(
            verdict=verdict,
            spin_orbit=True,
            thresholds={},
            alignment_eV=0,
            alignment_spread_eV=0,
            gap_pristine_eV=1.5,
            gap_eV=1.4,
            states_before=[],
            states_after=[],
            n_traps_before=1,
            n_traps_after=0 if verdict == "healed" else 1,
        )
        channels = (
            []
            if lability is None
            else [
                Channel(
                    name="ion-pair",
                    equation="synthetic",
                    electronic_eV=lability,
                    free_energy_eV=lability,
                    temperature_K=298.15,
                    concentration_M=1e-3,
                    solvent="none",
                )
            ]
        )
        return CandidateRecord(
            kind="candidate",
            status=status,
            reason=reason,
            toy=toy,
            address=Address(
                campaign="synthetic",
                protocol="smoke",
                host="CsPbBr3-cubic",
                termination="001-CsX",
                site=site,
                candidate=name,
            ),
            provenance=PROVENANCE,
            label=name,
            ligand=name,
            ligand_class="ion-pair",
            role=role,
            full_smiles="",
            model_smiles="",
            truncation="",
            reactions=reactions if status == "ok" else [],
            traps=traps or None,
            channels=[*channels, *extra],
            distortion=None
            if shift is None
            else Distortion(
                pb_x_pb_angle_deg=None,
                bond_length_distortion=None,
                angle_variance_deg2=None,
                max_surface_shift_ang=shift,
            ),
            chain_length_ang=chain,
        )

    return build
