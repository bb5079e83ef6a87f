"""The ranking report: one HTML file that works offline, made from records alone."""

from __future__ import annotations

import base64
import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import weas_widget
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from peropass.records import Check, write_text
from peropass.report import payload
from peropass.report.collect import Collection, collect
from peropass.report.limits import (
    GENERAL_LIMITS,
    assumptions,
    protocol_limits,
    settings_line,
)
from peropass.report.methods import methods, versions
from peropass.report.sites import site_view, window_views
from peropass.report.substitution import dopant_table
from peropass.report.tables import write_tables
from peropass.report.validation import Comparison, all_passed, checks, comparisons

TEMPLATES = Path(str(resources.files("peropass.report") / "templates"))
SCRIPTS = (
    "dom.js",
    "ranks.js",
    "table.js",
    "plots.js",
    "map.js",
    "structure.js",
    "levels.js",
    "card.js",
    "main.js",
)
EMBED_LIMIT_MB = 11.0  # of packed cards; beyond it they go beside the page
SHARD_CARDS = 100
STATUS_ORDER = ("ok", "unconverged", "anomalous", "failed", "skipped", "missing")


@dataclass(frozen=True)
class ReportContext:
    """What the page shows besides the records of its campaign.

    `validation` are comparisons made elsewhere (e.g. of bulk references); those that follow from the records come first.
    """

    validation: Sequence[Comparison] = ()
    checks: Sequence[tuple[str, Check]] = ()
    title: str = ""
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """The page, and the files that must stand beside it if the cards are too many to be embedded."""

    html: str
    beside: dict[str, str]
    rows: int
    refused: int


@cache
def _viewer() -> str:
    """The structure viewer's JavaScript, read from the installed wheel, packed."""
    text = (Path(weas_widget.__file__).parent / "static" / "widget.js").read_bytes()
    return base64.b64encode(gzip.compress(text, 9, mtime=0)).decode()


def environment() -> Environment:
    """Templates with autoescape; an undefined name is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["number"] = lambda value, digits=3: (
        "\u2013" if value is None else f"{value:.{digits}f}"
    )
    return made


def source(name: str) -> Markup:
    """A style sheet or script of ours, as it stands."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def build_report(
    collection: Collection,
    context: ReportContext | None = None,
    embed_limit_MB: float = EMBED_LIMIT_MB,
    beside: str = "report-cards",
) -> Report:
    """Render the page.

    Parameters
    ----------
    collection : Collection
        From `collect`; its problems are listed at the head of the page.
    embed_limit_MB : float
        Packed cards above this size are returned as scripts for the folder `beside` next to the page, one per
        `SHARD_CARDS` candidates, read when a card is opened.
    """
    context = context or ReportContext()
    cards = [payload.pack(payload.card(one)) for one in collection.evidence]
    embedded = sum(map(len, cards)) <= embed_limit_MB * 1e6
    found = methods(collection)
    own = comparisons(collection)
    compared = own + [c for c in context.validation if c.quantity not in {o.quantity for o in own}]
    checked = [*checks(collection), *context.checks]
    html = (
        environment()
        .get_template("page.html.j2")
        .render(
            style=source("report.css"),
            scripts=[source(name) for name in SCRIPTS],
            viewer=_viewer(),
            rows=payload.pack(payload.table(collection.evidence, collection.ranking)),
            cards=cards if embedded else [],
            shard=0 if embedded else SHARD_CARDS,
            beside=beside,
            title=context.title or _title(collection),
            ranking=collection.ranking,
            problems=collection.problems,
            coverage=_coverage(collection),
            statuses=STATUS_ORDER,
            settings=settings_line(collection.settings),
            settings_hash=_settings_hash(collection),
            versions=versions(collection.records),
            viewer_version=version("weas-widget"),
            core_hours=sum(one.row.core_seconds for one in collection.evidence) / 3600.0,
            written=_written(collection),
            general_limits=[*protocol_limits(collection), *GENERAL_LIMITS],
            assumptions=assumptions(),
            methods=found,
            comparisons=compared,
            checks=checked,
            validated=all_passed(compared, checked),
            links=context.links,
            controls=collection.controls,
            main="sites"
            if collection.controls is not None and not collection.evidence
            else "ranking",
            outcomes=Counter(row.outcome for row in collection.controls.rows)
            if collection.controls is not None
            else {},
            sites=[site_view(one) for one in collection.sites],
            windows=window_views(collection.sites),
            dopants=[dopant_table(one) for one in collection.substitutions],
        )
    )
    return Report(
        html, {} if embedded else _shards(cards, beside), len(cards), len(collection.problems)
    )


def write_report(
    campaign_dir: str | Path,
    out_html: str | Path | None = None,
    context: ReportContext | None = None,
    tables: bool = True,
) -> Report:
    """Collect `campaign_dir` and write the page; return what was written.

    Beside the page: its cards if there are too many to embed and, with `tables`, the folder ``<name>-tables`` with
    the same as JSON, ASE database and methods text. Figures are `peropass.report.figures.write_figures`.
    """
    out = Path(out_html) if out_html is not None else Path(campaign_dir) / "report.html"
    return write_collected(collect(campaign_dir), out, context, tables)


def write_collected(
    collection: Collection,
    out: Path,
    context: ReportContext | None = None,
    tables: bool = True,
) -> Report:
    """The same for a campaign that is already collected."""
    report = build_report(collection, context, beside=f"{out.stem}-cards")
    for name, text in report.beside.items():
        write_text(out.parent / name, text)
    if tables:
        write_tables(collection, out.parent / f"{out.stem}-tables")
    write_text(out, report.html)
    return report


def _shards(cards: list[str], beside: str) -> dict[str, str]:
    shards = {}
    for start in range(0, len(cards), SHARD_CARDS):
        lines = "\n".join(cards[start : start + SHARD_CARDS])
        shards[f"{beside}/{start // SHARD_CARDS}.js"] = (
            f"peropassCards({start // SHARD_CARDS},`{lines}`)\n"
        )
    return shards


def _title(collection: Collection) -> str:
    return (
        collection.ranking.address.campaign
        if collection.ranking is not None
        else collection.folder.name
    )


def _settings_hash(collection: Collection) -> str:
    for one in collection.evidence:
        for calculation in one.calculations:
            return calculation.record.settings_hash
    if collection.controls is not None:
        return collection.controls.settings_hash
    return collection.eos[0].settings_hash if collection.eos else ""


def _written(collection: Collection) -> str:
    """First and last start of the work shown; the page itself carries no clock, so it is reproducible."""
    days = sorted(
        r.provenance.started_utc[:10] for r in collection.records if r.provenance.started_utc
    )
    if not days:
        return ""
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _coverage(collection: Collection) -> dict:
    """Counts of the coverage line: what was expected, what is shown, what was left out."""
    shown = Counter(one.row.status for one in collection.evidence)
    expected = collection.ranking.expected if collection.ranking is not None else 0
    ranked = sum(one.row.rank is not None for one in collection.evidence)
    return {
        "expected": expected,
        "ranked": ranked,
        "status": {name: shown.get(name, 0) for name in STATUS_ORDER},
        "left_out": max(0, expected - len(collection.evidence)),
    }
