"""The ligand library: read `structures/ligands.yaml`, and turn an entry into the model that is placed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from peropass.chemistry.entries import LigandEntry
from peropass.chemistry.model import LigandModel, LigandPart
from peropass.chemistry.model_plan import ModelPlan, plan_model
from peropass.errors import InputError
from peropass.ids import NAME

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "structures" / "ligands.yaml"
KEYS_EXPLAINED = "the keys explained at the top of structures/ligands.yaml"
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
        reader = loader(text)
        root = reader.get_single_node()
        data = reader.construct_document(root) if root is not None else None
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
        raise InputError(f"{where}.{min(reserved)}", "unknown key", KEYS_EXPLAINED)
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
        return InputError(f"{where}.{key}", "unknown key", KEYS_EXPLAINED)
    if first["type"] == "missing":
        return InputError(f"{where}.{key}", "nothing", "this key is required")
    return InputError(
        f"{where}.{key}", f"{found!r:.80}", first["msg"].removeprefix("Value error, ")
    )


def reference_variants(entry: LigandEntry) -> list[str]:
    """Neutral variants that compete as the gas-phase reference: the lowest of them is the reference."""
    return list(entry.reference)


def check_library(library: Library) -> list[InputError]:
    """All errors of the library, of the file and of the chemistry of each entry, without building 3-D."""
    found = list(library.errors)
    for entry in library.entries.values():
        found.extend(check_entry(entry))
    return found


def check_entry(entry: LigandEntry) -> list[InputError]:
    """Check SMILES, charge balance, truncation and anchors of all variants, partners and halides of an entry.

    Reference variants must have the composition of the default one, or they could not compete with it.
    """
    from peropass.chemistry.molecules import composition

    if not entry.is_molecular:
        return []
    errors, compositions = [], {}
    choices = [{"variant": v} for v in entry.variant_names]
    choices += [{"partner": p} for p in entry.partners if entry.partner]
    choices += [{"halide": h} for h in entry.halides]
    for choice in choices:
        try:
            plan = plan_model(entry, **choice)
        except InputError as error:
            errors.append(error)
            continue
        if "variant" in choice:
            compositions[choice["variant"]] = composition(".".join(plan.parts))
    for variant in entry.reference:
        if compositions.get(variant, {}) != compositions.get("default", {}):
            errors.append(
                InputError(
                    f"{entry.where}.reference", variant, "variants of the default's composition"
                )
            )
    return errors


def build_model(
    entry: LigandEntry,
    *,
    tail_carbons: int | None = None,
    halide: str | None = None,
    variant: str = "default",
    partner: str | None = None,
    n_conformers: int = DEFAULT_CONFORMERS,
    seed: int = DEFAULT_SEED,
    described: bool = True,
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
    described : bool
        False leaves out the descriptors, whose dipole takes seconds of GFN2-xTB for long tails.

    Raises
    ------
    InputError
        Naming entry and key: SMILES, charge balance, truncation, anchors, variant, partner.
    """
    from peropass.chemistry import descriptors

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
    if described:
        model.descriptors.update(descriptors.describe(model, seed))
    return model


def model_from_smiles(
    smiles: str,
    *,
    name: str = "molecule",
    unpaired: int = 0,
    n_conformers: int = DEFAULT_CONFORMERS,
    seed: int = DEFAULT_SEED,
) -> LigandModel:
    """Model of any neutral set that is no entry, e.g. a reference molecule or complex of a planned reaction.

    Raises
    ------
    InputError
        `name` does not parse, is charged or has no 3-D solution.
    """
    entry = LigandEntry(
        **{"class": "L-type"},
        id=name,
        name=name,
        where=name,
        smiles=smiles,
        unpaired=unpaired,
        hosts=("any",),
        truncate={"whole": "not an entry of the library"},
    )
    plan = plan_model(entry, need_anchors=False)
    return LigandModel(
        ligand=name,
        variant="default",
        ligand_class=entry.ligand_class,
        smiles=".".join(plan.parts),
        full_smiles=plan.full_smiles,
        truncation=plan.truncation,
        parts=tuple(_build_part(plan, i, n_conformers, seed) for i in range(len(plan.parts))),
        atom_map=plan.atom_map,
        spin_polarised=unpaired > 0,
        descriptors={"unpaired_electrons": float(unpaired)},
    )


def _build_part(plan: ModelPlan, index: int, n_conformers: int, seed: int) -> LigandPart:
    from peropass.chemistry.conformers import part_conformers
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
