"""The report's numbers as files: one JSON of everything shown, an ASE database of the structures, the methods text.

The table as CSV is `peropass.analysis.ranking.write_csv`; all of them hold the same rows.
"""

from __future__ import annotations

import json
from pathlib import Path

from ase.db.row import AtomsRow
from ase.io.jsonio import encode

from peropass.records import write_text
from peropass.report.collect import Collection, Evidence
from peropass.report.methods import methods
from peropass.report.payload import rounded

JSON_FILE = "report.json"
ASE_FILE = "structures.ase.json"
METHODS_FILE = "methods.txt"
KEY_FIELDS = (
    "rank",
    "rank_low",
    "rank_high",
    "binding_energy_eV",
    "binding_error_eV",
    "vs_native_eV",
    "vs_native_error_eV",
    "lability_eV",
    "gap_eV",
    "n_traps",
    "trap_verdict",
    "score",
    "pareto_front",
    "ligand_class",
    "host",
    "termination",
    "site",
    "status",
    "role",
)


def as_data(collection: Collection) -> dict:
    """Everything shown, as plain data: rows, candidate records, problems, methods."""
    ranking = collection.ranking
    found = methods(collection)
    return {
        "campaign": None if ranking is None else ranking.address.model_dump(),
        "settings": collection.settings,
        "weights": {} if ranking is None else ranking.weights,
        "self_tests": [] if ranking is None else [c.model_dump() for c in ranking.self_tests],
        "rows": [one.row.model_dump() for one in collection.evidence],
        "candidates": [
            one.candidate.model_dump() for one in collection.evidence if one.candidate is not None
        ],
        "sites": [one.record.model_dump() for one in collection.sites],
        "controls": (
            None
            if collection.controls is None
            else [row.model_dump() for row in collection.controls.rows]
        ),
        "left_out": [vars(problem) for problem in collection.problems],
        "methods": {"text": found.text, "references": found.references},
    }


def write_json(collection: Collection, path: str | Path) -> Path:
    """Write `as_data`; floats keep six significant digits, what is not a number becomes null."""
    return write_text(path, json.dumps(rounded(as_data(collection)), indent=1) + "\n")


def write_methods(collection: Collection, path: str | Path) -> Path:
    """Write the citable paragraph with its references."""
    return write_text(path, methods(collection).plain)


def write_ase_database(collection: Collection, path: str | Path) -> Path:
    """Write the relaxed structures as an ASE database (JSON backend), readable by ``ase.db.connect`` and ``ase db``.

    One row per ranked candidate with a structure; the numbers of the ranking are key-value pairs, SMILES and reactions
    are in ``data``. The whole file is written at once, because the backend rewrites it for every row that is added.
    """
    rows = [
        one for one in collection.evidence if one.best is not None and one.best.final is not None
    ]
    parts = [f'"{number}": {_row(one)}' for number, one in enumerate(rows, start=1)]
    ids = list(range(1, len(rows) + 1))
    tail = f'"ids": {ids},\n"nextid": {len(rows) + 1}'
    return write_text(path, "{" + "".join(f"{part},\n" for part in parts) + tail + "}\n")


def _row(one: Evidence) -> str:
    row = AtomsRow(one.best.final)
    data = {
        key: row[key]
        for key in row.__dict__
        if not key.startswith("_") and key not in row._keys and key != "id"
    }
    if row.get("constraints"):
        data["constraints"] = row.get("constraints")
    data |= {"ctime": 0.0, "mtime": 0.0, "user": "", "unique_id": _unique_id(one)}
    data["key_value_pairs"] = {"candidate": one.row.candidate, **_pairs(one)}
    if one.candidate is not None:
        data["data"] = {
            "full_smiles": one.candidate.full_smiles,
            "model_smiles": one.candidate.model_smiles,
            "reactions": [r.model_dump() for r in one.candidate.reactions],
            "settings_hash": one.best.record.settings_hash,
        }
    return "{" + ",\n ".join(f'"{key}": {encode(data[key])}' for key in sorted(data)) + "}"


def _unique_id(one: Evidence) -> str:
    """Hash of the structure in place of a random number: the same campaign gives the same file."""
    final = one.best.record.final
    return (final.hash if final is not None else "").ljust(32, "0")


def _pairs(one: Evidence) -> dict[str, str | float | int]:
    pairs = {name: value for name in KEY_FIELDS if (value := getattr(one.row, name)) is not None}
    record = one.best.record
    if record.energy is not None:
        pairs["total_energy_eV"] = record.energy.total_eV
    if record.fmax_eV_per_ang is not None:
        pairs["fmax_eV_per_ang"] = record.fmax_eV_per_ang
    return pairs


def write_tables(collection: Collection, folder: str | Path) -> list[Path]:
    """All tables into one folder."""
    folder = Path(folder)
    return [
        write_json(collection, folder / JSON_FILE),
        write_ase_database(collection, folder / ASE_FILE),
        write_methods(collection, folder / METHODS_FILE),
    ]
