"""Deep check of a campaign before any job: chemistry, charges and geometry of every candidate.

Costs seconds (RDKit), so its outcome is kept beside the results, keyed by everything that it depends on; planning
then reads it in milliseconds. It also lists the small molecules that desorption channels need as references.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from peropass.config import LIBRARY_FILE, PROTOCOLS_FILE, Campaign, CandidateSettings, load_campaign
from peropass.errors import BuildError, InputError
from peropass.ids import digest, file_sha256
from peropass.records import write_text

CHANNELS = ("desorption-proton-transfer", "desorption-alkyl-transfer")
TRIAL_POSES = 2


@dataclass(frozen=True)
class CheckedCampaign:
    """Outcome of a deep check.

    `references` maps host -> candidate -> {reference id: SMILES} of molecules beyond the candidate itself;
    `smiles` maps host -> candidate -> SMILES of its model.
    """

    references: dict[str, dict[str, dict[str, str]]]
    smiles: dict[str, dict[str, str]]


def checked(config_file: str | Path) -> CheckedCampaign:
    """The stored outcome if nothing changed since, else a fresh deep check.

    Raises
    ------
    InputError
        The first thing that is wrong, with file, row, what was found and what is allowed.
    """
    campaign, _ = load_campaign(config_file)
    stamp = Path("results") / campaign.campaign / "check.json"
    key = _key(config_file, campaign)
    if stamp.exists():
        try:
            stored = json.loads(stamp.read_text())
        except json.JSONDecodeError:
            stored = {}
        if stored.get("key") == key:
            return CheckedCampaign(stored["references"], stored["smiles"])
    outcome = deep_check(campaign, config_file)
    stored = {"key": key, "references": outcome.references, "smiles": outcome.smiles}
    write_text(stamp, json.dumps(stored, indent=1) + "\n")
    return outcome


def _key(config_file: str | Path, campaign: Campaign) -> str:
    files = [Path(config_file), PROTOCOLS_FILE, LIBRARY_FILE]
    files += [Path("structures/hosts") / f"{host}.yaml" for host in campaign.hosts]
    package = Path(__file__).resolve().parent
    files += sorted([*(package / "chemistry").glob("*.py"), *(package / "surfaces").glob("*.py")])
    return digest({str(n): file_sha256(file) for n, file in enumerate(files)}, 16)


def deep_check(campaign: Campaign, config_file: str | Path) -> CheckedCampaign:
    """Build every candidate on every socket of an ideal slab; InputError names the first that cannot be."""
    from peropass.chemistry.library import load_library

    library = load_library()
    broken = {error.where.split(": ")[1].split(".")[0]: error for error in library.errors}
    references: dict[str, dict[str, dict[str, str]]] = {}
    smiles: dict[str, dict[str, str]] = {}
    for host_name in campaign.hosts:
        sockets = _ideal_sockets(campaign, host_name, config_file)
        references[host_name], smiles[host_name] = {}, {}
        for row, candidate in enumerate(campaign.candidates):
            where = f"{config_file}: candidates.{row} ({candidate.key})"
            if candidate.ligand in broken:
                raise broken[candidate.ligand]
            entry = library.entry(candidate.ligand, where)
            model = _buildable(candidate, entry, host_name, sockets, where)
            smiles[host_name][candidate.key] = model.smiles
            references[host_name][candidate.key] = _references(
                entry, candidate, host_name, model.smiles
            )
    return CheckedCampaign(references, smiles)


def _ideal_sockets(campaign: Campaign, host_name: str, config_file: str | Path) -> list[tuple]:
    from peropass.surfaces.defects import make_site
    from peropass.surfaces.hosts import load_host
    from peropass.surfaces.slabs import build_slab

    host = load_host(host_name)
    found = []
    for termination in campaign.terminations:
        try:
            slab = build_slab(
                host,
                termination,
                a_ang=host.pseudocubic_ang,
                lateral=campaign.slab.lateral,
                layers=campaign.slab.layers,
                height_ang=campaign.slab.height_ang,
                frozen_layers=campaign.slab.frozen_layers,
                tilt=False,
            )
            found += [make_site(slab, site) for site in campaign.sites]
        except InputError as error:
            raise InputError(f"{config_file}: {error.where}", error.found, error.allowed) from None
        except BuildError as error:
            raise InputError(f"{config_file}: slab", str(error), "a slab that can be built") from None
    return found


def _buildable(candidate: CandidateSettings, entry, host_name: str, sockets: list, where: str):
    """The candidate's model, after it was placed on every socket."""
    from peropass.chemistry.library import build_model
    from peropass.surfaces.hosts import load_host
    from peropass.surfaces.poses import generate_poses

    halide = candidate.halide or load_host(host_name).symbol("X")
    try:
        model = build_model(
            entry,
            tail_carbons=candidate.tail_carbons,
            halide=halide,
            variant=candidate.variant,
            partner=candidate.partner,
            n_conformers=1,
            seed=1,
        )
        if model.charge != 0:
            raise InputError(where, f"net charge {model.charge:+d}", "a neutral set: name a charge partner")
        for socket in sockets:
            generate_poses(socket.atoms, socket.holes, model, n=TRIAL_POSES, seed=1)
    except BuildError as error:
        raise InputError(
            where, str(error), "a ligand that fits the cell; raise slab.height_ang or slab.lateral, or shorten the tails"
        ) from None
    return model


def _references(entry, candidate: CandidateSettings, host_name: str, smiles: str) -> dict[str, str]:
    from peropass.chemistry.reaction_plan import reactions_for, variant_id
    from peropass.chemistry.reactions import HostIons
    from peropass.surfaces.hosts import load_host

    host = load_host(host_name)
    ions = HostIons(host.symbol("A"), host.symbol("B"), host.symbol("X"))
    own = {variant_id(entry, variant) for variant in (candidate.variant, *entry.reference)}
    needed: dict[str, str] = {}
    for planned in reactions_for(entry, ions, smiles=smiles, variant=candidate.variant):
        if planned.available and planned.name in CHANNELS:
            for reference in planned.references:
                if reference.kind == "molecule" and reference.id not in own:
                    needed[reference.id] = reference.definition
    return needed
