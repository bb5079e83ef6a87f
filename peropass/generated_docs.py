"""`peropass docs`: write the pages that follow from the schemas, so that they cannot drift from the code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from peropass.config import (
    Campaign,
    CandidateSettings,
    ComparisonSettings,
    ControlSettings,
    LabilitySettings,
    MigrationSettings,
    PoseSettings,
    RankingSettings,
    SlabSettings,
    SubstitutionSettings,
)
from peropass.controls_page import PAGE, controls_page
from peropass.engine.protocol import (
    EnergySettings,
    KpointSettings,
    LevelSettings,
    Protocol,
    RelaxSettings,
)

CONFIGURATION = Path("docs/configuration.md")
HEAD = """# Configuration reference

Made from the schemas by `peropass docs`; a test fails when this page and the code differ. Every unknown key, wrong
type or value out of range is refused before any job starts, in one line that names file, key, what was found and what
is allowed. Units stand in the names.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write all generated pages, or with `--check` only compare them. 0 all equal or written, 1 they differ."""
    parser = argparse.ArgumentParser(prog="peropass docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, tell what differs")
    parser.add_argument(
        "--pictures", action="store_true", help="draw the structures of docs/structures.md again"
    )
    options = parser.parse_args(argv)
    if options.pictures:
        from peropass.gallery import write_gallery

        for path in write_gallery(Path("docs/images/structures"), Path("docs/structures.md")):
            sys.stdout.write(f"wrote {path}\n")
        return 0
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    if options.check:
        for path in stale:
            sys.stdout.write(f"{path} differs from the schemas; run: peropass docs\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages()[path])
        sys.stdout.write(f"wrote {path}\n")
    return 0


def pages() -> dict[Path, str]:
    """Path -> text of each generated page."""
    controls = controls_page()
    found = {CONFIGURATION: configuration_page()}
    return found if controls is None else {**found, PAGE: controls}


def configuration_page() -> str:
    """Tables of all keys of a campaign file and of a protocol."""
    campaign = [
        ("Campaign file (`config/*.yaml`)", Campaign),
        ("`slab`", SlabSettings),
        ("`poses`", PoseSettings),
        ("`candidates`, one row each", CandidateSettings),
        ("`controls`, one row each", ControlSettings),
        ("`lability`", LabilitySettings),
        ("`migration`", MigrationSettings),
        ("`substitution`", SubstitutionSettings),
        ("`comparisons`, one row each", ComparisonSettings),
        ("`ranking`", RankingSettings),
    ]
    protocol = [
        ("Protocol (`config/protocols.yaml`, one block per name)", Protocol),
        ("`energy`", EnergySettings),
        ("`relax`", RelaxSettings),
        ("`levels`", LevelSettings),
        ("`kpts_per_primitive_cell`", KpointSettings),
    ]
    return HEAD + "".join(
        f"\n## {title}\n\n{_table(model)}" for title, model in campaign + protocol
    )


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | type | allowed | default | meaning |", "|---|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(field)
        allowed = ", ".join(_constraint(item) for item in field.metadata) or _choices(
            field.annotation
        )
        kind = _type(field.annotation)
        meaning = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{name}` | {kind} | {allowed} | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def _default(field) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return "see below"
    return f"`{value}`"


def _constraint(item: object) -> str:
    for sign, name in (
        (">=", "ge"),
        (">", "gt"),
        ("<=", "le"),
        ("<", "lt"),
        ("at least", "min_length"),
    ):
        value = getattr(item, name, None)
        if value is not None:
            return f"{sign} {value:g}"
    pattern = getattr(item, "pattern", None)
    return "letters, digits, inner hyphens" if pattern else ""


def _choices(annotation: object) -> str:
    arguments = getattr(annotation, "__args__", ())
    if arguments and all(isinstance(a, (str, int)) for a in arguments):
        return ", ".join(str(a) for a in arguments)
    return ""


def _type(annotation: object) -> str:
    if isinstance(annotation, type):
        return "block" if issubclass(annotation, BaseModel) else annotation.__name__
    text = str(annotation)
    for word, shown in (
        ("Literal", "choice"),
        ("list", "list"),
        ("dict", "mapping"),
        ("int", "int"),
        ("str", "str"),
    ):
        if word in text:
            return shown
    return "value"
