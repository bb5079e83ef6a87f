"""The ligand library: read `structures/ligands.yaml`, and turn an entry into the model that is placed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import ValidationError

from peropass.chemistry.entries import LigandEntry, Truncation, Variant
from peropass.errors import InputError
from peropass.ids import NAME

if TYPE_CHECKING:
    from peropass.chemistry.model import LigandModel, LigandPart

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "structures" / "ligands.yaml"
DEFAULT_CONFORMERS = 4
DEFAULT_SEED = 20240229


@dataclass(frozen=True)
class Library:
    """Entries that passed the schema, and one error per entry that did not."""

    entries: dict[str, LigandEntry]
    errors: list[InputError]

    def entry(self, ligand: str, where: str = "ligand") -> LigandEntry:
        """The entry called `ligand`, or InputError with the nearest ids."""
        if ligand in self.entries:
            return self.entries[ligand]
        from difflib import get_close_matches

        near = get_close_matches(ligand, self.entries, n=3, cutoff=0.4)
        raise InputError(
            where, repr(ligand), f"an id of the ligand library, e.g. {', '.join(near)}"
        )


def load_library(path: str | Path | None = None) -> Library:
    """Read the library; a bad entry becomes an error that names entry and key, the others go on.

    Raises
    ------
    InputError
        The file itself is missing, is not YAML, or lacks its `entries`.
    """
    path = Path(path or DEFAULT_PATH)
    shown = f"structures/{path.name}" if path == DEFAULT_PATH else str(path)
    data, duplicates = _read_yaml(path, shown)
    partners = data.get("partners") or {}
    entries, errors = {}, []
    for name, body in data["entries"].items():
        try:
            if name in duplicates:
                raise InputError(f"{shown}: {name}", "the same id twice", "each id once")
            entries[name] = _read_entry(str(name), body, partners, shown)
        except InputError as error:
            errors.append(error)
    return Library(entries, errors)


def _read_yaml(path: Path, shown: str) -> tuple[dict, set[str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(shown, "no such file", "a ligand library") from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
        data = yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise InputError(shown, " ".join(str(error).split()), "YAML") from None
    if not isinstance(data, dict) or not isinstance(data.get("entries"), dict):
        raise InputError(shown, "no mapping `entries`", "`entries:` with one block per id")
    unknown = set(data) - {"entries", "partners"}
    if unknown:
        raise InputError(f"{shown}: {sorted(unknown)[0]}", "unknown key", "entries, partners")
    node = next(value for key, value in root.value if key.value == "entries")
    ids = [key.value for key, _ in node.value]
    return data, {i for i in ids if ids.count(i) > 1}


def _read_entry(name: str, body: object, partners: dict, shown: str) -> LigandEntry:
    where = f"{shown}: {name}"
    if not NAME.fullmatch(name):
        raise InputError(where, repr(name), "1-64 letters, digits or inner hyphens")
    if not isinstance(body, dict):
        raise InputError(where, type(body).__name__, "a block of keys")
    reserved = {"id", "where", "partner_smiles", "ligand_class"} & set(body)
    if reserved:
        raise InputError(f"{where}.{min(reserved)}", "unknown key", "the keys in docs/ligands.md")
    try:
        entry = LigandEntry(**body, id=name, where=where, partner_smiles=partners)
    except ValidationError as error:
        raise _one_line(error, where) from None
    named = {*entry.partners, entry.partner, *(v.partner for v in entry.variants.values())}
    for key in sorted(named - {None, "none"} - set(partners)):
        raise InputError(f"{where}.partner", repr(key), f"one of {', '.join(partners)}")
    return entry


def _one_line(error: ValidationError, where: str) -> InputError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    found = first.get("input")
    if first["type"] == "value_error" and not first["loc"]:
        return InputError(where, "an incomplete entry", first["msg"].removeprefix("Value error, "))
    if first["type"] == "extra_forbidden":
        return InputError(f"{where}.{key}", "unknown key", "the keys in docs/ligands.md")
    if first["type"] == "missing":
        return InputError(f"{where}.{key}", "nothing", "this key is required")
    return InputError(
        f"{where}.{key}", f"{found!r:.80}", first["msg"].removeprefix("Value error, ")
    )


def reference_variants(entry: LigandEntry) -> list[str]:
    """Neutral variants that compete as the gas-phase reference: the lowest of them is the reference."""
    return list(entry.reference)


def build_model(
    entry: LigandEntry,
    *,
    tail_carbons: int | None = None,
    halide: str | None = None,
    variant: str = "default",
    partner: str | None = None,
    n_conformers: int = DEFAULT_CONFORMERS,
    seed: int = DEFAULT_SEED,
) -> LigandModel:
    """The truncated neutral set of an entry, in 3-D, with anchors and descriptors.

    Parameters
    ----------
    tail_carbons : int, optional
        Carbons kept per tail; None takes the library's own number. Fragments and whole ligands stay as
        they are.
    halide : str, optional
        Halogen of the host; replaces the entry's own where its `halide` follows the host, else ignored.
    variant : str
        Protonation state or tautomer as listed in the entry.
    partner : str, optional
        Key of the library's `partners` instead of the default one, for charged entries.
    n_conformers, seed : int
        Largest number of conformers per part; seed of the distance geometry.

    Raises
    ------
    InputError
        Naming entry and key: SMILES, charge balance, truncation, anchors, variant, partner.
    """
    from peropass.chemistry import descriptors
    from peropass.chemistry.model import LigandModel

    plan = plan_model(
        entry, tail_carbons=tail_carbons, halide=halide, variant=variant, partner=partner
    )
    parts = tuple(_build_part(plan, i, n_conformers, seed) for i in range(len(plan.parts)))
    model = LigandModel(
        ligand=entry.id,
        variant=variant,
        ligand_class=entry.ligand_class,
        smiles=".".join(plan.parts),
        full_smiles=plan.full_smiles,
        truncation=plan.truncation,
        parts=parts,
        atom_map=plan.atom_map,
        motifs=plan.motifs,
        spin_polarised=entry.unpaired > 0,
        descriptors={"unpaired_electrons": float(entry.unpaired)},
    )
    model.descriptors.update(descriptors.describe(model, seed))
    return model


@dataclass(frozen=True)
class ModelPlan:
    """A model on paper: everything but 3-D. Cheap, and enough to check an entry."""

    entry: LigandEntry
    full_smiles: str
    parts: tuple[str, ...]
    charges: tuple[int, ...]
    atom_map: tuple[int, ...]
    truncation: str
    motifs: tuple[str, ...]
    anchors: tuple[tuple, ...]


def plan_model(
    entry: LigandEntry,
    *,
    tail_carbons: int | None = None,
    halide: str | None = None,
    variant: str = "default",
    partner: str | None = None,
) -> ModelPlan:
    """Resolve SMILES, halide, partner, truncation and anchors of a model; no 3-D yet.

    Raises
    ------
    InputError
        As `build_model`.
    """
    from peropass.chemistry.molecules import formal_charge, split_parts

    spec = _resolve_variant(entry, variant)
    where = f"{entry.where}.{'smiles' if variant == 'default' else f'variants.{variant}.smiles'}"
    full = _complete_set(entry, spec, halide, partner, where)
    full_parts = split_parts(full, where)
    pieces, text = _truncate(entry, spec, full_parts, tail_carbons)
    offsets, heavy = [], 0
    for part in full_parts:
        offsets.append(heavy)
        heavy += part.GetNumAtoms()
    atom_map = tuple(
        i if i < 0 else i + offset
        for piece, offset in zip(pieces, offsets, strict=True)
        for i in piece.atom_map
    )
    return ModelPlan(
        entry=entry,
        full_smiles=full,
        parts=tuple(piece.smiles for piece in pieces),
        charges=tuple(formal_charge(part) for part in full_parts),
        atom_map=atom_map,
        truncation=text,
        motifs=spec.motifs or entry.motifs,
        anchors=_anchors(entry, spec, pieces, variant),
    )


def _resolve_variant(entry: LigandEntry, variant: str) -> Variant:
    """The variant with what it inherits from the entry filled in."""
    if not entry.is_molecular:
        raise InputError(
            f"{entry.where}.smiles",
            entry.reason or f"an entry of class {entry.ligand_class}",
            "a molecular entry that is ready",
        )
    if variant == "default":
        return Variant(
            smiles=entry.smiles,
            state=entry.state,
            partner=entry.partner,
            truncate=entry.truncate,
            motifs=entry.motifs,
            anchors=entry.anchors,
        )
    if variant not in entry.variants:
        raise InputError(
            f"{entry.where}.variants", repr(variant), f"one of {', '.join(entry.variant_names)}"
        )
    given = entry.variants[variant]
    return given.model_copy(
        update={
            "partner": given.partner or entry.partner,
            "truncate": given.truncate or entry.truncate,
        }
    )


def _complete_set(
    entry: LigandEntry, spec: Variant, halide: str | None, partner: str | None, where: str
) -> str:
    """Full neutral set: host's halide if it follows, partner ions until the charge is zero."""
    from peropass.chemistry.molecules import exchange_halide, formal_charge, parse

    smiles = spec.smiles
    parse(smiles, where)
    if halide is not None and entry.halide == "follows-host":
        smiles = exchange_halide(smiles, halide, f"{entry.where}.halide")
    charge = formal_charge(parse(smiles, where))
    key = partner or (None if spec.partner == "none" else spec.partner)
    if charge == 0:
        return smiles
    if key is None:
        raise InputError(
            where,
            f"{smiles} of charge {charge:+d} without a partner",
            "a neutral set, or `partner`",
        )
    if key not in {entry.partner, spec.partner, *entry.partners}:
        allowed = sorted({entry.partner, *entry.partners} - {None, "none"})
        raise InputError(f"{entry.where}.partners", repr(key), f"one of {', '.join(allowed)}")
    ion = entry.partner_smiles[key]
    ion_charge = formal_charge(parse(ion, f"partners.{key}"))
    if charge * ion_charge >= 0 or charge % ion_charge:
        raise InputError(
            f"{entry.where}.partner",
            f"{key} of charge {ion_charge:+d} for {smiles} of charge {charge:+d}",
            "a partner of opposite charge that divides the entry's",
        )
    return ".".join([smiles, *[ion] * (-charge // ion_charge)])


def _truncate(entry: LigandEntry, spec: Variant, full_parts: list, tail_carbons: int | None):
    from peropass.chemistry.truncation import cut_tails, has_tails, keep_whole, replace_by_fragment

    policy: Truncation = spec.truncate
    where = f"{entry.where}.truncate"
    if policy.whole is not None:
        return [keep_whole(part) for part in full_parts], f"whole: {policy.whole}"
    if policy.fragment is not None:
        largest = max(range(len(full_parts)), key=lambda i: full_parts[i].GetNumHeavyAtoms())
        pieces = [
            replace_by_fragment(part, policy.fragment, where) if i == largest else keep_whole(part)
            for i, part in enumerate(full_parts)
        ]
        return pieces, f"{policy.fragment} stands in: {policy.because}"
    given = policy.tails if tail_carbons is None else tail_carbons
    counts = given if isinstance(given, tuple) else (given,)
    pieces, used = [], []
    for part in full_parts:
        carbons = counts[min(len(used), len(counts) - 1)]
        pieces.append(cut_tails(part, carbons, where))
        if has_tails(part):
            used.append(carbons)
    removed = sum(piece.removed for piece in pieces)
    if not removed:
        return pieces, "whole: tails are not longer than the model's"
    lengths = " and ".join(str(n) for n in dict.fromkeys(used))
    plural = "" if lengths == "1" else "s"
    return pieces, f"tails cut to {lengths} carbon{plural} ({removed} carbon atoms fewer)"


def _anchors(entry: LigandEntry, spec: Variant, pieces: list, variant: str) -> tuple[tuple, ...]:
    from peropass.chemistry.anchors import AnchorRule, apply_rule, find_anchors
    from peropass.chemistry.conformers import with_hydrogens

    molecules = [with_hydrogens(piece.smiles) for piece in pieces]
    overridden: dict[int, list] = {}
    key = "anchors" if variant == "default" else f"variants.{variant}.anchors"
    for number, given in enumerate(spec.anchors):
        where = f"{entry.where}.{key}[{number}]"
        rule = AnchorRule("library", given.smarts, given.targets, given.together)
        matches = [(i, apply_rule(rule, m, where)) for i, m in enumerate(molecules)]
        if not any(found for _, found in matches):
            raise InputError(where, given.smarts, "a SMARTS that matches the truncated model")
        for i, found in matches:
            if found:
                overridden.setdefault(i, []).extend(found)
    anchors = tuple(
        tuple(overridden[i]) if i in overridden else find_anchors(m)
        for i, m in enumerate(molecules)
    )
    for piece, found in zip(pieces, anchors, strict=True):
        if not found:
            raise InputError(
                f"{entry.where}.{key}", f"no anchor by rule in {piece.smiles}", "anchors by SMARTS"
            )
    return anchors


def _build_part(plan: ModelPlan, index: int, n_conformers: int, seed: int) -> LigandPart:
    from peropass.chemistry.conformers import part_conformers
    from peropass.chemistry.model import LigandPart
    from peropass.chemistry.molecules import is_zwitterion, parse
    from peropass.errors import BuildError

    smiles, charge = plan.parts[index], plan.charges[index]
    # ASSUME unpaired electrons sit on the first part, the metal ion or the molecule itself
    unpaired = plan.entry.unpaired if index == 0 else 0
    try:
        conformers = part_conformers(smiles, n_conformers, seed, unpaired)
    except BuildError as error:
        raise InputError(
            f"{plan.entry.where}.smiles", error, "a SMILES with a 3-D solution"
        ) from None
    if charge:
        role = "cation" if charge > 0 else "anion"
    else:
        role = "zwitterion" if is_zwitterion(parse(smiles, "model")) else "neutral"
    return LigandPart(smiles, charge, role, plan.anchors[index], conformers)
