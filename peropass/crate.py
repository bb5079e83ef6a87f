"""`peropass export`: a finished campaign as one RO-Crate: workflow, configuration, inputs, records and report.

Follows RO-Crate 1.1 (10.3233/DS-210053) and its profile for workflow runs: a zip with `ro-crate-metadata.json` that
names every file with its sha256, the software and datasets with their versions, and the run that made the results.
The same folder gives the same bytes: members are sorted and carry no time of day.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from peropass import __version__, paths
from peropass.config import Campaign
from peropass.errors import InputError, PeropassError
from peropass.ids import file_sha256
from peropass.record_checks import Folder
from peropass.records import read_record
from peropass.validation import load_yaml, validated
from peropass.verify import open_folder

CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
]
RO_CRATE = "https://w3id.org/ro/crate/1.1"
WORKFLOW_PROFILE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_PROFILE: ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
LICENCE = "https://spdx.org/licenses/GPL-3.0-or-later"
CODE = ("Snakefile", "Makefile", "pyproject.toml", "requirements.lock", "LICENSE", "README.md")
CODE_FOLDERS = ("workflow", "scripts", "peropass", "profiles", "config", "structures")
LEFT_OUT = (
    "work-*",
    "logs",
    "__pycache__",
    ".*",
    "*.lock",
    "check.json",
    "settled.json",
    "*.pyc",
    "*.cost*",
)
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of zip


def members(folder: Folder, source: Path) -> dict[str, Path]:
    """Name in the crate -> file: code and inputs as they are now, results without drafts and logs."""
    found = {name: source / name for name in CODE if (source / name).is_file()}
    for name in CODE_FOLDERS:
        found |= _below(source / name, name)
    own = _campaign_file(folder, source)
    if own is not None:
        found[_configuration(folder)] = own
    found |= _below(folder.root, paths.CAMPAIGN.format(campaign=folder.copy.campaign.campaign))
    return dict(sorted(found.items()))


def _configuration(folder: Folder) -> str:
    """Name of the campaign file in the crate."""
    return "config/" + Path(folder.copy.config_file).name


def _campaign_file(folder: Folder, source: Path) -> Path | None:
    """The campaign file, wherever it lies, if it still says what was run."""
    file = source / folder.copy.config_file
    try:
        said = validated(Campaign, load_yaml(file), str(file))
    except InputError:
        return None
    return file if said == folder.copy.campaign else None


def _below(root: Path, prefix: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(root.rglob("*")):
        parts = file.relative_to(root).parts
        if file.is_file() and not file.is_symlink() and not any(_left_out(part) for part in parts):
            found["/".join((prefix, *parts))] = file
    return found


def _left_out(name: str) -> bool:
    from fnmatch import fnmatch

    return name != ".gitkeep" and any(fnmatch(name, pattern) for pattern in LEFT_OUT)


def metadata(folder: Folder, files: dict[str, Path]) -> dict:
    """The JSON-LD graph of a crate with these files."""
    campaign = folder.copy.campaign
    results = paths.CAMPAIGN.format(campaign=campaign.campaign)
    versions, started, ended = _history(folder)
    software = [_software(name, version) for name, version in sorted(versions.items())]
    inputs = [
        name for name in (_configuration(folder), f"{results}/campaign.json") if name in files
    ]
    outputs = [f"{results}/{name}" for name in ("report.html", "ranking.json", "ranking.csv")]
    graph = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": RO_CRATE}, {"@id": WORKFLOW_PROFILE}],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"Peropass campaign {campaign.campaign}",
            "description": (
                f"Surface passivation of {', '.join(campaign.hosts)} by {len(campaign.candidates)} ligands at sites "
                f"{', '.join(campaign.sites)}: protocol {campaign.protocol}, records of every step, ranking and report."
            ),
            "datePublished": ended or started or "1980-01-01T00:00:00Z",
            "license": {"@id": LICENCE},
            "conformsTo": [{"@id": profile} for profile in PROFILES],
            "mainEntity": {"@id": "Snakefile"},
            "mentions": {"@id": "#run"},
            "hasPart": _ids(files),
        },
        {"@id": LICENCE, "@type": "CreativeWork", "name": "GPL-3.0-or-later"},
        *(
            {"@id": profile, "@type": "CreativeWork", "name": name, "version": version}
            for profile, (name, version) in PROFILES.items()
        ),
        {
            "@id": "#snakemake",
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "url": "https://snakemake.readthedocs.io",
            "identifier": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        },
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": f"run of campaign {campaign.campaign}",
            "description": "Snakemake ran every step that had no record yet; each record names its own versions and times.",
            "instrument": {"@id": "Snakefile"},
            "object": _ids(inputs),
            "result": _ids(name for name in outputs if name in files),
            **({"startTime": started} if started else {}),
            **({"endTime": ended} if ended else {}),
        },
        *software,
        *(_file(name, file, [entry["@id"] for entry in software]) for name, file in files.items()),
    ]
    return {"@context": CONTEXT, "@graph": graph}


def _ids(names) -> list[dict[str, str]]:
    return [{"@id": name} for name in names]


def _file(name: str, path: Path, software: list[str]) -> dict:
    entry: dict = {
        "@id": name,
        "@type": "File",
        "contentSize": str(path.stat().st_size),
        "sha256": file_sha256(path),
        "encodingFormat": _format(name),
    }
    if name == "Snakefile":
        entry["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
        entry |= {
            "name": "Peropass",
            "version": __version__,
            "conformsTo": {"@id": BIOSCHEMAS},
            "programmingLanguage": {"@id": "#snakemake"},
            "softwareRequirements": _ids(software),
        }
    if name == "README.md":
        entry["about"] = {"@id": "./"}
    return entry


def _format(name: str) -> str:
    if name.endswith(".extxyz"):
        return "chemical/x-xyz"
    if name.endswith((".yaml", ".yml")):
        return "application/yaml"
    if name.endswith(".md"):
        return "text/markdown"
    return mimetypes.guess_type(name)[0] or "text/plain"


def _software(name: str, version: str) -> dict:
    kind = "Dataset" if name.startswith("paw-") else "SoftwareApplication"
    what = (
        f"PAW dataset of {name.removeprefix('paw-')}, sha256 begins {version}"
        if kind == "Dataset"
        else name
    )
    return {"@id": f"#{name}", "@type": kind, "name": what, "version": version}


def _history(folder: Folder) -> tuple[dict[str, str], str, str]:
    """Versions of all records, and when the first and the last of them was begun."""
    versions: dict[str, str] = {}
    times: list[str] = []
    for file in folder.files():
        record = read_record(file, allow_toy=folder.toy)
        versions |= record.provenance.versions
        if record.provenance.started_utc:
            times.append(record.provenance.started_utc)
    return versions, min(times, default=""), max(times, default="")


def export(folder: Folder, source: Path, out: Path) -> int:
    """Write the crate by rename; returns the number of files in it."""
    files = members(folder, source)
    text = json.dumps(metadata(folder, files), indent=1, sort_keys=True) + "\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as crate:
        crate.writestr(_entry("ro-crate-metadata.json", 0o644), text)
        for name, file in files.items():
            mode = 0o755 if os.access(file, os.X_OK) else 0o644
            crate.writestr(_entry(name, mode), file.read_bytes())
    os.replace(temporary, out)
    return len(files)


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EARLIEST)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, mode << 16
    return info


def main(argv: Sequence[str] | None = None) -> int:
    """Export a campaign folder. 0 written, 2 bad input."""
    parser = argparse.ArgumentParser(prog="peropass export", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="campaign folder, e.g. results/quickstart")
    parser.add_argument("--out", type=Path, help="file to write; default FOLDER.crate.zip")
    options = parser.parse_args(argv)
    folder = open_folder(options.folder)
    if not (options.folder / "report.html").is_file():
        raise InputError(
            str(options.folder), "no report.html", "a finished campaign; run it, or peropass report"
        )
    out = options.out or options.folder.with_name(options.folder.name + ".crate.zip")
    try:
        number = export(folder, Path.cwd(), out)
    except OSError as error:
        raise PeropassError(f"{out}: {error.strerror}") from None
    sys.stdout.write(f"{out}: {number} files, {out.stat().st_size / 1e6:.1f} MB\n")
    return 0
