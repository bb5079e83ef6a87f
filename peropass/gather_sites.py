"""Collect the records of one slab and of the pristine one into a site record; of all controls into their table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from peropass import paths
from peropass.analysis import controls as judged
from peropass.analysis import sites
from peropass.config import ControlSettings
from peropass.engine.protocol import Protocol
from peropass.errors import AnalysisRefused
from peropass.gather import Place, campaign_root, derived_from
from peropass.records import (
    Address,
    CalculationRecord,
    ControlsRecord,
    EosRecord,
    LevelsRecord,
    Provenance,
    Record,
    SiteRecord,
)
from peropass.surfaces.hosts import load_host


def site_record(
    address: Address, protocol: Protocol, command: str = "", root: Path | None = None
) -> SiteRecord:
    """The record of a bare slab, or of a loaded one where `address` names candidate and pose.

    A slab that did not relax, levels that failed or an analysis that is refused give a record with that status
    and reason; what does not depend on it is still there.
    """
    place = Place(address, protocol.engine == "toy", root or campaign_root(address.campaign))
    loaded = address.candidate != "none"
    slab = place.read(CalculationRecord, paths.LOADED if loaded else paths.CLEAN)
    levels = place.read(LevelsRecord, paths.LOADED_LEVELS if loaded else paths.CLEAN_LEVELS)
    pristine = place.read(CalculationRecord, paths.PRISTINE)
    pristine_levels = place.read(LevelsRecord, paths.PRISTINE_LEVELS)
    bulk = [] if loaded else bulk_records(place)
    present = [r for r in (slab, levels, pristine, pristine_levels, *bulk) if r is not None]
    fields: dict = {
        "status": "ok",
        "toy": place.toy,
        "address": address,
        "provenance": _provenance(present, place, command),
        "settings_hash": protocol.settings_hash,
        "settings": protocol.energy.model_dump(),
    }
    if slab is not None:
        structure = slab.final or slab.initial
        fields |= {
            "composition": structure.composition if structure else {},
            "magnetic_moment_muB": slab.magnetic_moment_muB,
            "fmax_eV_per_ang": slab.fmax_eV_per_ang,
        }
    bad = _unusable({"slab": slab, "levels": levels, "pristine levels": pristine_levels})
    if bad:
        return SiteRecord(**{**fields, **bad})
    if not loaded and pristine is not None:
        host = load_host(address.host)
        ions = (host.symbol("A"), host.symbol("B"), host.symbol("X"))
        fields |= sites.thermo_fields(pristine, slab, bulk, ions)
    try:
        return SiteRecord(**{**fields, **sites.trap_fields(pristine_levels, levels)})
    except AnalysisRefused as refusal:
        return SiteRecord(**{**fields, "status": "failed", "reason": str(refusal)})


def bulk_records(place: Place) -> list[EosRecord | CalculationRecord]:
    """Host, reservoir, competing phases, metals and halogen gas that are there."""
    found: list[EosRecord | CalculationRecord] = [
        record
        for pattern in (paths.BULK, paths.RESERVOIR)
        if (record := place.read(EosRecord, pattern)) is not None
    ]
    found += _all_of(place, CalculationRecord, paths.PHASE, "phase")
    found += _all_of(place, EosRecord, paths.METAL, "metal")
    return found + _all_of(place, CalculationRecord, paths.HALOGEN, "halogen")


def _all_of(place: Place, kind: type[Record], pattern: str, wildcard: str) -> list:
    """Every record of one pattern, by the name of its folder."""
    example = place.file(pattern, **{wildcard: "x"})
    files = sorted(example.parent.parent.glob(f"*/{example.name}"))
    return [place.read(kind, pattern, **{wildcard: file.parent.name}) for file in files]


def _unusable(records: dict[str, Record | None]) -> dict:
    for name, record in records.items():
        if record is None:
            return {"status": "missing", "reason": f"no record of the {name}"}
        if record.status != "ok":
            return {
                "status": record.status,
                "reason": f"{name} {record.status}: {record.reason}".rstrip(": "),
            }
    return {}


def _provenance(present: Sequence[Record], place: Place, command: str) -> Provenance:
    named = {
        f"{'/'.join(r.address.model_dump(exclude={'campaign', 'protocol'}).values())} {r.kind}": r
        for r in present
    }
    return derived_from(named, command)


def control_address(control: ControlSettings, campaign: str, protocol: str) -> Address:
    """Address of the site record that a control is judged by."""
    loaded = {"candidate": control.candidate, "pose": "k0"} if control.candidate else {}
    return Address(
        campaign=campaign,
        protocol=protocol,
        host=control.host,
        termination=control.termination,
        site=control.site,
        **loaded,
    )


def controls_record(
    controls: Sequence[ControlSettings],
    campaign: str,
    protocol: Protocol,
    slab: dict,
    command: str = "",
    root: Path | None = None,
) -> ControlsRecord:
    """The table of controls from the site records that are there; the others are `not run yet`."""
    toy = protocol.engine == "toy"
    root = root or campaign_root(campaign)
    found: dict[str, SiteRecord] = {}
    files: dict[str, str] = {}
    for control in controls:
        place = Place(control_address(control, campaign, protocol.name), toy, root)
        pattern = paths.LOADED_SITE_RECORD if control.candidate else paths.SITE_RECORD
        record = place.read(SiteRecord, pattern)
        if record is not None:
            found[control.name] = record
            files[control.name] = place.relative(place.file(pattern))
    asked = [judged.Asked(**control.model_dump()) for control in controls]
    rows = [
        row.model_copy(update={"record": files.get(row.name, "")})
        for row in judged.judge(asked, found)
    ]
    return ControlsRecord(
        status="ok",
        toy=toy,
        address=Address(campaign=campaign, protocol=protocol.name),
        provenance=derived_from(found, command),
        settings=protocol.energy.model_dump(),
        settings_hash=protocol.settings_hash,
        slab=slab,
        rows=rows,
    )
