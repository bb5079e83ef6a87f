"""Collect the records of the dopants of one host into their record; the only place that knows where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from peropass import paths
from peropass.analysis import substitution
from peropass.analysis.uncertainty import ErrorModel
from peropass.chemistry.dopants import oxidation_states
from peropass.chemistry.reactions import HostIons
from peropass.config import LIBRARY_FILE, SubstitutionSettings
from peropass.engine.protocol import Protocol
from peropass.gather import Place, campaign_root, derived_from, error_model
from peropass.records import (
    Address,
    CalculationRecord,
    EosRecord,
    SubstitutionRecord,
)
from peropass.surfaces.hosts import STRUCTURES, host_names, load_host
from peropass.workflow_substitution import FORMULA_UNITS, strain_name


def substitution_record(
    address: Address,
    protocol: Protocol,
    settings: SubstitutionSettings,
    terminations: Sequence[str],
    command: str = "",
    root: Path | None = None,
    errors: ErrorModel | None = None,
) -> SubstitutionRecord:
    """All numbers of all dopants of the host in `address`; what is missing is named and the others go on.

    `errors` is the error model if it is not that of config/error-model.yaml.
    """
    place = Place(address, protocol.engine == "toy", root or campaign_root(address.campaign))
    host = load_host(address.host)
    ions = HostIons(host.symbol("A"), host.symbol("B"), host.symbol("X"))
    charges = oxidation_states(LIBRARY_FILE)
    cells = {
        (dopant, strain): place.read(
            CalculationRecord, paths.DOPED, cell=settings.cell, dopant=dopant,
            strain=strain_name(strain),
        )
        for dopant in (paths.UNDOPED, *settings.dopants)
        for strain in settings.strains
    }  # fmt: skip
    slabs = {
        (termination, site): place.read(
            CalculationRecord, paths.CLEAN, termination=termination, site=site
        )
        for termination in (terminations if settings.surface else ())
        for site in ("pristine", *settings.sites)
    }
    states = {dopant: charges[dopant] for dopant in settings.dopants}
    sources, unavailable = _salts(place, ions, states, settings)
    eos = place.read(EosRecord, paths.BULK)
    inputs = substitution.SubstitutionInputs(
        ions=ions,
        oxidation_states=states,
        fraction=1 / FORMULA_UNITS[settings.cell],
        strains=tuple(settings.strains),
        cells=cells,
        slabs=slabs,
        terminations=tuple(terminations) if settings.surface else (),
        sources={**sources, f"{ions.a}{ions.x}": place.read(EosRecord, paths.RESERVOIR)},
        unavailable=unavailable,
        vacancy="" if settings.vacancy == "none" else settings.vacancy,
        errors=errors or error_model(protocol.name),
    )
    present = [r for r in (eos, *cells.values(), *slabs.values(), *sources.values()) if r]
    named = {
        "/".join(r.address.model_dump(exclude={"campaign", "protocol"}).values()): r
        for r in present
    }
    meshes = sorted({tuple(r.kpts) for r in cells.values() if r is not None})
    return SubstitutionRecord(
        status="ok",
        toy=place.toy,
        address=address,
        provenance=derived_from(named, command),
        settings_hash=protocol.settings_hash,
        settings=protocol.energy.model_dump(),
        cell=settings.cell,
        kpts=meshes[0] if len(meshes) == 1 else None,
        fraction=inputs.fraction,
        a_ang=eos.a_ang if eos is not None else None,
        strains=list(settings.strains),
        equilibrium_strains=substitution.equilibrium_strains(inputs)
        if len(settings.strains) > 2
        else {},
        rows=substitution.substitution_values(inputs),
    )


def _salts(
    place: Place, ions: HostIons, states: dict[str, int], settings: SubstitutionSettings
) -> tuple[dict[str, CalculationRecord], dict[str, str]]:
    """Bulk salts that are there, and why the others are not."""
    found, unavailable = {}, {}
    known = host_names(STRUCTURES / "phases")
    for name in substitution.needed_salts(ions, states):
        for pattern in (paths.PHASE, paths.SOURCE_PHASE):
            record = place.read(CalculationRecord, pattern, phase=name)
            if record is not None:
                found[name] = record
        if name in found:
            continue
        if name not in known:
            unavailable[name] = "structures/phases has no such phase"
        elif not settings.phases:
            unavailable[name] = "not asked for (substitution.phases)"
        else:
            unavailable[name] = "not computed yet"
    return found, unavailable
