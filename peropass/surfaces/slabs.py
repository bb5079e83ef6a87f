"""Symmetric slabs with an odd number of atomic layers, cut through pymatgen's oriented cell."""

from __future__ import annotations

import re

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.constraints import FixAtoms

from peropass.errors import InputError
from peropass.surfaces.alloys import make_host_alloy
from peropass.surfaces.hosts import PEROVSKITE_PHASES, Host, bulk, with_molecules

# ASSUME the slab's lowest atom lies 4.5 A above the cell boundary: the dipole layer sits at that
# boundary and must be in vacuum; in plane waves the rest of the vacuum may lie above the slab.
BOTTOM_ANG = 4.5
MIN_TO_BOUNDARY_ANG = 4.0
TILT_DEG = 12.0  # start of the M-point rotation, near the 11-16 degrees that slabs end at; relaxation finds the real angle
RATTLE_ANG = 0.02
OFF_CENTRE_RATTLE_ANG = 0.05
OUTER_A_SHIFT_ANG = 0.7
RATTLE_SEED = 20240607

# Lateral cells in pseudo-cubic surface units; 1x1 is absent because it does not fold M onto Gamma.
LATERAL_UNITS = {"sqrt2": 2, "2x2": 4, "2sqrt2": 8}
SQUARE_TOLERANCE = 0.06  # tilted phases deviate by up to 2 % from a square pseudo-cubic net


def build_slab(
    host: Host,
    termination: str,
    *,
    a_ang: float,
    lateral: str = "sqrt2",
    layers: int = 3,
    height_ang: float,
    frozen_layers: int = 1,
    tilt: bool = True,
    off_centre: bool = False,
    alloy_seed: int = 0,
) -> Atoms:
    """Slab of `host` with the named termination on both faces.

    Parameters
    ----------
    host : Host
        A perovskite phase.
    termination : str
        Miller indices and surface layer, ``001-CsX`` or ``001-PbX2`` (``110-...`` for orthorhombic
        hosts); the host's own ions may be written instead of Cs and Pb.
    a_ang : float
        Pseudo-cubic lattice constant, Angstrom.
    lateral : str
        ``sqrt2``, ``2x2`` or ``2sqrt2``, in units of the pseudo-cubic surface cell.
    layers : int
        Odd number of atomic layers (AX and BX2 alternate).
    height_ang : float
        Length of the cell along the surface normal, Angstrom.
    frozen_layers : int
        Number of atomic layers fixed at the bottom.
    tilt : bool
        Start off the high-symmetry saddle: an in-phase rotation of the octahedra about the normal
        (a0a0c+, cubic hosts) and a fixed rattle of the free atoms.
    off_centre : bool
        With `tilt`: also shift every second outer A ion sideways and rattle more, the start of relaxations.
    alloy_seed : int
        Seed of the special quasirandom structure, for hosts with mixed sublattices.

    Returns
    -------
    Atoms
        pbc (T, T, F), c along z, lowest atom at z = 4.5 A, FixAtoms, arrays ``ion`` (A, B, X),
        ``layer`` (1 = top), ``fragment`` (0) and ``smiles_index`` (-1).
    """
    miller, surface = read_termination(termination, host)
    _check(host, termination, lateral, layers, height_ang, frozen_layers)
    planes, lateral_cell, step = _layers_of(host, miller, a_ang, lateral, termination)
    start = next(k for k, plane in enumerate(planes) if plane.info["kind"] == surface)
    slab = _stack(planes, start, layers, step)
    slab.set_cell([*lateral_cell, [0, 0, height_ang]])
    slab.pbc = (True, True, False)
    slab.positions[:, 2] += BOTTOM_ANG - slab.positions[:, 2].min()
    if height_ang - slab.positions[:, 2].max() < MIN_TO_BOUNDARY_ANG:
        raise InputError(
            f"slab {termination}: height_ang",
            height_ang,
            f"at least {slab.positions[:, 2].max() + MIN_TO_BOUNDARY_ANG:.1f} A for {layers} layers",
        )
    slab.wrap(pbc=(True, True, False))
    slab.info = {"host": host.name, "termination": termination}
    n_atoms = len(slab)
    slab.set_array("fragment", np.zeros(n_atoms, int))
    slab.set_array("smiles_index", np.full(n_atoms, -1))
    slab = make_host_alloy(host, slab, a_ang=a_ang, seed=alloy_seed)
    frozen = np.flatnonzero(slab.arrays["layer"] > layers - frozen_layers)
    if tilt:
        if host.phase == "cubic":
            _rotate_octahedra(slab, a_ang, frozen)
            if off_centre:
                _shift_outer_a_ions(slab, frozen)
        _rattle(slab, frozen, OFF_CENTRE_RATTLE_ANG if off_centre else RATTLE_ANG)
    slab.set_constraint(FixAtoms(indices=frozen))
    return with_molecules(slab, host)


def read_termination(termination: str, host: Host) -> tuple[tuple[int, int, int], str]:
    """Miller indices and kind of surface layer (``AX`` or ``BX2``) of a termination name."""
    a, b, x = (host.symbol(role) for role in "ABX")
    names = {f"{s}{t}": "AX" for s in (a, "Cs", "A") for t in ("X", x)}
    names |= {f"{s}{t}2": "BX2" for s in (b, "Pb", "B") for t in ("X", x)}
    match = re.fullmatch(r"(\d)(\d)(\d)-(\w+)", termination)
    if match is None or match[4] not in names:
        allowed = f"hkl-{a}X or hkl-{b}X2, e.g. 001-{a}X"
        raise InputError(f"host {host.name}: termination", repr(termination), allowed)
    return (int(match[1]), int(match[2]), int(match[3])), names[match[4]]


def _check(
    host: Host, termination: str, lateral: str, layers: int, height_ang: float, frozen_layers: int
) -> None:
    where = f"slab {host.name} {termination}"
    if host.phase not in PEROVSKITE_PHASES:
        raise InputError(where, f"phase {host.phase}", ", ".join(PEROVSKITE_PHASES))
    if lateral not in LATERAL_UNITS:
        raise InputError(f"{where}: lateral", repr(lateral), ", ".join(LATERAL_UNITS))
    if layers < 3 or layers % 2 == 0:
        raise InputError(f"{where}: layers", layers, "an odd number, at least 3")
    if not 0 <= frozen_layers < layers:
        raise InputError(f"{where}: frozen_layers", frozen_layers, f"0 to {layers - 1}")
    if not np.isfinite(height_ang) or height_ang <= 0:
        raise InputError(f"{where}: height_ang", height_ang, "a positive length in Angstrom")


def _oriented_bulk(host: Host, miller: tuple[int, int, int], a_ang: float) -> Atoms:
    """Bulk cell with its first two vectors in the surface plane, x along the first, z the normal."""
    from pymatgen.core.surface import SlabGenerator
    from pymatgen.io.ase import AseAtomsAdaptor

    cell = bulk(host, a_ang, molecules=False)
    structure = AseAtomsAdaptor.get_structure(cell)
    structure.add_site_property("ion", cell.arrays["ion"].tolist())
    generator = SlabGenerator(
        structure, miller, min_slab_size=1, min_vacuum_size=1, primitive=False, center_slab=False
    )
    oriented = generator.oriented_unit_cell
    lattice, scaled = oriented.lattice.matrix, oriented.frac_coords
    if np.linalg.det(lattice) < 0:
        lattice, scaled = lattice[[1, 0, 2]], scaled[:, [1, 0, 2]]
    made = Atoms([site.specie.symbol for site in oriented], scaled_positions=scaled, cell=lattice)
    made.set_array("ion", np.array(oriented.site_properties["ion"], dtype="<U1"))
    standard, _ = made.cell.standard_form()
    made.set_cell(standard, scale_atoms=True)
    made.pbc = True
    return made


def _layers_of(
    host: Host, miller: tuple[int, int, int], a_ang: float, lateral: str, termination: str
) -> tuple[list[Atoms], np.ndarray, np.ndarray]:
    """Atomic layers of one repeat along the normal, lateral cell (2, 3) and repeat vector (3,).

    B ions define the planes of the BX2 layers; AX planes lie half-way. Every atom belongs to the
    nearest plane, so tilted octahedra do not split a layer.
    """
    oriented = _oriented_bulk(host, miller, a_ang)
    matrix = np.eye(3, dtype=int)
    found = _square_supercell(oriented.cell.array[:2], a_ang, LATERAL_UNITS[lateral])
    if found is None:
        fits = [
            name
            for name, units in LATERAL_UNITS.items()
            if _square_supercell(oriented.cell.array[:2], a_ang, units) is not None
        ]
        where = f"slab {host.name} {termination}: lateral"
        raise InputError(where, lateral, ", ".join(fits) or "none for these Miller indices")
    matrix[:2, :2] = found
    cell = make_supercell(oriented, matrix)
    standard, _ = cell.cell.standard_form()
    cell.set_cell(standard, scale_atoms=True)
    repeat = cell.cell[2].copy()
    n_planes = 2 * round(repeat[2] / a_ang)
    spacing = repeat[2] / n_planes
    heights = cell.positions[:, 2]
    phase = np.angle(np.mean(np.exp(1j * np.pi * heights[cell.arrays["ion"] == "B"] / spacing)))
    offset = phase * spacing / np.pi
    index = np.round((heights - offset) / spacing).astype(int)
    planes = []
    for k in range(n_planes):
        plane = cell[index % n_planes == k]
        turns = (index[index % n_planes == k] - k) // n_planes
        plane.positions -= turns[:, None] * repeat
        plane.info["kind"] = "BX2" if k % 2 == 0 else "AX"
        _check_plane(plane, host, termination)
        planes.append(plane)
    return planes, cell.cell[:2].copy(), repeat


def _square_supercell(vectors: np.ndarray, a_ang: float, units: int) -> np.ndarray | None:
    """Integer matrix (2, 2) that makes a nearly square cell of `units` pseudo-cubic surface cells."""
    side = a_ang * np.sqrt(units)
    span = range(-4, 5)
    candidates = []
    for row in [(i, j) for i in span for j in span if (i, j) != (0, 0)]:
        vector = np.array(row) @ vectors
        if abs(np.linalg.norm(vector) - side) < SQUARE_TOLERANCE * side:
            candidates.append((np.array(row), vector))
    for first, along in sorted(candidates, key=lambda c: tuple(-c[0])):
        for second, across in candidates:
            turned = np.cross(along, across)[2] / side**2
            if turned > 1 - SQUARE_TOLERANCE and abs(along @ across) < SQUARE_TOLERANCE * side**2:
                return np.array([first, second])
    return None


def _check_plane(plane: Atoms, host: Host, termination: str) -> None:
    """Refuse Miller indices whose layers are not AX and BX2 (not pseudo-cubic {100} faces)."""
    ion = plane.arrays["ion"].tolist()
    n_a, n_b, n_x = (ion.count(role) for role in "ABX")
    fits = (
        (n_b == 0 and n_a == n_x) if plane.info["kind"] == "AX" else (n_a == 0 and n_x == 2 * n_b)
    )
    if not fits or not ion:
        raise InputError(
            f"slab {host.name}: termination",
            f"{termination} with a layer A{n_a}B{n_b}X{n_x}",
            "Miller indices of a pseudo-cubic {100} face: 001, and 110 for tilted phases",
        )


def _stack(planes: list[Atoms], start: int, layers: int, step: np.ndarray) -> Atoms:
    """`layers` planes from `start` upwards, with the array ``layer`` counted from the top."""
    slab = Atoms()
    for number in range(layers):
        turn, k = divmod(start + number, len(planes))
        plane = planes[k].copy()
        plane.positions += turn * step
        plane.set_array("layer", np.full(len(plane), layers - number))
        slab = plane if number == 0 else slab + plane
    return slab


def _rotate_octahedra(slab: Atoms, a_ang: float, frozen: np.ndarray) -> None:
    """Turn neighbouring octahedra against each other about z, in phase along z (M3+ mode)."""
    ion = slab.arrays["ion"]
    centres = np.flatnonzero(ion == "B")
    first = slab.positions[centres[0]]
    axis = _pseudocubic_axis(slab, a_ang)
    side = np.array([-axis[1], axis[0], 0.0])
    angle = np.tan(np.radians(TILT_DEG))
    for x in np.setdiff1d(np.flatnonzero(ion == "X"), frozen):
        vectors = slab.get_distances(x, centres, mic=True, vector=True)
        lengths = np.linalg.norm(vectors, axis=1)
        nearest = int(np.argmin(lengths))
        arm = -vectors[nearest]
        if abs(arm[2]) > 0.5 * lengths[nearest]:
            continue
        shift = slab.positions[x] - arm - first
        parity = round(shift @ axis / a_ang) + round(shift @ side / a_ang)
        sign = 1.0 if parity % 2 == 0 else -1.0
        slab.positions[x] += sign * angle * np.cross([0.0, 0.0, 1.0], arm)


def _pseudocubic_axis(slab: Atoms, a_ang: float) -> np.ndarray:
    """In-plane direction between neighbouring B ions of a cubic (001) slab."""
    centres = np.flatnonzero(slab.arrays["ion"] == "B")
    layer = slab.arrays["layer"]
    same = centres[layer[centres] == layer[centres[0]]]
    vectors = slab.get_distances(same[0], same, mic=True, vector=True)
    lengths = np.linalg.norm(vectors, axis=1)
    nearest = vectors[np.argmin(np.abs(lengths - a_ang))]
    return nearest / np.linalg.norm(nearest)


def _shift_outer_a_ions(slab: Atoms, frozen: np.ndarray) -> None:
    """Every second A ion of a free outer layer moves along the diagonal of the lateral cell.

    Undercoordinated A ions leave the centre of their ring of halides. On the symmetric position PBE + D3 has a flat saddle
    (forces below 0.04 eV/A), 0.07 eV per sqrt2 cell of three layers above the shifted structure, and relaxations stay there.
    """
    layer, ion = slab.arrays["layer"], slab.arrays["ion"]
    direction = slab.cell.array[0] + slab.cell.array[1]
    direction = direction / np.linalg.norm(direction)
    for outer in (layer.min(), layer.max()):
        members = np.setdiff1d(np.flatnonzero((layer == outer) & (ion == "A")), frozen)
        slab.positions[members[1::2]] -= OUTER_A_SHIFT_ANG * direction


def _rattle(slab: Atoms, frozen: np.ndarray, size_ang: float) -> None:
    """Move every free atom by about `size_ang`, the same on every call."""
    shifts = np.random.default_rng(RATTLE_SEED).normal(size=(len(slab), 3))
    shifts *= size_ang / np.sqrt(3)
    shifts[frozen] = 0.0
    slab.positions += shifts
