"""Data that the page carries: one table of rows, one packed card per candidate."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re

from pydantic import BaseModel

from peropass.chemistry.sublimation import reference_note
from peropass.records import CalculationRecord, RankingRecord
from peropass.report.collect import Calculation, Evidence, row_key
from peropass.report.extxyz import viewer_structure
from peropass.report.level_diagram import diagram_panels, spin_polarised
from peropass.report.literature import citations
from peropass.report.slices import card_slices, read_slices

SIGNIFICANT_DIGITS = 6
GZIP_LEVEL = 6

ROW_FIELDS = (
    "rank",
    "rank_low",
    "rank_high",
    "candidate",
    "ligand_class",
    "host",
    "termination",
    "site",
    "status",
    "binding_energy_eV",
    "binding_error_eV",
    "vs_native_eV",
    "vs_native_error_eV",
    "exchange_eV",
    "lability_eV",
    "lability_error_eV",
    "dispersion_share_eV",
    "dispersion_cs_eV",
    "trap_verdict",
    "n_traps",
    "gap_eV",
    "ligand_levels",
    "distortion",
    "chain_length_ang",
    "migration_barrier_eV",
    "t",
    "mu",
    "tau",
    "n_atoms",
    "core_seconds",
    "pareto_front",
    "score",
    "weights_rank_low",
    "weights_rank_high",
    "tied_with",
    "flags",
    "role",
    "reason",
    "scaled",
)


def pack(value: object) -> str:
    """JSON, gzip with a fixed time stamp, base64: the same value always gives the same text."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), GZIP_LEVEL, mtime=0)).decode()


def rounded(value: object) -> object:
    """Six significant digits for every float; NaN and infinities become None, as JSON has no word for them."""
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value


def plain(part: BaseModel, **chosen: set[str]) -> dict:
    """`rounded` of a record's fields, by way of its JSON: several times as fast as walking through the objects.

    `chosen` is `include` or `exclude` of pydantic.
    """
    text = part.model_dump_json(**chosen)
    return json.loads(text, parse_float=_six_digits, parse_constant=lambda _name: None)


def _six_digits(text: str) -> float:
    return float(f"{float(text):.{SIGNIFICANT_DIGITS}g}")


def table(evidence: list[Evidence], ranking: RankingRecord | None) -> dict:
    """The ranking by columns, with what the page needs to recompute its order."""
    columns = {name: [rounded(getattr(one.row, name)) for one in evidence] for name in ROW_FIELDS}
    columns["label"] = [
        one.candidate.label if one.candidate is not None else one.row.candidate for one in evidence
    ]
    columns["model_smiles"] = [
        one.candidate.model_smiles if one.candidate is not None else "" for one in evidence
    ]
    return {
        "n": len(evidence),
        "columns": columns,
        "weights": {} if ranking is None else ranking.weights,
        "axes": {} if ranking is None else ranking.axes,
        "scales": {} if ranking is None else {k: list(v) for k, v in ranking.scales.items()},
    }


def card(one: Evidence) -> dict:
    """Everything the card of one candidate shows."""
    host, termination, site, candidate = row_key(one.row)
    best = one.best
    data: dict = {
        "address": {"host": host, "termination": termination, "site": site, "candidate": candidate},
        "row": plain(one.row, exclude={"scaled"}),
        "file": one.file,
        "command": recomputing(one),
        "calculations": [_calculation(c) for c in one.calculations],
        "structures": _structures(one, best),
        "diagram": rounded(_diagram(one)),
    }
    if one.candidate is not None:
        data["slices"] = _slices(one)
        data["polarised"] = {
            "before": spin_polarised(one.socket_levels),
            "after": spin_polarised(one.levels),
        }
        data["candidate"] = plain(one.candidate, exclude={"schema_version", "kind", "toy"})
        data["citations"] = [c for note in one.candidate.literature for c in citations(note.source)]
        data["citations"] = sorted(set(data["citations"]))
        data["reference"] = reference_note(one.candidate.model_smiles, one.row.binding_energy_eV)
    if one.poses is not None:
        data["poses"] = plain(
            one.poses,
            include={
                "method",
                "filters",
                "poses",
                "status",
                "reason",
                "provenance",
                "descriptors",
            },
        )
    return data


def recomputing(one: Evidence) -> dict:
    """The command that makes the whole row, and the folder that must be absent for it; from what its calculation records.

    A record names the command of its own step. The row is the candidate record, from the same campaign file and folder.
    """
    best = one.best
    recorded = best.record.provenance.command if best is not None else ""
    campaign = re.search(r"campaign=(\S+)", recorded)
    target = recorded.rpartition(" ")[2]
    if best is None or campaign is None or not target.endswith(best.file):
        return {"command": recorded, "folder": ""}
    row = target.removesuffix(best.file) + one.file
    command = f"snakemake --config campaign={campaign[1]} -- {row}"
    return {"command": command, "folder": row.rpartition("/")[0]}


def _calculation(calculation: Calculation) -> dict:
    record: CalculationRecord = calculation.record
    data = plain(
        record,
        exclude={"schema_version", "toy", "settings", "history", "cell_ang", "initial", "final"},
    )
    data["file"] = calculation.file
    data["history"] = rounded(
        [[s.energy_eV, s.fmax_eV_per_ang, s.scf_iterations, s.seconds] for s in record.history]
    )
    return data


def _structures(one: Evidence, best: Calculation | None) -> list[dict]:
    """Structures to look at: name, caption and atoms; those that exist."""
    shown = []
    socket = one.socket.final if one.socket is not None else None
    for name, atoms in (
        ("bare socket, relaxed", socket),
        ("starting pose", best.initial if best is not None else None),
        ("relaxed", best.final if best is not None else None),
    ):
        if atoms is not None:
            shown.append({"name": name, **viewer_structure(atoms)})
    return shown


def _diagram(one: Evidence) -> list[dict]:
    """Panels of the aligned level diagram; empty where levels of one of the three slabs are missing."""
    if not one.has_levels:
        return []
    panels = diagram_panels(one.pristine_levels, one.socket_levels, one.levels, one.candidate.traps)
    return [panel.as_data() for panel in panels]


def _slices(one: Evidence) -> list[dict]:
    """Pictures of the states next to the gap of the loaded slab; empty where the slices are missing."""
    if one.slices is None or one.candidate.traps is None:
        return []
    return card_slices(
        read_slices(one.slices), one.levels, one.pristine_levels, one.candidate.traps
    )
