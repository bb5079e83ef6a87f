"""A ligand model on paper: SMILES, halide, partner, truncation and anchors resolved, no 3-D yet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from peropass.chemistry.entries import AnchorOverride, LigandEntry, Truncation, Variant
from peropass.errors import InputError

if TYPE_CHECKING:
    from peropass.chemistry.model import Anchor
    from peropass.chemistry.truncation import TruncatedPart


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
    need_anchors: bool = True,
) -> ModelPlan:
    """Resolve SMILES, halide, partner, truncation and anchors of a model; no 3-D yet.

    Without `need_anchors` a part that no rule knows (BF3, MeBr) has none: enough for a molecule in the gas phase.

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
    pieces, text = _truncate(entry, spec, full, full_parts, tail_carbons)
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
        anchors=_anchors(entry, spec, pieces, variant, need_anchors),
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
            more_anchors=entry.more_anchors,
            donation=entry.donation,
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


def _truncate(
    entry: LigandEntry, spec: Variant, full: str, full_parts: list, tail_carbons: int | None
) -> tuple[list[TruncatedPart], str]:
    from peropass.chemistry.truncation import keep_whole

    policy: Truncation = spec.truncate
    where = f"{entry.where}.truncate"
    if policy.whole is not None:
        return [keep_whole(part) for part in full_parts], f"whole: {policy.whole}"
    if policy.fragment is not None:
        largest = max(range(len(full_parts)), key=lambda i: full_parts[i].GetNumHeavyAtoms())
        pieces = [
            _replaced(text, policy.fragment, where) if i == largest else keep_whole(part)
            for i, (part, text) in enumerate(zip(full_parts, full.split("."), strict=True))
        ]
        return pieces, f"{policy.fragment} stands in: {policy.because}"
    given = policy.tails if tail_carbons is None else tail_carbons
    counts = given if isinstance(given, tuple) else (given,)
    pieces, used = [], []
    for part in full.split("."):
        carbons = counts[min(len(used), len(counts) - 1)]
        piece, tailed = _cut(part, carbons, where)
        pieces.append(piece)
        if tailed:
            used.append(carbons)
    removed = sum(piece.removed for piece in pieces)
    if not removed:
        return pieces, "whole: tails are not longer than the model's"
    lengths = " and ".join(str(n) for n in dict.fromkeys(used))
    plural = "" if lengths == "1" else "s"
    return pieces, f"tails cut to {lengths} carbon{plural} ({removed} carbon atoms fewer)"


@lru_cache(maxsize=4096)
def _cut(smiles: str, carbons: int, where: str) -> tuple[TruncatedPart, bool]:
    """One full part with its tails cut, and whether it has any."""
    from peropass.chemistry.molecules import parse
    from peropass.chemistry.truncation import cut_tails, has_tails

    molecule = parse(smiles, where)
    return cut_tails(molecule, carbons, where), has_tails(molecule)


@lru_cache(maxsize=4096)
def _replaced(smiles: str, fragment: str, where: str) -> TruncatedPart:
    """The fragment that stands for one full part."""
    from peropass.chemistry.molecules import parse
    from peropass.chemistry.truncation import replace_by_fragment

    return replace_by_fragment(parse(smiles, where), fragment, where)


def _anchors(
    entry: LigandEntry, spec: Variant, pieces: list, variant: str, needed: bool
) -> tuple[tuple, ...]:
    """Anchors of each part: the library's where it replaces the rules, else by rule, plus its additions."""
    from peropass.chemistry.conformers import with_hydrogens

    prefix = entry.where if variant == "default" else f"{entry.where}.variants.{variant}"
    given = spec.anchors or spec.more_anchors
    molecules = [with_hydrogens(piece.smiles) if given else None for piece in pieces]
    replaced = _apply_overrides(spec.anchors, molecules, f"{prefix}.anchors")
    added = _apply_overrides(spec.more_anchors, molecules, f"{prefix}.more_anchors")
    anchors = []
    for piece, own, more in zip(pieces, replaced, added, strict=True):
        found = (*(own or _anchors_by_rule(piece.smiles)), *more)
        if needed and not found:
            raise InputError(
                f"{prefix}.anchors", f"no anchor by rule in {piece.smiles}", "anchors by SMARTS"
            )
        anchors.append(tuple(found))
    return tuple(anchors)


@lru_cache(maxsize=4096)
def _anchors_by_rule(smiles: str) -> tuple[Anchor, ...]:
    """Anchors of one part of a model, hydrogens counted."""
    from peropass.chemistry.anchors import find_anchors
    from peropass.chemistry.conformers import with_hydrogens

    return find_anchors(with_hydrogens(smiles))


def _apply_overrides(given: tuple[AnchorOverride, ...], molecules: list, where: str) -> list[list]:
    """Anchors per part that the library states; a SMARTS that matches no part is refused."""
    from peropass.chemistry.anchors import AnchorRule, apply_rule

    found: list[list] = [[] for _ in molecules]
    for number, item in enumerate(given):
        rule = AnchorRule("library", item.smarts, item.targets, item.together)
        matches = [apply_rule(rule, m, f"{where}[{number}]") for m in molecules]
        if not any(matches):
            raise InputError(
                f"{where}[{number}]", item.smarts, "a SMARTS that matches the truncated model"
            )
        for part, anchors in zip(found, matches, strict=True):
            part.extend(anchors)
    return found
