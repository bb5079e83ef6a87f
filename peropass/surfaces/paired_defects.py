"""Frenkel pairs and Schottky sets of the top face: defects that leave the composition of the crystal as it is."""

from __future__ import annotations

import re

import numpy as np
from ase import Atoms

from peropass.errors import InputError
from peropass.surfaces.defects import (
    SiteStructure,
    defect_variants,
    find_holes,
    make_site,
    read_site,
)
from peropass.surfaces.neighbours import ion_roles, minimum_image

MIN_PAIR_ANG = 2.5
PAIRED_SITES = "Frenkel-X, Frenkel-Cs, Schottky"


def make_paired_site(slab: Atoms, site: str) -> SiteStructure:
    """Put a Frenkel pair or a Schottky set on the top face of a pristine slab.

    ``Frenkel-X`` and ``Frenkel-Cs``: an ion leaves its place and becomes an adatom, as far from the vacancy as the
    cell allows, so that relaxation does not heal the pair. ``Schottky``: a formula unit ABX3 is missing, V-BX2
    with the V-AX next to it; the unit counts as bulk. The host's own ions may be written instead of Cs, Pb and X.

    Raises
    ------
    InputError
        Unknown name, or the cell has no room for the pair.
    """
    if site == "Schottky":
        return _schottky(slab, site)
    match = re.fullmatch(r"Frenkel-([A-Z][a-z]?)", site)
    if match is None:
        raise InputError("site", repr(site), PAIRED_SITES)
    roles, symbols = ion_roles(slab), np.array(slab.get_chemical_symbols())
    asked = match[1]
    known = {"Cs": "A", "A": "A", "Pb": "B", "B": "B", "X": "X"}
    role = known.get(asked) or str(next(iter(roles[symbols == asked]), ""))
    if role not in ("A", "X"):
        raise InputError(f"site {site}", asked, PAIRED_SITES)
    return _frenkel(slab, site, role)


def _frenkel(slab: Atoms, site: str, role: str) -> SiteStructure:
    """The adatom comes first: beside a vacancy it would find the open place itself."""
    symbol = make_site(slab, f"V-{role}").removed[0][0]
    loaded = make_site(slab, f"ad-{symbol}").atoms
    adatom = loaded.positions[-1]
    reach = []
    for variant, _ in enumerate(defect_variants(loaded, read_site(f"V-{role}", loaded))):
        made = make_site(loaded, f"V-{role}", variant)
        gap = minimum_image(made.removed[0][1] - adatom, slab.cell.array)
        reach.append((round(float(np.linalg.norm(gap)), 2), -variant, made))
    distance, _, made = max(reach, key=lambda found: found[:2])
    if distance < MIN_PAIR_ANG:
        raise InputError(f"site {site}", f"a pair only {distance} A apart", "a larger lateral cell")
    holes = find_holes(made.atoms, [(role, made.removed[0][1])])
    return SiteStructure(site, made.atoms, made.removed, holes, made.multiplicity)


def _schottky(slab: Atoms, site: str) -> SiteStructure:
    first = make_site(slab, "V-BX2")
    metal = first.holes["B-hole"][0]
    nearest = []
    for variant, _ in enumerate(defect_variants(first.atoms, read_site("V-AX", first.atoms))):
        made = make_site(first.atoms, "V-AX", variant)
        places = np.array([place for _, place in made.removed])
        gaps = np.linalg.norm(minimum_image(places - metal, slab.cell.array), axis=1)
        nearest.append((round(float(gaps.sum()), 2), variant, made))
    if not nearest:
        raise InputError(f"site {site}", "no A and X ions beside V-BX2", "a larger lateral cell")
    _, _, second = min(nearest, key=lambda found: found[:2])
    vacated = [
        (kind, place)
        for holes in (first.holes, second.holes)
        for kind in "ABX"
        for place in holes[f"{kind}-hole"]
    ]
    removed = [*first.removed, *second.removed]
    return SiteStructure(
        site, second.atoms, removed, find_holes(second.atoms, vacated), first.multiplicity
    )
