"""Binding motifs: which part of a neutral set goes where on a site."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.data import atomic_numbers

from peropass.chemistry.model import Anchor, LigandModel, LigandPart
from peropass.errors import InputError
from peropass.surfaces.contacts import dative_length, soft_limits
from peropass.surfaces.geometry import SiteGeometry
from peropass.surfaces.pockets import POCKET, smaller_by_ang

MOTIFS = (
    "fills-A-and-X",
    POCKET,
    "donor-on-Pb",
    "bridges-A-and-X",
    "A-end-only",
    "X-end-only",
    "adsorbed-on-halide",
    "halide-into-V-X",
    "metal-on-A-hole",
    "metal-on-Pb",
    "PbX2-adlayer",
    "flat-on-surface",
)
# Motifs of the library that are special cases of a general arrangement: the anchors that the library lists
# (N or S of thiocyanate, both oxygens of a carboxylate) decide what they look like.
SPECIAL_CASES = {
    "SCN-N": "fills-A-and-X",
    "SCN-S": "fills-A-and-X",
    "coadsorbed": "fills-A-and-X",
    "over-two-X-holes": "fills-A-and-X",
    "fills-V-PbX2": "adsorbed-on-halide",
    "bidentate-on-Pb": "donor-on-Pb",
    "bidentate-on-two-Pb": "donor-on-Pb",
    "chelates-Pb": "donor-on-Pb",
    "donor-on-Cs": "donor-on-Pb",
    "donor-on-dopant": "donor-on-Pb",
    "takes-Pb-along": "donor-on-Pb",
}


@dataclass(frozen=True)
class Step:
    """How one part is put down: its anchor's centroid at `point`, then lifted out of clashes.

    Lone ions stay where a hole puts them and rise only if `rises`.

    With `second`, two anchors at two points. With `bonded_to`, a monatomic part on a bond of
    `length` from a part placed before, `polar_deg` off the normal, `turn` of a full circle round it.
    """

    part: int
    anchor: Anchor
    point: np.ndarray
    second: tuple[Anchor, np.ndarray] | None = None
    bonded_to: int | None = None
    length: float = 0.0
    polar_deg: float = 0.0
    turn: float = 0.0
    rises: bool = False


@dataclass(frozen=True)
class Motif:
    """A named arrangement; `swap` exchanges that part with the slab atom `swap_with` at the end."""

    name: str
    steps: tuple[Step, ...]
    swap: int | None = None
    swap_with: int = -1

    @property
    def samples_directions(self) -> bool:
        return any(step.bonded_to is not None for step in self.steps)


def enumerate_motifs(model: LigandModel, site: SiteGeometry, pockets: bool = False) -> list[Motif]:
    """All arrangements of `model` on a site, the library's motifs first, else those of its parts.

    With `pockets`, a cation smaller than the A ion is put off the centre of its hole as well (`POCKET`).

    Raises
    ------
    InputError
        The library names a motif that does not exist.
    """
    for name in model.motifs:
        if name not in MOTIFS and name not in SPECIAL_CASES:
            raise InputError(f"ligand {model.ligand}: motifs", name, ", ".join(MOTIFS))
    wanted = list(dict.fromkeys(SPECIAL_CASES.get(name, name) for name in model.motifs))
    found = [motif for name in wanted for motif in _build(name, model, site)]
    for name in (*_default_names(model), "flat-on-surface"):
        found = found or _build(name, model, site)
    if pockets:
        found += _build(POCKET, model, site)
    return _unique(found)


def _default_names(model: LigandModel) -> tuple[str, ...]:
    roles = {part.role for part in model.parts}
    if "zwitterion" in roles:
        return ("bridges-A-and-X", "A-end-only", "X-end-only")
    if {"cation", "anion"} <= roles:
        return ("fills-A-and-X",)
    targets = {t for part in model.parts for anchor in part.anchors for t in anchor.targets}
    wanted = (("Pb", "donor-on-Pb"), ("X-hole", "halide-into-V-X"))
    return tuple(name for target, name in wanted if target in targets)


def _build(name: str, model: LigandModel, site: SiteGeometry) -> list[Motif]:
    ionic = {"cation", "anion"} <= {part.role for part in model.parts}
    if name in ("fills-A-and-X", "metal-on-A-hole"):
        return _fill(name, model, site) if ionic else []
    if name == POCKET:
        return _off_centre(model, site) if ionic else []
    if name == "adsorbed-on-halide":
        return _adsorbed(name, model, site) if ionic else _flat(name, model, site)
    if name == "halide-into-V-X":
        return _halide_into_hole(name, model, site)
    if name in ("metal-on-Pb", "PbX2-adlayer"):
        return _metal_in_lattice(name, model, site) if ionic else []
    if name == "donor-on-Pb":
        return _donor(model, site)
    if name == "bridges-A-and-X":
        return _bridge(model, site)
    if name in ("A-end-only", "X-end-only"):
        return _single_end(name, model, site)
    return _flat(name, model, site)


def _fill(name: str, model: LigandModel, site: SiteGeometry) -> list[Motif]:
    """Each kind of cation on the A place with each kind of anion on the X place."""
    motifs = []
    for c in _kinds(model, "cation"):
        for a in _kinds(model, "anion"):
            for c_anchor in _anchors(model.parts[c], ("A-hole", "halide")):
                for a_anchor in _anchors(model.parts[a], ("X-hole", "Pb")):
                    steps = [
                        Step(c, c_anchor, _cation_point(model.parts[c], c_anchor, site)),
                        Step(a, a_anchor, _anion_point(model.parts[a], a_anchor, site)),
                    ]
                    steps += _extras(model, site, {c, a}, metal=c)
                    motifs.append(Motif(_filled_name(name, site), tuple(steps)))
    return motifs


def _off_centre(model: LigandModel, site: SiteGeometry) -> list[Motif]:
    """The arrangements that fill the holes, with a cation smaller than the A ion in each pocket of the A hole.

    ASSUME it sinks by as much as it is smaller, which keeps its contacts with the halides.
    """
    motifs = []
    for motif in _fill("fills-A-and-X", model, site):
        first, *others = motif.steps
        smaller = smaller_by_ang(model.parts[first.part], site.numbers["A"])
        if smaller > 0:
            motifs += [
                Motif(POCKET, (replace(first, point=place - [0, 0, smaller]), *others))
                for place in site.pockets
            ]
    return motifs


def _filled_name(name: str, site: SiteGeometry) -> str:
    if name != "fills-A-and-X":
        return name if site.a_hole is not None else "metal-on-halide"
    if site.a_hole is not None and site.x_hole is not None:
        return name
    if site.a_hole is not None:
        return "fills-A"
    return "fills-X" if site.x_hole is not None else "adsorbed-pair"


def _adsorbed(name: str, model: LigandModel, site: SiteGeometry) -> list[Motif]:
    """The cation on top of a surface halide, its anions on it; holes stay open."""
    if not len(site.halides):
        return []
    motifs = []
    for c in _kinds(model, "cation"):
        for anchor in _anchors(model.parts[c], ("halide", "A-hole")):
            point = _above(model.parts[c], anchor, site.halides[0], site.numbers["X"])
            steps = [Step(c, anchor, point)]
            if _monatomic(model.parts[c]):
                steps += _extras(model, site, {c}, metal=c)
            else:
                steps += _extras(model, site, {c}, metal=None)
            motifs.append(Motif(name, tuple(steps)))
    return motifs


def _halide_into_hole(name: str, model: LigandModel, site: SiteGeometry) -> list[Motif]:
    """A halide ion fills the X hole and carries the rest; or a covalent halide points into it."""
    if site.x_hole is None:
        return []
    motifs = []
    cations = [c for c in _kinds(model, "cation") if _monatomic(model.parts[c])]
    for a in _kinds(model, "anion"):
        for c in cations:
            if not _monatomic(model.parts[a]):
                continue
            anion, cation = model.parts[a], model.parts[c]
            steps = [
                Step(a, anion.anchors[0], _anion_point(anion, anion.anchors[0], site)),
                _bonded(c, cation, a, anion, polar_deg=50.0, turn=0.0),
            ]
            steps += _extras(model, site, {c, a}, metal=c)
            motifs.append(Motif(name, tuple(steps)))
    for p in _kinds(model, "neutral"):
        for anchor in model.parts[p].anchors:
            if "X-hole" in anchor.targets:
                steps = [Step(p, anchor, site.x_hole)]
                motifs.append(Motif(name, (*steps, *_extras(model, site, {p}, metal=None))))
    return motifs


def _metal_in_lattice(name: str, model: LigandModel, site: SiteGeometry) -> list[Motif]:
    """The metal takes the place of the exposed B ion, which moves out.

    ASSUME the displaced B ion goes to the A hole (`metal-on-Pb`), or on top of the halide in the X
    hole as the head of a BX2 adlayer (`PbX2-adlayer`).
    """
    if site.metal is None:
        return []
    source = (
        _fill("metal-on-A-hole", model, site)
        if name == "metal-on-Pb"
        else _halide_into_hole("halide-into-V-X", model, site)
    )
    motifs = []
    for motif in source:
        metals = [
            s.part
            for s in motif.steps
            if model.parts[s.part].role == "cation" and _monatomic(model.parts[s.part])
        ]
        if metals and model.parts[metals[0]].charge > 1:
            swapped = replace(motif, name=name, swap=metals[0], swap_with=site.metal_index)
            motifs.append(swapped)
    return motifs


def _donor(model: LigandModel, site: SiteGeometry) -> list[Motif]:
    motifs = []
    for p, part in enumerate(model.parts):
        if part.role not in ("neutral", "zwitterion") or p not in _kinds(model, part.role):
            continue
        for anchor in _anchors(part, ("Pb",)):
            if site.metal is not None:
                point, name = _on_metal(part, anchor, site), "donor-on-Pb"
            elif len(site.a_tops):
                point, name = _above(part, anchor, site.a_tops[0], site.numbers["A"]), "donor-on-A"
            else:
                continue
            steps = (Step(p, anchor, point), *_extras(model, site, {p}, metal=None))
            motifs.append(Motif(name, steps))
    return motifs


def _bridge(model: LigandModel, site: SiteGeometry) -> list[Motif]:
    """Cationic end on the A hole and anionic end on the X hole at once."""
    if site.a_hole is None or site.x_hole is None:
        return []
    motifs = []
    for p in _kinds(model, "zwitterion"):
        plus, minus = _ends(model.parts[p])
        for first in plus:
            for second in minus:
                point = _anion_point(model.parts[p], second, site)
                step = Step(p, first, site.a_hole, second=(second, point))
                steps = (step, *_extras(model, site, {p}, metal=None))
                motifs.append(Motif("bridges-A-and-X", steps))
    return motifs


def _single_end(name: str, model: LigandModel, site: SiteGeometry) -> list[Motif]:
    motifs = []
    for p in _kinds(model, "zwitterion"):
        part = model.parts[p]
        plus, minus = _ends(part)
        for anchor in plus if name == "A-end-only" else minus:
            place = _cation_point if name == "A-end-only" else _anion_point
            steps = (Step(p, anchor, place(part, anchor, site)),)
            motifs.append(Motif(name, (*steps, *_extras(model, site, {p}, metal=None))))
    return motifs


def _flat(name: str, model: LigandModel, site: SiteGeometry) -> list[Motif]:
    """Whole first part over the site, no anchor."""
    target = site.halides if len(site.halides) else site.a_tops
    if not len(target):
        return []
    part = model.parts[0]
    steps = (Step(0, _whole(part), target[0] + np.array([0, 0, 2.5])),)
    return [Motif(name, (*steps, *_extras(model, site, {0}, metal=None)))]


def _ends(part: LigandPart) -> tuple[list[Anchor], list[Anchor]]:
    """Cationic and anionic anchors of a zwitterion."""
    plus = [a for a in part.anchors if "A-hole" in a.targets]
    return plus, [a for a in part.anchors if a not in plus and "X-hole" in a.targets]


def _extras(
    model: LigandModel, site: SiteGeometry, used: set[int], metal: int | None
) -> list[Step]:
    """Steps for the parts that no hole takes.

    Monatomic anions sit on the bond cone of the monatomic cation `metal`; other anions on A ions,
    further cations on surface halides.
    """
    steps: list[Step] = []
    left = [p for p in range(len(model.parts)) if p not in used]
    on_metal = [
        p
        for p in left
        if metal is not None
        and model.parts[p].role == "anion"
        and _monatomic(model.parts[p])
        and _monatomic(model.parts[metal])
    ]
    polar = 30.0 if len(on_metal) == 1 else 60.0
    for k, p in enumerate(on_metal):
        assert metal is not None
        turn = k / len(on_metal)
        steps.append(_bonded(p, model.parts[p], metal, model.parts[metal], polar, turn))
    taken = {"halide": 1 if site.a_hole is None else 0, "A": 1 if site.x_hole is None else 0}
    for p in (q for q in left if q not in on_metal):
        part = model.parts[p]
        key = "halide" if part.role == "cation" else "A"
        places = site.halides if key == "halide" else site.a_tops
        if not len(places):
            places = np.array([_highest(site)])
        anchor = part.anchors[0] if part.anchors else _whole(part)
        place = places[min(taken[key], len(places) - 1)]
        taken[key] += 1
        steps.append(
            Step(
                p,
                anchor,
                _above(part, anchor, place, site.numbers["X" if key == "halide" else "A"]),
                rises=True,
            )
        )
    return steps


def _highest(site: SiteGeometry) -> np.ndarray:
    places = [p for p in (site.a_hole, site.x_hole, site.metal) if p is not None]
    return max(places, key=lambda p: p[2])


def _bonded(
    p: int, part: LigandPart, to: int, other: LigandPart, polar_deg: float, turn: float
) -> Step:
    number, other_number = atomic_numbers[part.symbols[0]], atomic_numbers[other.symbols[0]]
    # ASSUME bonds inside a metal halide start at the sum of covalent radii plus 5 %.
    length = dative_length(number, other_number) * 1.05 / 1.15
    anchor = part.anchors[0] if part.anchors else _whole(part)
    return Step(p, anchor, np.zeros(3), bonded_to=to, length=length, polar_deg=polar_deg, turn=turn)


def _cation_point(part: LigandPart, anchor: Anchor, site: SiteGeometry) -> np.ndarray:
    if site.a_hole is not None:
        return site.a_hole
    if len(site.halides):
        return _above(part, anchor, site.halides[0], site.numbers["X"])
    return _highest(site)


def _anion_point(part: LigandPart, anchor: Anchor, site: SiteGeometry) -> np.ndarray:
    """The X hole itself for the host's halide; else on the line from the exposed B ion to it."""
    own = anchor.atoms and atomic_numbers[part.symbols[anchor.atoms[0]]] == site.numbers["X"]
    if site.x_hole is not None and (_monatomic(part) and own or site.metal is None):
        return site.x_hole
    if site.metal is not None:
        return _on_metal(part, anchor, site)
    if len(site.a_tops):
        return _above(part, anchor, site.a_tops[0], site.numbers["A"])
    return _highest(site)


def _on_metal(part: LigandPart, anchor: Anchor, site: SiteGeometry) -> np.ndarray:
    assert site.metal is not None
    atoms = list(anchor.atoms)
    number = atomic_numbers[part.symbols[atoms[0]]]
    positions = part.conformers[0].positions[atoms]
    spread = np.linalg.norm(positions - positions.mean(axis=0), axis=1).mean()
    length = dative_length(number, site.numbers["B"])
    distance = np.sqrt(max(length**2 - spread**2, 0.64))
    return site.metal + distance * site.metal_normal


def _above(part: LigandPart, anchor: Anchor, place: np.ndarray, number: int) -> np.ndarray:
    own = np.array([atomic_numbers[part.symbols[anchor.atoms[0]]]])
    height = float(soft_limits(own, np.array([number]))[0, 0])
    return place + np.array([0.0, 0.0, height])


def _kinds(model: LigandModel, role: str) -> list[int]:
    """First part of each distinct SMILES with `role`."""
    seen: dict[str, int] = {}
    for p, part in enumerate(model.parts):
        if part.role == role:
            seen.setdefault(part.smiles, p)
    return list(seen.values())


def _anchors(part: LigandPart, targets: tuple[str, ...]) -> list[Anchor]:
    """Anchors that fit one of `targets`; the whole part if none does."""
    found = [a for a in part.anchors if set(a.targets) & set(targets)]
    return found or [_whole(part)]


def _whole(part: LigandPart) -> Anchor:
    if part.anchors and len(part.symbols) == 1:
        return part.anchors[0]
    return Anchor("whole", tuple(range(len(part.symbols))), ("surface",))


def _monatomic(part: LigandPart) -> bool:
    return len(part.symbols) == 1


def _unique(motifs: list[Motif]) -> list[Motif]:
    """Drop a motif whose parts go to the same points as an earlier one under another name."""
    kept: list[Motif] = []
    seen: set[tuple] = set()
    for motif in motifs:
        key = (
            motif.swap,
            tuple(
                (
                    s.part,
                    s.anchor.atoms,
                    tuple(np.round(s.point, 3)),
                    s.bonded_to,
                    s.turn,
                    s.second is None,
                )
                for s in motif.steps
            ),
        )
        if key not in seen:
            seen.add(key)
            kept.append(motif)
    return kept
