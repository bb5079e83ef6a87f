"""Pictures of built structures for the documentation: each kind of site, and each class of ligand on each site.

Drawn from what the builders really return; no picture is edited by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from ase import Atoms

from peropass.drawing import Scene, draw_scenes
from peropass.errors import BuildError

SITES = {
    "terminations": {
        "001-CsX": "pristine 001-CsX",
        "001-PbX2": "pristine 001-PbX2",
    },
    "vacancies": {
        "V-X": "V-X",
        "V-Cs": "V-Cs",
        "V-Pb": "V-Pb",
        "V-CsX": "V-CsX, the socket",
        "V-PbX2": "V-PbX2",
    },
    "antisites-and-adatoms": {
        "Cs-Pb": "Cs-Pb: Cs on Pb",
        "Pb-X": "Pb-X: Pb on X",
        "ad-X": "ad-X: halide adatom",
        "ad-Pb": "ad-Pb: lead adatom",
    },
    "pairs": {
        "Frenkel-X": "Frenkel pair of X",
        "Frenkel-Cs": "Frenkel pair of Cs",
        "Schottky": "Schottky set",
    },
    "dopants": {
        "Sr-Pb": "Sr-Pb",
        "Bi-Pb-V-Cs": "Bi-Pb with V-Cs",
        "Ag-Pb-V-X": "Ag-Pb with V-X",
    },
}
CAPTIONS = {
    "terminations": "The two terminations. The stable CsX face, and the PbX2 face with its open A and X places.",
    "vacancies": "Vacancies; a dashed ring marks each ion that was taken out.",
    "antisites-and-adatoms": "Antisites and adatoms, named as guest-place.",
    "pairs": "Frenkel pairs, the adatom as far from its vacancy as the cell allows, and a Schottky set, a missing CsPbX3.",
    "dopants": "Dopants on Pb, with the vacancy that compensates their charge.",
}
LIGANDS = {
    "ion-pair": ("ddab", {"tail_carbons": 2}, "diethyldimethylammonium bromide, the model of DDAB"),
    "X-type": ("dbsa", {}, "caesium methanesulfonate, the model of a sulfonate"),
    "L-type": ("topo", {}, "trimethylphosphine oxide, the model of TOPO"),
    "Z-type": ("znx2", {}, "zinc bromide"),
    "zwitterion": (
        "sulfobetaine",
        {},
        "3-(trimethylammonio)propanesulfonate, the model of a sulfobetaine",
    ),
    "halide-donor": ("tmsx", {}, "bromotrimethylsilane"),
}
MOTIFS = {
    "metal-halide": ("znx2", {}, "The competing motifs of a metal halide, zinc bromide on V-CsX."),
    "zwitterion": ("sulfobetaine", {}, "A zwitterion with both ends, or one of them, on V-CsX."),
    "thiocyanate": ("nh4-scn", {}, "Ammonium thiocyanate on V-CsX, the anion held by S or by N."),
}
LIGAND_SITES = ("V-CsX", "V-X", "V-Cs", "V-PbX2", "pristine")
HOST, TERMINATION, LATERAL, HEIGHT_ANG = "CsPbBr3-cubic", "001-CsX", "2x2", 40.0
MIXED_HOSTS = {"CsPbBr2Cl-cubic": "CsPb(Br/Cl)3", "CsPbBr2I-cubic": "CsPb(Br/I)3"}
MIXED_SUBLATTICES = (
    ("B", {"Pb": 0.5, "Sn": 0.5}, "CsPb(0.5)Sn(0.5)Br3"),
    ("A", {"Cs": 0.75, "Rb": 0.25}, "Cs(0.75)Rb(0.25)PbBr3"),
)


def write_gallery(folder: Path, page: Path) -> list[Path]:
    """Draw all structures into `folder` and write the page that shows them; returns the files."""
    written = []
    lines = [
        "# Structures that the builders make",
        "",
        "Every picture is drawn from the builders' own output (`peropass docs --pictures`), nothing is relaxed: side view",
        f"above, cut open at the site (what lies behind is paler), top view below; {HOST}, {LATERAL} cell, three atomic",
        "layers, all on one scale. A ligand is drawn once, though each cell has one.",
        "",
        "## Sites",
        "",
    ]
    for name, sites in SITES.items():
        file = folder / f"site-{name}.png"
        draw_scenes([_site_scene(site, title) for site, title in sites.items()], file)
        written.append(file)
        lines += [f"![{', '.join(sites)}]({file.relative_to(page.parent)})", "", CAPTIONS[name], ""]
    lines += ["## One ligand of each class on each site", ""]
    for name, (ligand, options, caption) in LIGANDS.items():
        file = folder / f"class-{name}.png"
        draw_scenes([_loaded_scene(ligand, options, site) for site in LIGAND_SITES], file)
        written.append(file)
        lines += [f"### {name}", "", f"![{caption}]({file.relative_to(page.parent)})", ""]
        lines += [f"{caption[0].upper()}{caption[1:]}.", ""]
    file = folder / "class-substitution.png"
    draw_scenes(_alloy_scenes(), file)
    written.append(file)
    caption = "Alloys on each sublattice, decorated by special quasirandom structures."
    lines += [
        "### substitution",
        "",
        f"![{caption}]({file.relative_to(page.parent)})",
        "",
        caption,
        "",
    ]
    lines += ["## Motifs that compete", ""]
    for name, (ligand, options, caption) in MOTIFS.items():
        file = folder / f"motifs-{name}.png"
        draw_scenes(_motif_scenes(ligand, options), file)
        written.append(file)
        lines += [f"![{caption}]({file.relative_to(page.parent)})", "", caption, ""]
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return [*written, page]


def _slab(termination: str = TERMINATION, host_name: str = HOST, tilt: bool = True) -> Atoms:
    from peropass.surfaces.hosts import load_host
    from peropass.surfaces.slabs import build_slab

    host = load_host(host_name)
    return build_slab(
        host,
        termination,
        a_ang=host.pseudocubic_ang,
        lateral=LATERAL,
        layers=3,
        height_ang=HEIGHT_ANG,
        tilt=tilt,
    )


def _site_scene(site: str, title: str) -> Scene:
    from peropass.surfaces.defects import make_site

    if site.startswith("001-"):
        slab = _slab(site)
        return Scene(title, slab, _top_ion(slab))
    slab = _slab()
    made = make_site(slab, site)
    changed = _changed_places(slab, made.atoms, made.removed)
    places = _close_together(changed, slab.cell.array)
    empty = [
        (symbol, _nearest_image(place, places[0], slab.cell.array))
        for symbol, place in _vacated(made.atoms, made.removed)
    ]
    middle = _middle(places)
    middle[2] = _top_ion(slab)[2]
    return Scene(title, made.atoms, middle, _angle(places), empty)


def _loaded_scene(ligand: str, options: dict, site: str) -> Scene:
    from peropass.surfaces.defects import make_site

    slab = _slab()
    made = make_site(slab, site)
    try:
        poses = _poses(made, ligand, options)
    except BuildError as error:
        return Scene(site, None, reason=str(error).split(": ", 1)[-1])
    return _pose_scene(slab, made, _presentable(slab, made, poses), f"{site}\n")


def _motif_scenes(ligand: str, options: dict) -> list[Scene]:
    """The best pose of each pair of motif and anchor."""
    from peropass.surfaces.defects import make_site

    slab = _slab()
    made = make_site(slab, "V-CsX")
    groups: dict[tuple[str, str], list] = {}
    for pose in _poses(made, ligand, options):
        groups.setdefault((pose.motif, pose.anchor), []).append(pose)
    by_motif = {motif for motif, _ in groups}
    if len(by_motif) > 1:
        groups = {
            (m, ""): [p for key in groups if key[0] == m for p in groups[key]]
            for m in sorted(by_motif)
        }
    return [
        _pose_scene(
            slab, made, min(poses, key=_anchor_height), f"held by {anchor}\n" if anchor else ""
        )
        for (_, anchor), poses in groups.items()
    ]


def _poses(made, ligand: str, options: dict) -> list:
    from peropass.chemistry.library import build_model, load_library
    from peropass.surfaces.poses import generate_poses

    model = build_model(load_library().entry(ligand), halide="Br", n_conformers=2, **options)
    return generate_poses(made.atoms, made.holes, model, n=12, seed=3).poses


def _presentable(slab: Atoms, made, poses: list):
    """The pose that covers the site best, and of these the first motif's with the deepest anchors.

    Inverted poses, and poses beside the defect, are legitimate starts but no pictures of what is meant.
    """
    vacated = [place for _, place in _vacated(made.atoms, made.removed)]
    order = list(dict.fromkeys(pose.motif for pose in poses))
    return min(
        poses,
        key=lambda pose: (
            _gap_to_site(pose, vacated, slab),
            order.index(pose.motif),
            _anchor_height(pose),
        ),
    )


def _gap_to_site(pose, vacated: list[np.ndarray], slab: Atoms) -> float:
    """Distance, in steps of 2 A, from the ligand to the vacated place that it covers least."""
    from peropass.surfaces.neighbours import minimum_image

    held = pose.atoms.positions[pose.atoms.arrays["fragment"] == 1]
    gaps = [
        np.linalg.norm(minimum_image(held - place, slab.cell.array), axis=1).min()
        for place in vacated
    ]
    return float(np.floor(max(gaps, default=0.0) / 2.0))


def _anchor_height(pose) -> float:
    """Height of the anchors over the middle of the ligand; whole parts have none."""
    held = pose.atoms.positions[pose.atoms.arrays["fragment"] == 1][:, 2]
    anchors = [int(n) for n in re.findall(r"[A-Z][a-z]?(\d+)", pose.anchor)]
    return float(held[anchors].mean() - held.mean()) if anchors else 0.0


def _pose_scene(slab: Atoms, made, pose, title: str) -> Scene:
    atoms = pose.atoms.copy()
    atoms.set_constraint()
    ligand = np.flatnonzero(atoms.arrays["fragment"] == 1)
    vacated = [place for _, place in _vacated(made.atoms, made.removed)]
    lowest = atoms.positions[ligand[np.argmin(atoms.positions[ligand, 2])]]
    places = _close_together(vacated or [lowest.copy()], slab.cell.array)
    middle = _middle(places)
    images = np.array([_nearest_image(atoms.positions[i], middle, slab.cell.array) for i in ligand])
    nearest = int(np.argmin(np.linalg.norm(images - middle, axis=1)))
    atoms.positions[ligand] += images[nearest] - atoms.positions[ligand[nearest]]
    middle[2] = _top_ion(slab)[2]
    return Scene(f"{title}{pose.motif}", atoms, middle, _angle(places))


def _alloy_scenes() -> list[Scene]:
    from peropass.surfaces.alloys import make_alloy
    from peropass.surfaces.hosts import load_host

    scenes = []
    for name, title in MIXED_HOSTS.items():
        slab = _slab(host_name=name)
        scenes.append(Scene(title, slab, _top_ion(slab)))
    a_ang = load_host(HOST).pseudocubic_ang
    for role, fractions, title in MIXED_SUBLATTICES:
        slab = make_alloy(_slab(tilt=False), role, fractions, a_ang=a_ang)
        scenes.append(Scene(title, slab, _top_ion(slab)))
    return scenes


def _top_ion(slab: Atoms) -> np.ndarray:
    return slab.positions[np.argmax(slab.positions[:, 2])].copy()


def _vacated(atoms: Atoms, removed: list[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Removed ions whose places were not taken by another ion."""
    return [
        (symbol, place)
        for symbol, place in removed
        if np.linalg.norm(atoms.positions - place, axis=1).min() > 0.5
    ]


def _changed_places(
    slab: Atoms, atoms: Atoms, removed: list[tuple[str, np.ndarray]]
) -> list[np.ndarray]:
    """Places where something was taken out, exchanged or added, the topmost first."""
    places = [place for _, place in removed]
    for symbol, place in zip(atoms.symbols, atoms.positions, strict=True):
        gaps = np.linalg.norm(slab.positions - place, axis=1)
        if gaps.min() > 0.5 or slab.symbols[int(gaps.argmin())] != symbol:
            places.append(place)
    return sorted(places, key=lambda place: -place[2])


def _nearest_image(place: np.ndarray, to: np.ndarray, cell: np.ndarray) -> np.ndarray:
    from peropass.surfaces.neighbours import minimum_image

    return to + minimum_image((place - to)[None], cell)[0]


def _close_together(places: list[np.ndarray], cell: np.ndarray) -> list[np.ndarray]:
    return [_nearest_image(place, places[0], cell) for place in places]


def _middle(places: list[np.ndarray]) -> np.ndarray:
    return np.mean(places, axis=0)


def _angle(places: list[np.ndarray]) -> float:
    """Turn, in steps of 45 degrees, that lays the first two places side by side; the diagonal for a single one."""
    for place in places[1:]:
        vector = place - places[0]
        if np.linalg.norm(vector[:2]) > 0.5:
            return 45.0 * round(np.degrees(np.arctan2(vector[1], vector[0])) / 45.0)
    return 45.0
