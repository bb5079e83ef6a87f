"""`peropass library check`: build every entry of the ligand library on its hosts and sites, and show what came out."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache

from peropass.errors import BuildError, InputError, PeropassError

LATERAL_CELLS = ("sqrt2", "2x2", "2sqrt2")
LAYERS = 3
HEIGHT_ANG = 60.0  # full ligands never appear here; the tallest model is 13 A
POSES = 12
CONFORMERS = 2
SITES = ("V-CsX", "V-X")
# Names of hosts in the library -> files of structures/hosts that stand for them.
HOST_FILES = {
    "CsPbCl3": "CsPbCl3-cubic",
    "CsPbBr3": "CsPbBr3-cubic",
    "CsPbI3": "CsPbI3-cubic",
    "CsPb(Br/Cl)3": "CsPbBr2Cl-cubic",
    "CsPb(Br/I)3": "CsPbBr2I-cubic",
    "CsPbBr3:Sr": "CsPbBr3-cubic",
}
MOLECULAR_CATIONS = {"MA": "C[NH3+]", "FA": "NC=[NH2+]", "GA": "NC(N)=[NH2+]", "EA": "CC[NH3+]"}
GUEST_SHARE = 0.25  # of the A sublattice: two cations of eight


@dataclass
class Row:
    """One entry on one host: what could be built."""

    entry: str
    ligand_class: str
    host: str
    models: int = 0
    conformers: int = 0
    sites: int = 0
    cell: str = ""
    placed: int = 0
    filters: list[tuple[str, int, int]] = field(default_factory=list)
    poses: int = 0
    reactions: int = 0
    status: str = "ok"
    reason: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """0 every ready entry was built, 1 some entry failed (each with one line), 2 bad usage."""
    parser = argparse.ArgumentParser(prog="peropass library", description=__doc__)
    parser.add_argument("action", choices=["check"])
    parser.add_argument("--entry", action="append", help="only this entry; may be repeated")
    parser.add_argument("--library", help="another library file; default: structures/ligands.yaml")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    rows, errors = check(options.entry, options.library)
    if options.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    else:
        sys.stdout.write(table(rows))
    for error in errors:
        sys.stdout.write(f"error: {error}\n")
    failed = [row for row in rows if row.status == "failed"]
    return 1 if failed or errors else 0


def check(
    only: Sequence[str] | None = None, path: str | None = None
) -> tuple[list[Row], list[InputError]]:
    """Build the library; a failing entry is a row with its reason and the others go on."""
    from peropass.chemistry.library import check_library

    library = _library(path)
    unknown = sorted(set(only or ()) - set(library.entries))
    if unknown:
        library.entry(unknown[0], "--entry")
    errors = check_library(library)
    rows: list[Row] = []
    start = time.monotonic()
    chosen = [entry for key, entry in library.entries.items() if not only or key in only]
    for number, entry in enumerate(chosen, 1):
        rows += _entry_rows(entry, path)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number}/{len(chosen)} entries, {time.monotonic() - start:.0f} s ")
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return rows, errors


def _entry_rows(entry, path: str | None) -> list[Row]:
    rows = []
    for host in entry.hosts:
        row = Row(entry.id, entry.ligand_class, host)
        rows.append(row)
        if entry.status == "planned":
            row.status, row.reason = "planned", entry.reason
            continue
        try:
            row.reactions = _reactions(entry, host)
            if entry.is_molecular:
                _build_ligand(entry, host, row, path)
            else:
                _build_substitution(entry, host, row)
        except PeropassError as error:
            row.status, row.reason = "failed", str(error)
    return rows


@cache
def _host(name: str):
    """The host of a library name: listed above, or the cubic phase of a file in structures/hosts."""
    from peropass.surfaces.hosts import host_names, load_host

    known = host_names()
    file = HOST_FILES.get(name) or next((f for f in (f"{name}-cubic", name) if f in known), None)
    if file is None:
        raise InputError("hosts", name, ", ".join([*HOST_FILES, *known]))
    return load_host(file)


def _ions(host):
    from peropass.chemistry.reactions import HostIons

    return HostIons(host.symbol("A"), host.symbol("B"), host.symbol("X"))


def _reactions(entry, host: str) -> int:
    from peropass.chemistry.reaction_plan import reactions_for

    return sum(planned.available for planned in reactions_for(entry, _ions(_host(host))))


@cache
def _socket(host: str, site: str, lateral: str):
    """Site on the host's slab; on a doped host the one that opens the dopant."""
    from peropass.surfaces.defects import defect_variants, make_site, read_site

    slab, (_, _, dopant) = _slab(host, lateral), host.partition(":")
    made = make_site(slab, site)
    if not dopant:
        return made
    for variant in range(len(defect_variants(slab, read_site(site, slab)))):
        made = make_site(slab, site, variant)
        if len(made.holes["Pb"]) and _symbol_at(made.atoms, made.holes["Pb"][0]) == dopant:
            return made
    raise BuildError(f"host {host}: no {site} opens {dopant}")


def _symbol_at(atoms, place) -> str:
    import numpy as np

    return atoms.symbols[int(np.argmin(np.linalg.norm(atoms.positions - place, axis=1)))]


@cache
def _slab(host: str, lateral: str):
    from peropass.surfaces.defects import make_site
    from peropass.surfaces.slabs import build_slab

    found = _host(host)
    slab = build_slab(
        found,
        "001-CsX",
        a_ang=found.pseudocubic_ang,
        lateral=lateral,
        layers=LAYERS,
        height_ang=HEIGHT_ANG,
        tilt=True,
    )
    _, _, dopant = host.partition(":")
    return make_site(slab, f"{dopant}-Pb").atoms if dopant else slab


def _build_ligand(entry, host: str, row: Row, path: str | None) -> None:
    for variant in entry.variant_names:
        model = _model(entry.id, _host(host).symbol("X"), variant, path)
        row.models += 1
        row.conformers += sum(len(part.conformers) for part in model.parts)
        for site in SITES:
            found = _smallest_cell(host, site, model)
            row.sites += 1
            row.cell = max(row.cell, found[0], key=("", *LATERAL_CELLS).index)
            first = found[1].filters[0].before if found[1].filters else len(found[1].poses)
            row.placed += first
            row.poses += len(found[1].poses)
            row.filters += [(f.name, f.before, f.after) for f in found[1].filters]


@cache
def _library(path: str | None):
    from peropass.chemistry.library import load_library

    return load_library(path)


@cache
def _model(ligand: str, halide: str, variant: str, path: str | None):
    from peropass.chemistry.library import build_model

    return build_model(
        _library(path).entry(ligand), halide=halide, variant=variant, n_conformers=CONFORMERS
    )


def _smallest_cell(host: str, site: str, model):
    """The smallest lateral cell in which the ligand has a pose, with its poses."""
    from peropass.surfaces.poses import generate_poses

    for lateral in LATERAL_CELLS:
        socket = _socket(host, site, lateral)
        try:
            return lateral, generate_poses(socket.atoms, socket.holes, model, n=POSES, seed=1)
        except BuildError as error:
            last = error
    raise last


def _build_substitution(entry, host: str, row: Row) -> None:
    """Bulk cells and top faces with the dopant, the defect, the alloy; polymorphs and competing phases."""
    kind = entry.substitution.kind
    if kind == "phase":
        _phases(host, row)
    elif kind == "alloy":
        _alloys(entry, host, row)
    else:
        for name in _defect_names(entry):
            for position in entry.substitution.positions:
                _place_defect(host, name, position, row)


def _defect_names(entry) -> list[str]:
    """Names of sites: those of the entry, or each dopant on its place with what compensates it."""
    data = entry.substitution
    if data.kind == "defect":
        return list(data.species)
    place = {"A": "Cs", "B": "Pb", "X": "X"}[data.site or "B"]
    vacancies = {species: data.compensation.get(species) for species in data.species}
    return [f"{species}-{place}" + (f"-{v}" if v else "") for species, v in vacancies.items()]


def _place_defect(host: str, name: str, position: str, row: Row) -> None:
    from peropass.surfaces.bulk_defects import make_bulk_defect
    from peropass.surfaces.defects import make_site

    row.models += 1
    if position in ("bulk", "far-from-V-X"):
        make_bulk_defect(_supercell(host), name)
        if position == "bulk":
            return
    # A dopant next to a halide vacancy is the pair site; far from it, both are made on their own.
    site = f"{name}-V-X" if position == "next-to-V-X" else name
    made = make_site(_slab(host, "2x2"), site)
    row.sites += 1
    row.placed += made.multiplicity


@cache
def _supercell(host: str):
    """Undoped bulk cell of eight formula units, the size that makes a defect its own neighbour at 12 A only."""
    from peropass.surfaces.hosts import bulk

    return bulk(_host(host)).repeat((2, 2, 2))


def _alloys(entry, host: str, row: Row) -> None:
    """A-site alloys with a quarter of each guest; halide alloys of the host in bulk, on the slab, and enumerated."""
    from peropass.surfaces.alloys import enumerate_alloys, make_host_alloy
    from peropass.surfaces.hosts import bulk

    found = _host(host)
    if entry.substitution.site == "A":
        for guest in entry.substitution.species:
            _guest_alloy(host, guest)
            row.models += 1
        return
    make_host_alloy(found, _supercell(host), a_ang=found.pseudocubic_ang)
    _slab(host, "2x2")
    distinct = enumerate_alloys(bulk(found), "X", tuple(found.mixing["X"]), [1])
    row.models += 2 + len(distinct)
    row.sites += 1


def _guest_alloy(host: str, guest: str):
    from peropass.chemistry.conformers import part_conformers
    from peropass.surfaces.molecular_cations import make_cation_alloy

    found = _host(host)
    molecules = {
        name: part_conformers(smiles, 1, 1)[0]
        for name, smiles in MOLECULAR_CATIONS.items()
        if name == guest
    }
    shares = {found.symbol("A"): 1 - GUEST_SHARE, guest: GUEST_SHARE}
    return make_cation_alloy(_supercell(host), shares, molecules, a_ang=found.pseudocubic_ang)


def _phases(host: str, row: Row) -> None:
    """All polymorphs of the host, and all phases made of its elements alone."""
    from peropass.surfaces.hosts import STRUCTURES, bulk, host_names, load_host

    own = {e for names in _host(host).elements.values() for e in names}
    for folder in ("hosts", "phases"):
        for name in host_names(STRUCTURES / folder):
            phase = load_host(name, STRUCTURES / folder)
            if {e for names in phase.elements.values() for e in names} <= own:
                bulk(phase)
                row.models += 1


# Filters of the pose builder, in its order, and the heading of what each leaves.
FILTER_HEADS = {
    "placed": "placed",
    "lateral image": "apart",
    "clash": "free",
    "headroom": "headroom",
    "duplicate": "distinct",
    "selected": "kept",
}


def table(rows: list[Row]) -> str:
    """Fixed-width table, one line per entry and host, with totals; poses are counted after each filter."""
    head = ["entry", "class", "host", "models", "conf.", "sites", "cell"]
    head += [*FILTER_HEADS.values(), "reactions", "status"]
    lines = [_cells(row) for row in rows]
    widths = [max(len(line[k]) for line in [head, *lines]) for k in range(len(head) - 1)]
    shown = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=False))
        + "  "
        + line[-1]
        for line in [head, *lines]
    ]
    ready = sum(row.status == "ok" for row in rows)
    entries = len({row.entry for row in rows})
    shown.append(
        f"{entries} entries, {len(rows)} rows on their hosts: {ready} built, "
        f"{sum(r.status == 'planned' for r in rows)} planned, {sum(r.status == 'failed' for r in rows)} failed"
    )
    shown += _filter_totals(rows)
    return "\n".join(shown) + "\n"


def _cells(row: Row) -> list[str]:
    left = dict.fromkeys(FILTER_HEADS, 0)
    for name, _, after in row.filters:
        left[name] += after
    counts = [str(n) for n in left.values()] if row.filters else [""] * len(left)
    numbers = [
        str(row.models),
        str(row.conformers),
        str(row.sites),
        row.cell,
        *counts,
        str(row.reactions),
    ]
    status = row.status + (f": {row.reason}" if row.reason else "")
    return [row.entry, row.ligand_class, row.host, *numbers, status]


def _filter_totals(rows: list[Row]) -> list[str]:
    totals: dict[str, list[int]] = {}
    for row in rows:
        for name, before, after in row.filters:
            total = totals.setdefault(name, [0, 0])
            total[0] += before
            total[1] += after
    return [f"filter {name}: {before} -> {after} poses" for name, (before, after) in totals.items()]
