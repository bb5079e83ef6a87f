"""Defects of the top face: vacancies, sockets, antisites, adatoms and dopants, and the holes they open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.data import atomic_numbers
from scipy.optimize import linear_sum_assignment

from peropass.errors import InputError
from peropass.surfaces.adatoms import adatom_position
from peropass.surfaces.neighbours import (
    ion_roles,
    minimum_image,
    neighbours,
)
from peropass.surfaces.sites import exposed_ions, holes_by_coordination, surface_operations

Holes = dict[str, np.ndarray]
ALLOWED_SITES = (
    "pristine, V-X, V-Cs, V-Pb, V-CsX, V-PbX2, V-X2, V-X3, V-Cs2X2 (halides of one Pb), Cs-Pb, Pb-Cs, Pb-X, ad-X, "
    "ad-Pb, Pb-dimer, Frenkel-X, Frenkel-Cs, Schottky, M-Pb, M-Pb-deep, each of them also with -V-Cs, -V-X or -V-CsX (the host's own ions in place of Cs, Pb, X)"
)
REMOVABLE = (
    ["A"],
    ["B"],
    ["X"],
    ["A", "X"],
    ["B", "X", "X"],
    ["X", "X"],
    ["X", "X", "X"],
    ["A", "A", "X", "X"],
)
NEAREST_FACTOR = 1.15  # pairs this much longer than the nearest count as neighbours under a tilt


@dataclass(frozen=True)
class SiteStructure:
    """A slab with one defect on its top face.

    Attributes
    ----------
    site : str
        Name as asked for.
    atoms : Atoms
        The defective slab, atoms in the order of the pristine slab, adatoms last.
    removed : list of (str, ndarray (3,))
        Symbol and position of every atom taken out.
    holes : dict
        ``A-hole``, ``X-hole``, ``B-hole``, ``Pb`` (exposed B ions, nearest to the defect first),
        ``halide`` and ``A-top`` (exposed ions, nearest first), each an array (n, 3) in Angstrom.
    multiplicity : int
        Number of equivalent defects in the cell.
    """

    site: str
    atoms: Atoms
    removed: list[tuple[str, np.ndarray]] = field(default_factory=list)
    holes: Holes = field(default_factory=dict)
    multiplicity: int = 1


@dataclass(frozen=True)
class Change:
    """What a site name asks for, by role: removals, one substitution, one adatom."""

    vacancies: tuple[str, ...] = ()
    replace: tuple[str, str] | None = None
    add: str | None = None
    deep: bool = False


def make_site(slab: Atoms, site: str, variant: int = 0) -> SiteStructure:
    """Put the named defect on the top face of a (relaxed) pristine slab.

    Parameters
    ----------
    slab : Atoms
        Pristine slab, relaxed or ideal.
    site : str
        See `ALLOWED_SITES`.
    variant : int
        Which of the symmetry-distinct defects of that name, in the order of `defect_variants`.

    Raises
    ------
    InputError
        Unknown site or variant, or the slab has no such ion.
    """
    if site == "Schottky" or site.startswith("Frenkel-"):
        from peropass.surfaces.paired_defects import make_paired_site

        return make_paired_site(slab, site)
    if site.endswith("-dimer"):
        from peropass.surfaces.dimers import make_dimer

        return make_dimer(slab, site, variant)
    change = read_site(site, slab)
    if change == Change():
        return SiteStructure(site, slab.copy(), [], find_holes(slab, []))
    variants = defect_variants(slab, change)
    if not variants:
        raise InputError(f"site {site}", "no such ions on the top face", ALLOWED_SITES)
    if not 0 <= variant < len(variants):
        raise InputError(f"site {site}: variant", variant, f"0 to {len(variants) - 1}")
    chosen, multiplicity = variants[variant]
    atoms, removed = _apply(slab, change, chosen)
    return SiteStructure(
        site, atoms, removed, find_holes(atoms, _with_roles(slab, chosen, change)), multiplicity
    )


def read_site(site: str, slab: Atoms) -> Change:
    """Read a site name against the ions of `slab`."""
    if site == "pristine":
        return Change()
    roles, symbols = ion_roles(slab), np.array(slab.get_chemical_symbols())
    elements = {role: sorted(set(symbols[roles == role])) for role in "ABX"}

    def role_of(token: str) -> str:
        names = {"A": "A", "B": "B", "X": "X", "Cs": "A", "Pb": "B"}
        names |= {element: role for role in "ABX" for element in elements[role]}
        if token not in names:
            raise InputError(f"site {site}", token, ALLOWED_SITES)
        return names[token]

    def vacancies(text: str) -> tuple[str, ...]:
        units = re.findall(r"([A-Z][a-z]?)(\d?)", text)
        if not units or "".join(u + n for u, n in units) != text:
            raise InputError(f"site {site}", text, ALLOWED_SITES)
        return tuple(role_of(u) for u, n in units for _ in range(int(n or 1)))

    if match := re.fullmatch(r"V-(\w+)", site):
        removed = vacancies(match[1])
        if sorted(removed) not in REMOVABLE:
            raise InputError(f"site {site}", match[1], ALLOWED_SITES)
        return Change(vacancies=removed)
    if match := re.fullmatch(r"ad-([A-Z][a-z]?)", site):
        role = role_of(match[1])
        return Change(add=elements[role][0] if match[1] in ("A", "B", "X") else match[1])
    if match := re.fullmatch(r"([A-Z][a-z]?)-([A-Z][a-z]?)(-deep)?(?:-V-(\w+))?", site):
        new, old = match[1], role_of(match[2])
        if new in ("Cs", "Pb") and new not in symbols:
            new = elements[role_of(new)][0]
        if new in ("A", "B", "X"):
            new = elements[new][0]
        if new not in atomic_numbers:
            raise InputError(f"site {site}", new, ALLOWED_SITES)
        partner = vacancies(match[4]) if match[4] else ()
        if len(partner) > 1 and sorted(partner) != ["A", "X"]:
            raise InputError(f"site {site}", match[4], ALLOWED_SITES)
        return Change(vacancies=partner, replace=(new, old), deep=bool(match[3]))
    raise InputError("site", repr(site), ALLOWED_SITES)


def defect_variants(slab: Atoms, change: Change) -> list[tuple[tuple[int, ...], int]]:
    """Symmetry-distinct choices of the atoms that a change touches, with their multiplicities.

    Each choice is a tuple of indices: substituted atom or adatom's support first, then vacancies in
    the order of `change`. The member of an orbit is picked by intrinsic geometry, so it does not
    depend on the order of atoms, nor on where or how the slab lies in the plane.
    """
    choices = _choices(slab, change)
    if not choices:
        return []
    maps = atom_permutations(slab)
    left, variants = dict.fromkeys(choices), []
    for choice in sorted(choices, key=lambda c: _preference(slab, c)):
        if choice not in left:
            continue
        orbit = {_ordered(change, [int(mapping[i]) for i in choice]) for mapping in maps}
        orbit &= set(left)
        orbit.add(choice)
        variants.append((choice, len(orbit)))
        for member in orbit:
            left.pop(member, None)
    return variants


def _ordered(change: Change, choice: list[int]) -> tuple[int, ...]:
    """One tuple per set of touched atoms: halides of one metal, and A ions beside them, have no order."""
    kinds = sorted(change.vacancies)
    if kinds == ["B", "X", "X"]:
        return (choice[0], *sorted(choice[1:]))
    if kinds.count("X") > 1:
        halides = kinds.count("X")
        return (*sorted(choice[:halides]), *sorted(choice[halides:]))
    return tuple(choice)


def _choices(slab: Atoms, change: Change) -> list[tuple[int, ...]]:
    roles = ion_roles(slab)
    if change.add is not None:
        return [(i,) for i in _adatom_supports(slab, change.add)]
    if change.replace is not None:
        first = _ions_near_top(slab, change.replace[1], deep=change.deep)
        if not change.vacancies:
            return [(i,) for i in first]
        if len(change.vacancies) == 2:
            return _pairs_beside(slab, first, change.vacancies)
        partner = _ions_near_top(slab, change.vacancies[0])
        return _nearest_pairs(slab, first, partner)
    if len(change.vacancies) == 1:
        return [(i,) for i in _ions_near_top(slab, change.vacancies[0])]
    if sorted(change.vacancies) == ["A", "X"]:
        pairs = _nearest_pairs(slab, _ions_near_top(slab, "A"), _ions_near_top(slab, "X"))
        return pairs if change.vacancies == ("A", "X") else [pair[::-1] for pair in pairs]
    if "B" not in change.vacancies:
        return _halides_of_one_metal(slab, change.vacancies.count("X"), change.vacancies.count("A"))
    choices = []
    for b in _ions_near_top(slab, "B"):
        bonded, vectors = neighbours(slab, b, np.flatnonzero(roles == "X"))
        order = np.argsort(-vectors[:, 2], kind="stable")
        bonded, vectors = bonded[order], vectors[order]
        for first in range(len(bonded)):
            for second in range(first + 1, len(bonded)):
                if vectors[first, 2] >= vectors[0, 2] - 0.5 and vectors[second, 2] > -1.0:
                    pair = sorted((int(bonded[first]), int(bonded[second])))
                    choices.append((b, *pair))
    return choices


def _halides_of_one_metal(slab: Atoms, n_halides: int, n_a: int) -> list[tuple[int, ...]]:
    """`n_halides` ligands of one exposed B ion that lie at its height or above, and the A ions nearest to them."""
    roles = ion_roles(slab)
    cell = slab.cell.array
    choices: dict[tuple[int, ...], None] = {}
    for b in _ions_near_top(slab, "B"):
        bonded, vectors = neighbours(slab, b, np.flatnonzero(roles == "X"))
        upper = sorted({int(i) for i, v in zip(bonded, vectors, strict=True) if v[2] > -1.0})
        for halides in combinations(upper, n_halides):
            a_ions = np.array(_ions_near_top(slab, "A")) if n_a else np.array([], int)
            if len(a_ions) < n_a:
                continue
            gaps = minimum_image(
                slab.positions[a_ions][:, None] - slab.positions[list(halides)], cell
            )
            reach = np.round(np.linalg.norm(gaps, axis=-1).sum(axis=1), 3)
            nearest = a_ions[np.argsort(reach, kind="stable")[:n_a]]
            choices[(*halides, *sorted(int(i) for i in nearest))] = None
    return list(choices)


def _ions_near_top(slab: Atoms, role: str, deep: bool = False) -> list[int]:
    """Exposed ions of `role`; where none is exposed, those of its uppermost atomic layer.

    With `deep`, those of the next layer below that holds the role.
    """
    roles = ion_roles(slab)
    kinds = {"A": "A-top", "B": "Pb", "X": "X-top"}
    exposed = [site.atoms[0] for site in exposed_ions(slab) if site.kind == kinds[role]]
    if exposed and not deep:
        return exposed
    candidates = np.flatnonzero(roles == role)
    layers = _layers(slab)[candidates]
    kept = np.unique(layers)
    if deep and len(kept) < 2:
        raise InputError("site", "one layer only holds the substituted ion", "a slab of 5 layers")
    return [int(i) for i in candidates[layers == kept[1 if deep else 0]]]


def _layers(slab: Atoms) -> np.ndarray:
    if "layer" not in slab.arrays:
        raise InputError("site", "a slab without the array layer", "a slab of build_slab")
    return slab.arrays["layer"]


def _nearest_pairs(slab: Atoms, first: list[int], second: list[int]) -> list[tuple[int, int]]:
    """Pairs at about the shortest distance between two sets of atoms."""
    cell = slab.cell.array
    vectors = slab.positions[second][None] - slab.positions[first][:, None]
    lengths = np.linalg.norm(minimum_image(vectors, cell), axis=-1)
    lengths[np.equal.outer(np.array(first), np.array(second))] = (
        np.inf
    )  # an ion is no pair with itself
    if not np.isfinite(lengths).any():
        return []
    rows, columns = np.nonzero(lengths <= NEAREST_FACTOR * lengths.min())
    return [(int(first[i]), int(second[j])) for i, j in zip(rows, columns, strict=True)]


def _pairs_beside(
    slab: Atoms, first: list[int], vacancies: tuple[str, ...]
) -> list[tuple[int, int, int]]:
    """A substituted ion and the pair of A and X that would be taken out alone, whose X is bonded to that ion."""
    found = []
    pairs = _nearest_pairs(slab, _ions_near_top(slab, "A"), _ions_near_top(slab, "X"))
    bonded = set(_nearest_pairs(slab, first, sorted({x for _, x in pairs})))
    for metal in first:
        for a, x in pairs:
            if (metal, x) in bonded:
                found.append((metal, a, x) if vacancies == ("A", "X") else (metal, x, a))
    return found


def _adatom_supports(slab: Atoms, symbol: str) -> list[int]:
    """Ions that an adatom of `symbol` sits on: halides for cations, exposed B or A for anions."""
    roles, symbols = ion_roles(slab), slab.get_chemical_symbols()
    anion = symbol in {s for s, role in zip(symbols, roles, strict=True) if role == "X"}
    sites = exposed_ions(slab)
    wanted = ("Pb", "A-top") if anion else ("X-top",)
    for kind in wanted:
        found = [site.atoms[0] for site in sites if site.kind == kind]
        if found:
            return found
    return []


def atom_permutations(slab: Atoms) -> list[np.ndarray]:
    """For each symmetry operation of the top face, the index of the image of each atom."""
    cell, maps = slab.cell.array, []
    different = slab.numbers[:, None] != slab.numbers[None]
    for rotation, translation in surface_operations(slab):
        images = slab.positions @ rotation.T + translation
        gaps = np.linalg.norm(minimum_image(slab.positions[None] - images[:, None], cell), axis=-1)
        rows, columns = linear_sum_assignment(gaps**2 + 1e4 * different)
        maps.append(columns[np.argsort(rows)])
    return maps


def _preference(slab: Atoms, choice: tuple[int, ...]) -> tuple[float, ...]:
    """Sort key: the nearest pair first, then denser surroundings, then handedness."""
    signature = tuple(-value for value in surroundings(slab, choice))
    if len(choice) != 2:
        return (0.0, *signature)
    vector = slab.positions[choice[1]] - slab.positions[choice[0]]
    length = float(np.linalg.norm(minimum_image(vector, slab.cell.array)))
    return (round(length, 1), *signature)


def surroundings(slab: Atoms, choice: tuple[int, ...]) -> tuple[float, float]:
    """Intrinsic scalar and handedness of the surroundings of a choice of atoms."""
    origin = slab.positions[choice[0]]
    towards = minimum_image(slab.positions[list(choice)] - origin, slab.cell.array)
    scalar = sum(_density(slab, slab.positions[i]) * 10.0**-n for n, i in enumerate(choice))
    hand = handedness(slab, origin, towards[1:].sum(axis=0)) if len(choice) > 1 else 0.0
    return round(scalar, 2), round(hand, 2)


def _density(slab: Atoms, point: np.ndarray) -> float:
    distances = np.linalg.norm(minimum_image(slab.positions - point, slab.cell.array), axis=1)
    return float((slab.numbers * np.exp(-distances / 1.5)).sum())


def handedness(slab: Atoms, origin: np.ndarray, axis: np.ndarray) -> float:
    """Pseudo-scalar about the vertical plane through `axis`: changes sign in its mirror image."""
    vectors = minimum_image(slab.positions - origin, slab.cell.array)
    lengths = np.linalg.norm(vectors, axis=1)
    direction = np.array([axis[0], axis[1], 0.0])
    norm = np.linalg.norm(direction)
    if norm < 1e-6:
        return 0.0
    along = vectors @ direction / norm
    across = np.cross(direction / norm, vectors)[:, 2]
    return float((slab.numbers * np.exp(-lengths / 1.5) * across * along).sum())


def _apply(
    slab: Atoms, change: Change, chosen: tuple[int, ...]
) -> tuple[Atoms, list[tuple[str, np.ndarray]]]:
    atoms = slab.copy()
    roles = ion_roles(slab)
    atoms.set_array("ion", roles, dtype="<U1")
    removed = list(chosen)
    taken: list[tuple[str, np.ndarray]] = []
    if change.replace is not None:
        place = removed.pop(0)
        taken.append((slab.symbols[place], slab.positions[place].copy()))
        known = dict(zip(slab.get_chemical_symbols(), roles, strict=True))
        atoms.symbols[place] = change.replace[0]
        atoms.arrays["ion"][place] = known.get(change.replace[0], change.replace[1])
    if change.add is not None:
        support = removed.pop(0)
        site = next(s for s in exposed_ions(slab) if s.atoms[0] == support)
        known = dict(zip(slab.get_chemical_symbols(), roles, strict=True))
        staying = [i for i in range(len(slab)) if i != support and i not in removed]
        position = adatom_position(slab, change.add, support, site.normal, staying)
        atoms.extend(_adatom(change.add, position, known, atoms))
    taken += [(slab.symbols[i], slab.positions[i].copy()) for i in removed]
    keep = np.setdiff1d(np.arange(len(atoms)), _whole_cations(atoms, removed))
    fixed = {int(i) for c in slab.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}
    atoms.set_constraint()
    atoms = atoms[keep]
    atoms.set_constraint(FixAtoms([n for n, i in enumerate(keep) if int(i) in fixed]))
    return atoms, taken


def _whole_cations(atoms: Atoms, indices: list[int]) -> list[int]:
    """Indices with all atoms of the molecular cations among them."""
    numbers = atoms.arrays.get("cation", np.zeros(len(atoms), int))
    molecules = set(numbers[indices]) - {0} if indices else set()
    return sorted({*indices, *np.flatnonzero(np.isin(numbers, list(molecules))).tolist()})


def _adatom(symbol: str, position: np.ndarray, known: dict[str, str], like: Atoms) -> Atoms:
    adatom = Atoms(symbol, positions=[position])
    values = {"ion": known.get(symbol, "B"), "layer": 1, "fragment": 0, "smiles_index": -1}
    for name, value in values.items():
        if name in like.arrays:
            adatom.set_array(name, np.array([value], dtype=like.arrays[name].dtype))
    return adatom


def _with_roles(
    slab: Atoms, chosen: tuple[int, ...], change: Change
) -> list[tuple[str, np.ndarray]]:
    """Role and position of the atoms that a change removes (not of those it substitutes)."""
    roles = ion_roles(slab)
    skip = 1 if change.replace is not None or change.add is not None else 0
    return [(str(roles[i]), slab.positions[i].copy()) for i in sorted(chosen[skip:])]


def find_holes(atoms: Atoms, vacated: Iterable[tuple[str, np.ndarray]]) -> Holes:
    """Places that ligands may take on a slab with known vacated places.

    Parameters
    ----------
    atoms : Atoms
        The slab, before or after relaxation.
    vacated : iterable of (role, position)
        Former places of removed ions. Without any, empty lattice places are found by coordination
        (a BX2 face exposes them), so that every face offers its sites.
    """
    vacated = list(vacated)
    exposed = exposed_ions(atoms)
    holes: Holes = {f"{role}-hole": _stack([p for r, p in vacated if r == role]) for role in "ABX"}
    if not vacated:
        empty = holes_by_coordination(atoms)
        for kind in ("A-hole", "X-hole"):
            holes[kind] = _stack([site.position for site in empty if site.kind == kind])
    layer = atoms.arrays.get("layer", np.ones(len(atoms), int))
    for kind, name in (("Pb", "Pb"), ("X-top", "halide"), ("A-top", "A-top")):
        sites = [site for site in exposed if site.kind == kind]
        # Halides beside an A hole lie open too, one layer down; nothing adsorbs on them first.
        top = min((layer[site.atoms[0]] for site in sites), default=1)
        sites = [s for s in sites if kind != "X-top" or layer[s.atoms[0]] == top]
        holes[name] = _stack([site.position for site in sites])
    roles = ion_roles(atoms)
    if not len(holes["Pb"]) and len(holes["X-hole"]):
        holes["Pb"] = _bonded_below(atoms, roles, holes["X-hole"])
    centre = np.concatenate([holes["X-hole"], holes["A-hole"], holes["B-hole"]])
    if len(centre) and vacated:
        for name in ("Pb", "halide", "A-top"):
            gaps = minimum_image(holes[name][:, None] - centre[None], atoms.cell.array)
            order = np.argsort(np.linalg.norm(gaps, axis=-1).sum(axis=1), kind="stable")
            holes[name] = holes[name][order]
    return holes


def _bonded_below(atoms: Atoms, roles: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """B ions within bond reach of X holes: exposed by the vacancy even after they relaxed."""
    metals = np.flatnonzero(roles == "B")
    found = []
    for hole in holes:
        lengths = np.linalg.norm(
            minimum_image(atoms.positions[metals] - hole, atoms.cell.array), axis=1
        )
        found.append(atoms.positions[metals[np.argmin(lengths)]])
    return _stack(found)


def _stack(points: list[np.ndarray]) -> np.ndarray:
    return np.array(points, float).reshape(-1, 3)


def locate_holes(atoms: Atoms, pristine: Atoms) -> Holes:
    """Holes of a relaxed defective slab, from the pristine slab that it was made of.

    Both share the frozen bottom layers, hence one frame: the pristine atoms that have no partner of
    their element in `atoms` mark the vacated places. Substituted places are not holes.
    """
    cell = atoms.cell.array
    slab = atoms[atoms.arrays.get("fragment", np.zeros(len(atoms), int)) == 0]
    lengths = np.linalg.norm(
        minimum_image(slab.positions[None] - pristine.positions[:, None], cell), axis=-1
    )
    different = pristine.numbers[:, None] != slab.numbers[None]
    # An element change counts as a displacement of 3 A: a substitution in place then costs less
    # than calling it a vacancy beside an adatom.
    n_old, n_new = lengths.shape
    cost = np.where(different, lengths**2 + 9.0, lengths**2)
    padded = np.concatenate([cost, np.full((n_old, max(0, n_old - n_new)), 16.0)], axis=1)
    rows, columns = linear_sum_assignment(padded)
    roles = ion_roles(pristine)
    vacated = [
        (str(roles[i]), pristine.positions[i].copy())
        for i, j in zip(rows, columns, strict=True)
        if j >= n_new
    ]
    return find_holes(slab, vacated)
