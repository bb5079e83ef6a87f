"""The page of a comparison: a slope chart per socket and the table of moves with their causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peropass.report.page import environment, source

if TYPE_CHECKING:
    from peropass.compare import Move, RunComparison

STEP = 20  # px between ranks
MARGIN = 34


@dataclass(frozen=True)
class Slope:
    """One line of the chart: from the rank in the first run to that in the second (None: not ranked there)."""

    label: str
    left: float | None
    right: float | None
    rank_a: int | None
    rank_b: int | None
    moved: bool


@dataclass(frozen=True)
class Chart:
    """All slopes of one socket."""

    socket: str
    height: int
    slopes: list[Slope]


def charts(moves: Sequence[Move]) -> list[Chart]:
    """Slopes by socket; rows that share a rank are drawn below each other."""
    sockets: dict[str, list[Move]] = {}
    for move in moves:
        if _rank(move.a) is not None or _rank(move.b) is not None:
            sockets.setdefault("/".join(move.key[:3]), []).append(move)
    return [_chart(socket, members) for socket, members in sorted(sockets.items())]


def _rank(row) -> int | None:
    return None if row is None else row.rank


def _chart(socket: str, moves: list[Move]) -> Chart:
    left = _places([_rank(m.a) for m in moves])
    right = _places([_rank(m.b) for m in moves])
    slopes = [
        Slope(m.label, y, z, _rank(m.a), _rank(m.b), bool(m.beyond))
        for m, y, z in zip(moves, left, right, strict=True)
    ]
    used = [y for y in (*left, *right) if y is not None]
    slopes.sort(key=lambda s: (s.moved, s.rank_a or 0))  # what moved is drawn on top
    return Chart(socket, int(max(used)) + STEP, slopes)


def _places(ranks: Sequence[int | None]) -> list[float | None]:
    order = sorted((rank, k) for k, rank in enumerate(ranks) if rank is not None)
    places: list[float | None] = [None] * len(ranks)
    for place, (_, k) in enumerate(order):
        places[k] = MARGIN + place * STEP
    return places


def comparison_page(found: RunComparison) -> str:
    """HTML of the comparison; loads nothing."""
    return (
        environment()
        .get_template("compare.html.j2")
        .render(found=found, charts=charts(found.moves), style=source("report.css"))
    )
