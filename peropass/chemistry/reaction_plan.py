"""Which reactions apply to an entry of the library, and which reference calculations each needs.

Slabs enter by a stand-in element (`[slab]`, `[pristine]`), so that each plan is a real, balanced `Reaction` before
any slab exists; the analysis replaces them by the compositions that were computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

from peropass.chemistry import acid_base
from peropass.chemistry.molecules import (
    HALIDES,
    canonical_smiles,
    charge_of,
    composition,
    is_zwitterion,
    parse,
)
from peropass.chemistry.planned import Kind, PlannedReaction, Reference, bulk_reference
from peropass.chemistry.reactions import (
    HostIons,
    Reaction,
    Species,
    add,
    binding,
    desorption,
    desorption_complex,
    exchange,
    exchange_acid,
    versus_native,
)
from peropass.ids import digest

if TYPE_CHECKING:
    from peropass.chemistry.entries import LigandEntry

SHORT_NAMES = {
    "Br": "HBr",
    "Cl": "HCl",
    "I": "HI",
    "F": "HF",
    "N": "NH3",
    "O": "H2O",
    "CN": "MeNH2",
    "CCN": "EtNH2",
    "CN(C)C": "NMe3",
    "CCN(C)CC": "NMeEt2",
    "CP(C)C": "PMe3",
    "CSC": "SMe2",
    "CBr": "MeBr",
    "CCl": "MeCl",
    "CI": "MeI",
    "CF": "MeF",
    "FB(F)F": "BF3",
    "N=C=S": "HNCS",
    "CC(=O)O": "AcOH",
    "CS(=O)(=O)O": "MeSO3H",
    "O=S(=O)(O)O": "H2SO4",
    "O=[N+]([O-])O": "HNO3",
    "CP(C)(C)=O": "TMPO",
}
ION_NAMES = {
    "[NH4+]": "NH4",
    "C[NH3+]": "MA",
    "CC[NH3+]": "EA",
    "NC(N)=[NH2+]": "GA",
    "C[N+](C)(C)C": "TMA",
    "CC[N+](C)(C)CC": "Et2Me2N",
    "C[P+](C)(C)C": "PMe4",
    "C[S+](C)C": "SMe3",
    "N#C[S-]": "SCN",
    "CC(=O)[O-]": "OAc",
    "CS(=O)(=O)[O-]": "MeSO3",
    "O=S(=O)([O-])[O-]": "SO4",
    "O=[N+]([O-])[O-]": "NO3",
    "F[B-](F)(F)F": "BF4",
    "C[S-]": "SMe",
}
# ASSUME the two native caps of as-made crystals, cut to models: the ammonium bromide and the ammonium carboxylate
NATIVE_MODELS = {"ola-br": "CC[NH3+].[{x}-]", "ola-oa": "CC[NH3+].CC(=O)[O-]"}


ACETATE = "CC(=O)[O-]"


def variant_id(entry: LigandEntry, variant: str) -> str:
    """Folder name of a variant of an entry in the gas phase."""
    return entry.id if variant == "default" else f"{entry.id}-{variant}"


@lru_cache(maxsize=32768)
def molecule_id(smiles: str) -> str:
    """Folder name of a molecule that is no entry of its own: Hill formula and a hash of canonical SMILES."""
    return f"{hill_formula(composition(smiles))}-{digest(canonical_smiles(smiles), 6)}"


def hill_formula(counts: dict[str, float]) -> str:
    """Hill order: C, H, then alphabetical; alphabetical throughout without carbon."""
    first = [e for e in ("C", "H") if "C" in counts and e in counts]
    order = first + sorted(e for e in counts if e not in first)
    return "".join(f"{e}{counts[e]:g}" if counts[e] != 1 else e for e in order)


@cache
def gas(smiles: str) -> Species:
    """Neutral molecule or set in the gas phase, named as chemists do where a short name is common."""
    name = SHORT_NAMES.get(canonical_smiles(smiles)) or _formula_name(smiles)
    return Species(f"{name}(g)", composition(smiles))


def _formula_name(smiles: str) -> str:
    """Cations first: ZnBr2, CsMeSO3, (C5H14N)Br; a zwitterion says that it is one."""
    parts = smiles.split(".")
    if len(parts) == 1:
        prefix = "zwitterion-" if is_zwitterion(parse(smiles, "set")) else ""
        return prefix + hill_formula(composition(smiles))
    counts = Counter((-charge_of(part, "set"), _part_name(part)) for part in parts)
    return "".join(_times(name, n) for (_, name), n in sorted(counts.items()))


@lru_cache(maxsize=4096)
def _part_name(smiles: str) -> str:
    """Of one part of a set, in brackets where it is a formula of several atoms."""
    text = canonical_smiles(smiles)
    name = ION_NAMES.get(text) or hill_formula(composition(text))
    bare = parse(smiles, "set").GetNumAtoms() == 1 or text in ION_NAMES
    return name if bare else f"({name})"


def _times(name: str, n: int) -> str:
    """ZnBr2, but (NH4)2."""
    if n == 1:
        return name
    return f"{name}{n}" if len(name) <= 2 or name.startswith("(") else f"({name}){n}"


def reactions_for(
    entry: LigandEntry,
    ions: HostIons | None = None,
    *,
    smiles: str | None = None,
    variant: str = "default",
    tail_carbons: int | None = None,
    site: str = "V-CsX",
    termination: str = "001",
    natives: Mapping[str, str] | None = None,
    complexes: Collection[str] = ("AX", "BX2"),
) -> list[PlannedReaction]:
    """List the reactions of an entry on a host, those that cannot exist included, each with its references.

    Parameters
    ----------
    entry : LigandEntry
        Of the ligand library.
    ions : HostIons, optional
        Ions of the host; CsPbBr3 if not given.
    smiles : str, optional
        Model set really used (another halide or partner); by default planned from the entry.
    tail_carbons : int, optional
        As given to `build_model`, so that competing reference variants are cut alike.
    site, termination : str
        For the names of the slabs in the equations.
    natives : mapping, optional
        Library id -> model SMILES of the native caps; by default ethylammonium halide and acetate.
    complexes : collection of str
        Surface units that a ligand may carry away; the channels of the others have a reason instead of a reaction.
    """
    ions = ions or HostIons()
    if entry.substitution is not None:
        from peropass.chemistry.substitution_plan import plan_substitutions

        return plan_substitutions(entry, ions)
    if not entry.is_molecular:
        return []
    if smiles is None:
        from peropass.chemistry.library import plan_model

        smiles = ".".join(
            plan_model(entry, tail_carbons=tail_carbons, halide=ions.x, variant=variant).parts
        )
    setting = _Setting(entry, variant, ions, smiles, tail_carbons, site, termination)
    if natives is None:
        natives = {name: text.format(x=ions.x) for name, text in NATIVE_MODELS.items()}
    planned = [_binding(setting), _exchange(setting), _exchange_acid(setting)]
    planned += [_vs_native(setting, name, text) for name, text in natives.items()]
    planned += _channels(setting, complexes)
    if entry.ligand_class == "halide-donor":
        planned.append(_halide_donation(setting))
    return planned


@dataclass(frozen=True)
class _Setting:
    """Species that all reactions of one ligand on one site share."""

    entry: LigandEntry
    variant: str
    ions: HostIons
    smiles: str
    tail_carbons: int | None
    site: str
    termination: str

    @property
    def slab_name(self) -> str:
        return f"{self.ions.formula}({self.termination})"

    @property
    def socket(self) -> Species:
        return Species(f"{self.slab_name}[{self.site}]", {"[slab]": 1})

    @property
    def pristine(self) -> Species:
        """Socket with both holes filled; a balanced exchange needs the socket to be V-CsX."""
        return Species(self.slab_name, add({"[slab]": 1}, self.ions.salt.composition))

    @property
    def ligand(self) -> Species:
        return gas(self.smiles)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """The ligand in the gas phase: every variant that may be the lowest one."""
        own = Reference(
            variant_id(self.entry, self.variant), "molecule", self.smiles, self.entry.unpaired
        )
        others = [v for v in self.entry.reference if v != self.variant]
        if self.variant not in self.entry.reference:
            others = []
        return (own, *(self._variant_reference(v) for v in others))

    def _variant_reference(self, variant: str) -> Reference:
        from peropass.chemistry.library import plan_model

        plan = plan_model(
            self.entry, tail_carbons=self.tail_carbons, halide=self.ions.x, variant=variant
        )
        return Reference(
            variant_id(self.entry, variant), "molecule", ".".join(plan.parts), self.entry.unpaired
        )

    def molecule(self, smiles: str) -> Reference:
        """Reference of a neutral molecule: a variant of this ligand where it is one."""
        for reference in self.references:
            if canonical_smiles(reference.definition) == canonical_smiles(smiles):
                return reference
        return Reference(molecule_id(smiles), "molecule", smiles)

    def loaded(self, smiles: str | None = None) -> Species:
        guest = gas(smiles or self.smiles)
        name = f"{self.slab_name}[{self.site}]:{guest.name.removesuffix('(g)')}"
        return Species(name, add({"[slab]": 1}, guest.composition))

    @cached_property
    def parts(self) -> list[tuple[str, int]]:
        """SMILES and charge of each part of the set."""
        return [(text, charge_of(text, self.entry.where)) for text in self.smiles.split(".")]

    def cations(self) -> list[tuple[str, int]]:
        return [part for part in self.parts if part[1] > 0]

    def anions(self) -> list[tuple[str, int]]:
        return [part for part in self.parts if part[1] < 0]


# ASSUME every set is bound from the gas, metal halides as MXn molecules too. Their solids lie 1-4 eV lower and by different amounts:
# metal halides compare with each other only from the solid (chemistry.sublimation has measured enthalpies for most of them).
def _binding(setting: _Setting) -> PlannedReaction:
    reaction = binding(setting.socket, setting.ligand, setting.loaded())
    return PlannedReaction("binding", "binding", reaction, setting.references)


def _exchange(setting: _Setting) -> PlannedReaction:
    if setting.site not in ("V-CsX", f"V-{setting.ions.a}{setting.ions.x}"):
        return PlannedReaction(
            "exchange",
            "exchange",
            None,
            reason=f"site {setting.site} is not one {setting.ions.salt.name} short",
        )
    reaction = exchange(setting.pristine, setting.ligand, setting.loaded(), setting.ions.salt)
    return PlannedReaction(
        "exchange", "exchange", reaction, (*setting.references, bulk_reference(setting.ions.salt))
    )


def _exchange_acid(setting: _Setting) -> PlannedReaction:
    """pristine + HnA -> slab[X->A] + n HX, for sets of a host cation and an anion with a neutral acid."""
    name: Kind = "exchange-acid"
    cations, anions = setting.cations(), setting.anions()
    if not anions:
        return PlannedReaction(
            name, name, None, reason="the ligand has no anion that could replace X"
        )
    if any(text != f"[{setting.ions.a}+]" for text, _ in cations) or len(anions) != 1:
        return PlannedReaction(
            name,
            name,
            None,
            reason=f"the set is not {setting.ions.a}+ with one anion: see exchange",
        )
    anion, charge = anions[0]
    if anion == f"[{setting.ions.x}-]":
        return PlannedReaction(name, name, None, reason="the anion is the host's own")
    if charge != -1:
        return PlannedReaction(
            name, name, None, reason="a divalent anion needs two sockets; see exchange"
        )
    acids = acid_base.protonate(anion)
    if len(acids) > 1:
        return PlannedReaction(name, name, None, reason=f"no neutral acid of {anion} exists")
    hydrogen_halide = setting.ions.x
    reaction = exchange_acid(
        setting.pristine, gas(acids[0]), setting.loaded(), gas(hydrogen_halide)
    )
    return PlannedReaction(
        name, name, reaction, (setting.molecule(acids[0]), setting.molecule(hydrogen_halide))
    )


def _vs_native(setting: _Setting, ligand: str, native: str) -> PlannedReaction:
    cap = gas(native)
    reaction = versus_native(setting.loaded(native), setting.ligand, setting.loaded(), cap)
    name = f"vs-native-{ligand}"
    references = (
        *setting.references,
        Reference(ligand, "molecule", native),
        Reference(f"slab-{ligand}", "slab", setting.loaded(native).name),
    )
    return PlannedReaction(name, "vs-native", Reaction(name, reaction.terms), references)


def _channels(setting: _Setting, complexes: Collection[str]) -> list[PlannedReaction]:
    whole = "ion-pair" if setting.cations() else "molecule"
    channels = [
        PlannedReaction(
            f"desorption-{whole}",
            "desorption",
            desorption(whole, setting.loaded(), setting.socket, [setting.ligand]),
            setting.references,
        ),
        _proton_channel(setting),
        _alkyl_channel(setting),
    ]
    return channels + [
        _complex_channel(setting, unit, complexes) for unit in _surface_units(setting.ions)
    ]


@dataclass(frozen=True)
class _SurfaceUnit:
    """A neutral unit of the surface that a ligand may carry away, and where the lost one comes from."""

    kind: str
    carried: Species
    smiles: str
    supply: tuple[tuple[float, Species], ...]


def _complex_channel(
    setting: _Setting, unit: _SurfaceUnit, complexes: Collection[str]
) -> PlannedReaction:
    name = f"desorption-with-{unit.carried.name.removesuffix('(bulk)')}"
    if unit.kind not in complexes:
        reason = f"not asked for: `lability.complexes` of the campaign has no {unit.kind}"
        return PlannedReaction(name, "desorption", None, reason=reason)
    smiles = f"{setting.smiles}.{unit.smiles}"
    reaction = desorption_complex(
        setting.loaded(), setting.socket, unit.carried, gas(smiles), refill=True, supply=unit.supply
    )
    molecule = Reference(molecule_id(smiles), "molecule", smiles, setting.entry.unpaired)
    phases = (bulk_reference(phase) for _, phase in unit.supply)
    return PlannedReaction(reaction.name, "desorption", reaction, (molecule, *phases))


def _surface_units(ions: HostIons) -> list[_SurfaceUnit]:
    units = []
    if len(cation_symbol := ions.a) <= 2 and cation_symbol not in ("MA", "FA", "GA", "EA"):
        smiles = f"[{ions.a}+].[{ions.x}-]"
        units.append(_SurfaceUnit("AX", ions.salt, smiles, ((-1, ions.salt),)))
    # ASSUME the lost BX2 comes out of the bulk host, which keeps the AX: the AX-rich end of the range of chemical potentials,
    # at which an AX-terminated surface lives. Both phases are computed in every campaign; bulk BX2 is not.
    smiles = f"[{ions.b}+2].[{ions.x}-].[{ions.x}-]"
    units.append(_SurfaceUnit("BX2", ions.dihalide, smiles, ((-1, ions.host), (1, ions.salt))))
    return units


def _proton_channel(setting: _Setting) -> PlannedReaction:
    products, reason = _proton_products(setting)
    return _neutral_channel(setting, "proton-transfer", products, reason)


def _proton_products(setting: _Setting) -> tuple[tuple[str, ...] | None, str]:
    parts = setting.parts
    if not setting.cations():
        zwitterions = [text for text, _ in parts if "+" in text and "-" in text]
        if setting.entry.ligand_class != "zwitterion" or not zwitterions:
            return None, "the ligand is one neutral molecule and leaves as such"
        tautomer = acid_base.neutral_tautomer(zwitterions[0])
        if tautomer is None:
            return None, "the cationic end is quaternary: no proton to give"
        return (tautomer,), ""
    pair = _one_to_one(setting)
    if pair is None:
        return None, "more than one ion of a kind: no single proton transfer"
    products = acid_base.transfer_proton(*pair)
    if products is None:
        return None, f"the cation {pair[0]} has no proton to give"
    return products, ""


def _alkyl_channel(setting: _Setting) -> PlannedReaction:
    """SN2 step, the chemical analogue for onium ions without a proton."""
    if setting.cations():
        pair = _one_to_one(setting)
        products = acid_base.transfer_alkyl(*pair) if pair else None
    elif setting.entry.ligand_class == "zwitterion":
        product = acid_base.transfer_alkyl_within(setting.smiles)
        products = (product,) if product else None
    else:
        products = None
    return _neutral_channel(
        setting, "alkyl-transfer", products, "no onium centre with an alkyl group to give"
    )


def _one_to_one(setting: _Setting) -> tuple[str, str] | None:
    cations, anions = setting.cations(), setting.anions()
    if len(cations) != 1 or len(anions) != 1 or cations[0][1] != 1:
        return None
    return cations[0][0], anions[0][0]


def _neutral_channel(
    setting: _Setting, channel: str, products: tuple[str, ...] | None, reason: str
) -> PlannedReaction:
    name = f"desorption-{channel}"
    if products is None:
        return PlannedReaction(name, "desorption", None, reason=reason)
    reaction = desorption(
        channel, setting.loaded(), setting.socket, [gas(product) for product in products]
    )
    return PlannedReaction(
        name, "desorption", reaction, tuple(setting.molecule(product) for product in products)
    )


def _halide_donation(setting: _Setting) -> PlannedReaction:
    """Carboxylate-capped slab + donor -> slab with the donor's halide + by-products of the library."""
    variant = setting.entry.variants.get(setting.variant)
    donation = variant.donation if variant else setting.entry.donation
    name: Kind = "halide-donation"
    if donation is None:
        return PlannedReaction(name, name, None, reason="the library states no by-products")
    own = setting.ions.x
    given = next(e for e in HALIDES if e in setting.ligand.composition)
    vacant = add(setting.pristine.composition, {own: -1})
    capped = Species(f"{setting.slab_name}[X->OAc]", add(vacant, composition(ACETATE)))
    filled = Species(f"{setting.slab_name}[{own}->{given}]", add(vacant, {given: 1}))
    products = [text.replace("{x}", own) for text in donation.by_products]
    terms = (
        (-donation.sites, capped),
        (-1, setting.ligand),
        (donation.sites, setting.pristine if given == own else filled),
        *((1, gas(product)) for product in products),
    )
    references = (*setting.references, *(setting.molecule(product) for product in products))
    return PlannedReaction(name, name, Reaction(name, terms), references)
