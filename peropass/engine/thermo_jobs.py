"""The job that collects what the free energy of a gas-phase species needs."""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

from peropass.engine.work import Stopwatch
from peropass.errors import EngineError
from peropass.ids import digest, structure_hash
from peropass.records import Address, Provenance, ThermoRecord, write_record
from peropass.revisions import REVISIONS


def run(
    atoms: Atoms | None,
    species: str,
    smiles: str,
    address: Address,
    out: Path,
    toy: bool = False,
    unpaired: int = 0,
) -> ThermoRecord:
    """Describe one neutral species with `unpaired` electrons; a failure is a record with its reason."""
    from peropass.engine.xtb_thermo import describe_species

    watch = Stopwatch(out.with_suffix(".cost"))
    if atoms is None or toy:
        status, reason = ("skipped", "toy engine") if toy else ("missing", "no relaxed molecule")
        record = ThermoRecord(
            status=status,
            reason=reason,
            toy=toy,
            address=address,
            provenance=_provenance(watch, "none"),
            species=species,
            smiles=smiles,
            method="none",
        )
        write_record(record, out)
        return record
    molecule = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions)
    try:
        spin = f"-unpaired-{unpaired}" if unpaired else ""
        record, _ = describe_species(
            molecule,
            species,
            smiles,
            address,
            _provenance(watch, structure_hash(molecule) + spin),
            unpaired=unpaired,
        )
    except EngineError as error:
        record = ThermoRecord(
            status="failed",
            reason=str(error),
            address=address,
            provenance=_provenance(watch, "none"),
            species=species,
            smiles=smiles,
            method="GFN2-xTB",
        )
    write_record(
        record.model_copy(
            update={"provenance": _provenance(watch, record.provenance.physics_hash)}
        ),
        out,
    )
    return record


def _provenance(watch: Stopwatch, structure: str) -> Provenance:
    from importlib.metadata import version

    identity = (
        structure
        if structure == "none"
        else digest({"structure": structure, "revision": REVISIONS["thermo"]}, 16)
    )
    return Provenance(
        revision=REVISIONS["thermo"],
        physics_hash=identity,
        versions={"tblite": version("tblite"), "ase": version("ase")},
        **watch.read(),
    )
