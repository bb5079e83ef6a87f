"""Deep check of a campaign before any job: chemistry, charges and geometry of every candidate.

A row costs 10 ms on paper (charges, truncation, reactions) and half a second in 3-D (conformer, placement on every
socket). Outcomes are kept beside the results, one per row and keyed by everything that the row depends on, so planning
reads them in milliseconds and an added candidate is the only one that is checked. The check also lists the small
molecules that desorption channels need as references, and what the cost model has to know of each model.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from peropass.config import (
    LIBRARY_FILE,
    Campaign,
    CandidateSettings,
    canonical_placement,
    canonical_slab,
    load_campaign,
)
from peropass.errors import BuildError, InputError
from peropass.ids import digest, file_sha256
from peropass.records import write_text
from peropass.validation import load_yaml

CHANNELS = ("desorption-proton-transfer", "desorption-alkyl-transfer", "desorption-with-")
TRIAL_POSES = 2
PLACE = {"host", "termination", "site", "candidate"}
OUTCOME_VERSION = 2  # of what is stored per row
TRIAL_ROWS = 50
# ASSUME where more rows than this are new, planning checks their chemistry only: 10,000 rows in 3-D take hours. A model
# that does not fit its socket then becomes a row with its reason in the poses step; `peropass check` places all of them.


@dataclass(frozen=True)
class CheckedCampaign:
    """Outcome of a deep check.

    `references` maps host -> candidate -> {reference id: SMILES} of molecules beyond the candidate itself;
    `smiles` maps host -> candidate -> SMILES of its model; `variants` host -> candidate -> number of gas-phase forms;
    `compositions` host -> candidate -> atoms per element of its model; `unplaced` lists rows that were checked on paper but not yet in 3-D.
    """

    references: dict[str, dict[str, dict[str, str]]]
    smiles: dict[str, dict[str, str]]
    variants: dict[str, dict[str, int]] = field(default_factory=dict)
    compositions: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    unplaced: list[str] = field(default_factory=list)


def checked(config_file: str | Path) -> CheckedCampaign:
    """Stored outcomes where nothing changed since, else a fresh check of the rows that are new.

    Raises
    ------
    InputError
        The first thing that is wrong, with file, row, what was found and what is allowed.
    """
    campaign, _ = load_campaign(config_file)
    return deep_check(campaign, config_file, most_placed=TRIAL_ROWS)


def deep_check(
    campaign: Campaign, config_file: str | Path, most_placed: int | None = None
) -> CheckedCampaign:
    """Check every row that is not known to be good; InputError names the first that cannot be used.

    Where more than `most_placed` rows are new (never where None), none of them is built and placed in 3-D.
    """
    stamp = Path("results") / campaign.campaign / "check.json"
    known = _stored(stamp)
    rows = _Rows(campaign, config_file, known, most_placed)
    outcome = CheckedCampaign({}, {})
    try:
        for host in campaign.hosts:
            rows.sites(host)
            found = {c.key: rows.outcome(host, n, c) for n, c in enumerate(campaign.candidates)}
            outcome.smiles[host] = {key: row["smiles"] for key, row in found.items()}
            outcome.references[host] = {key: row["references"] for key, row in found.items()}
            outcome.variants[host] = {key: row["variants"] for key, row in found.items()}
            outcome.compositions[host] = {key: row["composition"] for key, row in found.items()}
            outcome.unplaced.extend(key for key, row in found.items() if not row["placed"])
    except InputError:
        if (
            len(rows.used) > TRIAL_ROWS
        ):  # one bad row in thousands does not cost the others their check
            rows.store(stamp)
        raise
    rows.store(stamp)
    return outcome


def _stored(stamp: Path) -> dict[str, dict]:
    try:
        return dict(json.loads(stamp.read_text(encoding="utf-8")).get("rows", {}))
    except (FileNotFoundError, json.JSONDecodeError, AttributeError):
        return {}


class _Rows:
    """Outcome of one row after another, from the store or fresh; sockets and library are made when first needed."""

    def __init__(
        self, campaign: Campaign, config_file: str | Path, known: dict, most_placed: int | None
    ) -> None:
        self.campaign, self.config_file, self.known = campaign, config_file, known
        self.used: dict[str, dict] = {}
        self._base = {host: _socket_key(campaign, host) for host in campaign.hosts}
        self._entries = {key: digest(body) for key, body in _bodies().items()}
        self._sockets: dict[str, list] = {}
        self._references: dict[tuple, dict[str, str]] = {}
        self._halide: dict[str, str] = {}
        self._library = None
        self.complete = most_placed is None
        new = {self._key(h, c) for h in campaign.hosts for c in campaign.candidates} - set(known)
        self.placing = self.complete or len(new) <= most_placed

    def _key(self, host: str, candidate: CandidateSettings) -> str:
        row = canonical_placement(self.campaign, candidate.key)
        return digest([self._base[host], self._entries[candidate.ligand], row], 20)

    def sites(self, host: str) -> None:
        """In a campaign of controls, which may have no row, and where dopants are asked for: every site can be built."""
        if not self.campaign.controls and self.campaign.substitution is None:
            return
        key = digest([self._base[host], "sites"], 20)
        if key not in self.known:
            from peropass.surfaces.hosts import load_host

            self._sockets[host] = _ideal_sockets(self.campaign, host, self.config_file)
            self._halide[host] = load_host(host).symbol("X")
        self.used[key] = {"sites": True}

    def store(self, stamp: Path) -> None:
        """Keep the outcomes for the next time, where the folder can be written: a plan must not need that."""
        if self.used != self.known:
            with suppress(OSError):
                write_text(stamp, json.dumps({"rows": self.used}, indent=0) + "\n")

    def outcome(self, host: str, row: int, candidate: CandidateSettings) -> dict:
        """What is known of one row on one host after it passed."""
        key = self._key(host, candidate)
        found = self.used.get(key) or self.known.get(key)
        if found is None or (not found["placed"] and self.complete):
            found = self._checked(host, row, candidate)
        self.used[key] = found
        return found

    def _checked(self, host: str, row: int, candidate: CandidateSettings) -> dict:
        try:
            return self._check(host, row, candidate)
        except InputError as error:  # the library's errors name its own key: put the row before it
            if error.where.startswith(str(self.config_file)):
                raise
            where = f"{self.config_file}: candidates.{row} ({candidate.key}): {error.where}"
            raise InputError(where, error.found, error.allowed) from None

    def _check(self, host: str, row: int, candidate: CandidateSettings) -> dict:
        from peropass.chemistry.library import plan_model
        from peropass.chemistry.molecules import composition

        if self._library is None:
            self._prepare()
        if candidate.ligand in self._broken:
            raise self._broken[candidate.ligand]
        where = f"{self.config_file}: candidates.{row} ({candidate.key})"
        entry = self._library.entry(candidate.ligand, where)
        plan = plan_model(
            entry,
            tail_carbons=candidate.tail_carbons,
            halide=candidate.halide or self._halide[host],
            variant=candidate.variant,
            partner=candidate.partner,
        )
        if sum(plan.charges) != 0:
            raise InputError(
                where, f"net charge {sum(plan.charges):+d}", "a neutral set: name a charge partner"
            )
        smiles = ".".join(plan.parts)
        if candidate.halide and candidate.halide not in composition(smiles):
            raise InputError(
                f"{where}.halide",
                f"{candidate.halide}, but the set is {smiles}: its halide is its own",
                "no such key, or another entry",
            )
        if self.placing:
            _place(candidate, entry, self._halide[host], self._sockets[host], where)
        same = (host, entry.id, candidate.variant, smiles)
        if same not in self._references:
            self._references[same] = _references(
                entry, candidate, host, smiles, self.campaign.lability.complexes
            )
        variants = len({candidate.variant, *entry.reference})
        return {
            "smiles": smiles,
            "references": self._references[same],
            "variants": variants,
            "composition": dict(sorted(composition(smiles).items())),
            "placed": self.placing,
        }

    def _prepare(self) -> None:
        from peropass.chemistry.library import load_library
        from peropass.surfaces.hosts import load_host

        self._library = load_library()
        self._broken = {e.where.split(": ")[1].split(".")[0]: e for e in self._library.errors}
        for host in self.campaign.hosts:
            self._sockets[host] = _ideal_sockets(self.campaign, host, self.config_file)
            self._halide[host] = load_host(host).symbol("X")


def _bodies() -> dict[str, dict]:
    """Library entries without what is said about them, each with the charge partners that it may name."""
    library = load_yaml(LIBRARY_FILE)
    partners = library.get("partners") or {}
    return {
        key: {
            **{k: v for k, v in (body or {}).items() if k not in ("reported", "name", "label")},
            "all": partners,
        }
        for key, body in library["entries"].items()
    }


def _socket_key(campaign: Campaign, host: str) -> str:
    """Digest of what all rows of a host share: host file, slab, sockets and the code that builds."""
    package = Path(__file__).resolve().parent
    code = sorted([*(package / "chemistry").glob("*.py"), *(package / "surfaces").glob("*.py")])
    return digest(
        [
            OUTCOME_VERSION,
            file_sha256(Path("structures/hosts") / f"{host}.yaml"),
            canonical_slab(campaign),
            campaign.terminations,
            campaign.sites,
            [control.model_dump(include=PLACE) for control in campaign.controls],
            *([campaign.substitution.sites] if campaign.substitution else []),
            [file_sha256(file) for file in code],
        ]
    )


def _one_cubic_cell(host, config_file: str | Path) -> None:
    """Refuse hosts whose lattice constant and bulk energy one cubic cell cannot give: slabs of them would be strained."""
    from peropass.surfaces.hosts import host_names, load_host

    if host.not_one_cubic_cell:
        able = [name for name in host_names() if not load_host(name).not_one_cubic_cell]
        found = f"{host.name} ({host.not_one_cubic_cell}: built by the library, no bulk reference for a campaign)"
        raise InputError(f"{config_file}: hosts", found, ", ".join(able))


def _ideal_sockets(campaign: Campaign, host_name: str, config_file: str | Path) -> list[tuple]:
    from peropass.surfaces.defects import make_site
    from peropass.surfaces.hosts import load_host
    from peropass.surfaces.slabs import build_slab

    host = load_host(host_name)
    _one_cubic_cell(host, config_file)
    found = []
    loaded = {(c.host, c.termination, c.site) for c in campaign.controls if c.candidate}
    places = [(t, s) for h, t, s in campaign.places if h == host_name]
    sites = campaign.substitution.sites if campaign.substitution else []
    places += [(t, s) for t in campaign.terminations for s in sites if (t, s) not in places]
    for termination in dict.fromkeys(t for t, _ in places):
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
            for site in [s for t, s in places if t == termination]:
                made = make_site(slab, site)
                place = (host_name, termination, site)
                if place in loaded or (not campaign.controls and site in campaign.sites):
                    found.append(made)
        except InputError as error:
            raise InputError(f"{config_file}: {error.where}", error.found, error.allowed) from None
        except BuildError as error:
            raise InputError(
                f"{config_file}: slab", str(error), "a slab that can be built"
            ) from None
    return found


def _place(candidate: CandidateSettings, entry, halide: str, sockets: list, where: str) -> None:
    """Build the model in 3-D and place it on every socket; InputError where one of the two fails."""
    from peropass.chemistry.library import build_model
    from peropass.surfaces.pockets import POCKET
    from peropass.surfaces.poses import generate_poses

    try:
        model = build_model(
            entry,
            tail_carbons=candidate.tail_carbons,
            halide=candidate.halide or halide,
            variant=candidate.variant,
            partner=candidate.partner,
            n_conformers=1,
            seed=1,
            described=False,
        )
        for socket in sockets:
            wanted = candidate.pockets > 0
            found = generate_poses(
                socket.atoms, socket.holes, model, n=TRIAL_POSES, seed=1, pockets=wanted
            )
            if wanted and not any(pose.motif == POCKET for pose in found.poses):
                raise InputError(
                    f"{where}: pockets",
                    candidate.pockets,
                    "0: no lone cation smaller than the A ion fills an A hole here",
                )
    except BuildError as error:
        raise InputError(
            where,
            str(error),
            "a ligand that fits the cell; raise slab.height_ang or slab.lateral, or shorten the tails",
        ) from None


def _references(
    entry, candidate: CandidateSettings, host_name: str, smiles: str, complexes: list[str]
) -> dict[str, str]:
    from peropass.chemistry.reaction_plan import reactions_for, variant_id
    from peropass.chemistry.reactions import HostIons
    from peropass.surfaces.hosts import load_host

    host = load_host(host_name)
    ions = HostIons(host.symbol("A"), host.symbol("B"), host.symbol("X"))
    own = {variant_id(entry, variant) for variant in (candidate.variant, *entry.reference)}
    needed: dict[str, str] = {}
    for planned in reactions_for(
        entry,
        ions,
        smiles=smiles,
        variant=candidate.variant,
        tail_carbons=candidate.tail_carbons,
        complexes=complexes,
    ):
        if planned.available and planned.name.startswith(CHANNELS):
            for reference in planned.references:
                if reference.kind == "molecule" and reference.id not in own:
                    needed[reference.id] = reference.definition
    return needed
