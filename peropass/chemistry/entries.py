"""Schema of the ligand library: what an entry may say, closed and checked key by key."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from peropass.chemistry.model import LigandClass, Target

Halide = Literal["Cl", "Br", "I"]
# What a pose may be called: ammonium halides and salts fill the holes of the socket, donors sit on the exposed Pb,
# zwitterions bridge or hold by one end, metal halides and SCN have several competing ways.
Motif = Literal[
    "fills-A-and-X",
    "donor-on-Pb",
    "donor-on-Cs",
    "donor-on-dopant",
    "bidentate-on-Pb",
    "bidentate-on-two-Pb",
    "chelates-Pb",
    "over-two-X-holes",
    "bridges-A-and-X",
    "A-end-only",
    "X-end-only",
    "SCN-N",
    "SCN-S",
    "adsorbed-on-halide",
    "halide-into-V-X",
    "metal-on-A-hole",
    "metal-on-Pb",
    "PbX2-adlayer",
    "fills-V-PbX2",
    "coadsorbed",
    "flat-on-surface",
    "takes-Pb-along",
]
Source = Literal["Park2020", "Zheng2020", "Mu2022", "Jang2024", "Zhang2025"]


class LibraryPart(BaseModel):
    """A value object of the library; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Truncation(LibraryPart):
    """How the model is cut from the full ligand; exactly one of the three policies."""

    tails: int | tuple[int, ...] | None = Field(
        default=None,
        description="carbons kept per tail; a list gives one number per part with tails",
    )
    fragment: str | None = Field(
        default=None, description="SMILES of the set or part that stands in"
    )
    because: str = ""
    whole: str | None = Field(default=None, description="reason why nothing is cut")

    @model_validator(mode="after")
    def _one_policy(self) -> Truncation:
        given = [k for k in ("tails", "fragment", "whole") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of tails, fragment, whole; found {given or 'none'}")
        if self.fragment is not None and not self.because:
            raise ValueError("a fragment needs its reason in `because`")
        return self


class AnchorOverride(LibraryPart):
    """Anchors by hand: SMARTS with map numbers on the atoms that hold, and their sites."""

    smarts: str
    targets: tuple[Target, ...] = Field(min_length=1)
    together: bool = False


class Reported(LibraryPart):
    """What the literature says of the treatment, in our words, with source keys."""

    text: str
    sources: tuple[Source, ...] = Field(min_length=1)


class Substitution(LibraryPart):
    """Data of an entry without a molecule: dopants, alloys, point defects, competing phases."""

    kind: Literal["dopant", "alloy", "defect", "phase"]
    site: Literal["A", "B", "X"] | None = None
    species: tuple[str, ...] = Field(
        min_length=1, description="elements, cations, defects or phases"
    )
    oxidation_states: dict[str, int] = Field(default_factory=dict)
    compensation: dict[str, str] = Field(
        default_factory=dict, description="species -> how the cell stays neutral, e.g. V-Cs"
    )
    positions: tuple[str, ...] = ()
    unpaired: dict[str, int] = Field(default_factory=dict)


class Donation(LibraryPart):
    """By-products when a halide donor meets carboxylate-capped sites: `sites` acetates become halides."""

    sites: int = Field(ge=1)
    by_products: tuple[str, ...] = Field(
        min_length=1, description="SMILES; {x} is the host's halogen"
    )


class Variant(LibraryPart):
    """Another protonation state, tautomer or partner of the same treatment."""

    smiles: str
    state: str = ""
    partner: str | None = Field(
        default=None, description="key of `partners`; `none` to drop the entry's"
    )
    truncate: Truncation | None = None
    motifs: tuple[Motif, ...] = ()
    anchors: tuple[AnchorOverride, ...] = ()
    more_anchors: tuple[AnchorOverride, ...] = ()
    donation: Donation | None = None


class LigandEntry(LibraryPart):
    """One treatment. `smiles` is the full set, or its charged core if `partner` completes it."""

    id: str
    name: str
    ligand_class: LigandClass = Field(alias="class")
    role: Literal["candidate", "native", "competitor", "self-test"] = "candidate"
    status: Literal["ready", "planned"] = "ready"
    reason: str = ""
    smiles: str = ""
    state: str = ""
    partner: str | None = None
    partners: tuple[str, ...] = ()
    partner_smiles: dict[str, str] = Field(default_factory=dict)
    halide: Literal["follows-host", "fixed"] = "fixed"
    halides: tuple[Halide, ...] = ()
    truncate: Truncation | None = None
    hosts: tuple[str, ...] = Field(min_length=1)
    motifs: tuple[Motif, ...] = ()
    anchors: tuple[AnchorOverride, ...] = ()
    more_anchors: tuple[AnchorOverride, ...] = ()
    variants: dict[str, Variant] = Field(default_factory=dict)
    reference: tuple[str, ...] = ("default",)
    unpaired: int = Field(default=0, ge=0, description="unpaired electrons of the neutral set")
    substitution: Substitution | None = None
    donation: Donation | None = None
    reported: tuple[Reported, ...] = ()
    note: str = ""
    where: str = Field(default="", description="file and id, for error messages")

    @model_validator(mode="after")
    def _complete(self) -> LigandEntry:
        molecular = self.ligand_class not in ("substitution", "interface")
        if self.status == "planned" and not self.reason:
            raise ValueError("status planned needs a reason")
        if molecular and self.status == "ready" and not self.smiles:
            raise ValueError("smiles is missing")
        if molecular and self.status == "ready" and self.truncate is None:
            raise ValueError("truncate is missing: tails, fragment or whole")
        if self.ligand_class == "substitution" and self.substitution is None:
            raise ValueError("substitution is missing")
        unknown = set(self.reference) - {"default", *self.variants}
        if unknown:
            raise ValueError(f"reference names unknown variants {sorted(unknown)}")
        return self

    @property
    def is_molecular(self) -> bool:
        """Whether the entry is a molecule, ion pair or salt that can be placed on a slab."""
        return bool(self.smiles) and self.status == "ready"

    @property
    def variant_names(self) -> tuple[str, ...]:
        """`default` first, then the listed variants."""
        return ("default", *self.variants)
