"""Kohn-Sham levels around the gap, read from a converged GPAW calculation.

Everything that later decides about traps is taken here in one pass: eigenvalues without and with
spin-orbit coupling, fillings, projector weights per atom and angular momentum, the electrostatic
potential at each nucleus, the vacuum level of each face and the semicore levels. All energies are in eV
on the scale of that one calculation; `peropass.analysis.alignment` puts several on one axis.
"""

from __future__ import annotations

import numpy as np

from peropass.engine.protocol import SpinOrbit
from peropass.engine.spin_orbit import spin_orbit_states
from peropass.errors import EngineError
from peropass.records import LevelSet

ANGULAR_MOMENTA = (0, 1, 2)
# ASSUME states more than 10 eV below the highest occupied one are semicore: in a caesium lead halide
# these are Cs 5s, Pb 5d and the halogen s, all chemically inert; the valence band is 5 eV wide.
SEMICORE_DEPTH_EV = 10.0
SLICE_FIELDS = ("density_per_ang3", "through_ang", "energies_eV", "filling", "band", "spin")
WEIGHT_DECIMALS = 5
ENERGY_DECIMALS = 6


def extract_levels(
    calc,
    atoms,
    *,
    n_below: int = 20,
    n_above: int = 20,
    soc: bool = True,
    operator: SpinOrbit = "mass",
) -> dict:
    """Everything of a `LevelsRecord` that comes from the calculation.

    Parameters
    ----------
    calc : gpaw.new.ase_interface.ASECalculator
        Converged calculation that holds its wave functions.
    atoms : ase.Atoms
        The same structure, with arrays `fragment` and `layer` and its FixAtoms.
    n_below, n_above : int
        Bands listed below and above the middle of the gap, per spin and k-point. With spin-orbit
        coupling twice as many states, so that the same bands are listed.
    soc : bool
        Also diagonalise the spin-orbit coupling in the basis of all converged bands (second variation).
    operator
        Of the spin-orbit coupling, see `peropass.engine.spin_orbit`.

    Returns
    -------
    dict
        Keyword arguments of `LevelsRecord` except status, reason, address, provenance, settings_hash,
        settings, structure and hse_soc.

    Raises
    ------
    EngineError
        Projections are missing, empty bands are not converged, or the atoms are others.
    """
    _refuse_without_projections(calc)
    if len(atoms) != len(calc.setups):
        raise EngineError(f"levels: {len(atoms)} atoms given, {len(calc.setups)} calculated")
    weights = _scalar_weights(calc)
    energies = np.asarray(calc.eigenvalues())
    filling = _filling(calc)
    scalar = _scalar_set(calc, energies, filling, weights, n_below, n_above)
    return {
        "kpts": tuple(int(n) for n in calc.wfs.kd.N_c),
        "cell_ang": np.asarray(atoms.cell.array).tolist(),
        "symbols": atoms.get_chemical_symbols(),
        "positions_ang": np.round(atoms.positions, 6).tolist(),
        "n_electrons": int(round(float(calc.get_number_of_electrons()))),
        "charge_e": float(calc.dft.pot_calc.charge),
        "fermi_eV": float(calc.get_fermi_level()),
        "vacuum_eV": vacuum_levels(calc),
        "atomic_potentials_eV": np.round(
            np.asarray(calc.get_atomic_electrostatic_potentials(), float), ENERGY_DECIMALS
        ).tolist(),
        "semicore_eV": float(energies.min()),
        "semicore_atoms_eV": semicore_centroids(energies, filling, weights),
        "fixed": _fixed_atoms(atoms),
        "fragment": _integer_array(atoms, "fragment"),
        "layer": _integer_array(atoms, "layer"),
        "scalar": scalar,
        "soc": spin_orbit_levels(calc, n_below=n_below, n_above=n_above, operator=operator)
        if soc
        else None,
    }


def vacuum_levels(calc) -> list[float] | None:
    """Electrostatic potential in the vacuum [below, above] the slab (eV); None where c is periodic.

    The plane average at the cell boundary, the point farthest from both faces, less or plus half the
    step of the dipole layer that sits there. Without a dipole layer both entries are that average.
    GPAW lists the face at z = c first.
    """
    from gpaw.new.calculation import NonsenseError

    if bool(calc.atoms.pbc[2]):
        return None
    calc.get_electrostatic_potential()  # a calculation read from a file knows its step only after this
    level, fermi = float(calc.dft.vacuum_level()), float(calc.get_fermi_level())
    try:
        above, below = (float(w) + fermi for w in calc.dft.workfunctions())
    except NonsenseError:  # no dipole layer
        above = below = level
    return [round(below, ENERGY_DECIMALS), round(above, ENERGY_DECIMALS)]


def spin_orbit_levels(
    calc, *, n_below: int = 20, n_above: int = 20, operator: SpinOrbit = "mass"
) -> LevelSet:
    """Levels with spin-orbit coupling, all Kramers partners listed.

    Spinor weights are sums over both spin components. For spin-paired calculations one k-point per
    irreducible one is listed: k and -k hold the same levels.
    """
    states = spin_orbit_states(calc, operator=operator, n1=0, n2=_converged_bands(calc))
    return _spinor_set(
        calc, states, np.asarray(states.occupation_numbers()), 0, n_below=n_below, n_above=n_above
    )


def hse_levels(
    calc,
    *,
    n_below: int = 20,
    n_above: int = 20,
    functional: str = "HSE06",
    operator: SpinOrbit = "mass",
) -> LevelSet:
    """Hybrid eigenvalues on PBE orbitals, not self-consistent, with spin-orbit coupling.

    Wave functions and hence weights are those of the underlying calculation; only the energies that
    enter the spin-orbit Hamiltonian change (10.1063/1.1564060 for HSE). Fillings are those of the
    neutral cell at zero temperature, every electron of an odd number counted.

    Raises
    ------
    EngineError
        The calculation is not in plane-wave mode or holds no wave functions.
    """
    from gpaw.hybrids.eigenvalues import non_self_consistent_eigenvalues

    _refuse_without_wave_functions(calc)
    occupied = _occupied_bands(calc)
    n1 = max(0, occupied - n_below)
    n2 = min(_converged_bands(calc), occupied + n_above)
    semilocal, vxc, vhybrid = non_self_consistent_eigenvalues(calc, functional, n1=n1, n2=n2)
    energies = np.asarray(semilocal - vxc + vhybrid)
    states = spin_orbit_states(calc, operator=operator, n1=n1, n2=n2, eigenvalues=energies)
    filling = _aufbau(np.asarray(states.eigenvalues()), _electrons(calc) - 2 * n1)
    return _spinor_set(calc, states, filling, 2 * n1, n_below=n_below, n_above=n_above)


def density_on_plane(
    calc, *, band: int, kpoint: int = 0, spin: int = 0, axis: int = 0, through_ang: float = 0.0
) -> dict:
    """Pseudo density of one state on the lattice plane through `through_ang` along cell axis `axis`.

    Returns
    -------
    dict
        `density_per_ang3` (n, m), the in-plane extents `extent_ang` (2,) and the plane's position
        `through_ang` on the grid. The pseudo density lacks the PAW corrections inside the spheres: a
        picture of where a state lives, no number.
    """
    _refuse_without_wave_functions(calc)
    psi = np.asarray(calc.get_pseudo_wave_function(band, kpt=kpoint, spin=spin))
    cell = np.asarray(calc.atoms.cell.array)
    lengths = np.linalg.norm(cell, axis=1)
    fraction = (through_ang / lengths[axis]) % 1.0
    index = int(round(fraction * psi.shape[axis])) % psi.shape[axis]
    others = [i for i in range(3) if i != axis]
    return {
        "density_per_ang3": np.abs(np.take(psi, index, axis=axis)) ** 2,
        "extent_ang": lengths[others],
        "through_ang": float(index / psi.shape[axis] * lengths[axis]),
    }


def edge_densities(calc, *, each_side: int = 2) -> dict[str, np.ndarray]:
    """Slices through the states next to the gap at the first k-point, without spin-orbit coupling.

    Each slice is perpendicular to the first cell axis and goes through the atom that holds most of the state.

    Returns
    -------
    dict of arrays
        `density_per_ang3` (n, nlateral, nnormal), `extent_ang` (2,), `through_ang` (n,), `energies_eV`,
        `filling`, `band`, `spin` (n,); lowest state first, spin up before spin down.
    """
    weights, energies, filling = (
        _scalar_weights(calc),
        np.asarray(calc.eigenvalues()),
        _filling(calc),
    )
    places = calc.atoms.positions[:, 0]
    found: dict[str, list] = {name: [] for name in SLICE_FIELDS}
    for spin in range(len(energies)):
        n_filled = int((filling[spin, 0] > 0.5).sum())
        low, high = max(0, n_filled - each_side), min(_converged_bands(calc), n_filled + each_side)
        for band in range(low, high):
            holder = int(np.argmax(weights[spin, 0, band].sum(-1)))
            plane = density_on_plane(calc, band=band, spin=spin, through_ang=float(places[holder]))
            values = (
                plane["density_per_ang3"].astype(np.float32),
                plane["through_ang"],
                energies[spin, 0, band],
                filling[spin, 0, band],
                band,
                spin,
            )
            for name, value in zip(SLICE_FIELDS, values, strict=True):
                found[name].append(value)
            extent = plane["extent_ang"]
    return {**{name: np.array(values) for name, values in found.items()}, "extent_ang": extent}


def semicore_centroids(
    energies: np.ndarray, filling: np.ndarray, weights: np.ndarray
) -> list[float | None]:
    """Weighted mean energy of the semicore levels on each atom (eV); None where an atom has none.

    Parameters
    ----------
    energies, filling : array (nspins, nkpts, nbands)
    weights : array (nspins, nkpts, nbands, natoms, 3)
        Projector weights as they come, not normalised.
    """
    occupied = filling > 0.5
    deep = occupied & (energies < energies[occupied].max() - SEMICORE_DEPTH_EV)
    centroids: list[float | None] = []
    for w in np.moveaxis(weights.sum(-1), -1, 0):
        total = w[deep].sum()
        # ASSUME an atom with less than half a semicore electron pair in all has none of its own.
        own = total > 0.5
        centroids.append(
            round(float((w[deep] * energies[deep]).sum() / total), ENERGY_DECIMALS) if own else None
        )
    return centroids


def normalise_weights(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale weights (..., natoms, 3) so that each state sums to one; also return the sums."""
    captured = raw.sum((-2, -1))
    return raw / np.where(captured > 0, captured, 1.0)[..., None, None], captured


def _refuse_without_projections(calc) -> None:
    if calc.old:
        raise EngineError("levels: made with the legacy code; compute them with the new one")
    if not all(hasattr(kpt, "projections") for kpt in calc.wfs.kpt_u):
        raise EngineError(
            "levels: file holds no projections; write it with include_projections=True"
        )


def _refuse_without_wave_functions(calc) -> None:
    _refuse_without_projections(calc)
    if calc.wfs.mode != "pw":
        raise EngineError(f"levels: this needs plane waves, found mode {calc.wfs.mode}")
    if any(type(wfs.psit_nX).__name__ == "XArrayWithNoData" for wfs in calc.dft.ibzwfs):
        raise EngineError("levels: file holds no wave functions; write it with mode='all'")


def _scalar_set(
    calc, energies: np.ndarray, filling: np.ndarray, weights: np.ndarray, n_below: int, n_above: int
) -> LevelSet:
    occupied = _occupied_bands(calc)
    lo, hi = max(0, occupied - n_below), min(_converged_bands(calc), occupied + n_above)
    order = [
        (s, k, n)
        for s in range(len(energies))
        for k in range(energies.shape[1])
        for n in range(lo, hi)
    ]
    return _level_set(
        order, energies, filling, weights, spin_orbit=False, occupied=occupied, first=lo
    )


def _spinor_set(
    calc, states, filling: np.ndarray, offset: int, *, n_below: int, n_above: int
) -> LevelSet:
    """LevelSet of spinors; `offset` spinors of the full spectrum lie below the first one of `states`."""
    energies = np.asarray(states.eigenvalues())
    per_atom = [
        np.stack(
            [_spinor_weight(states, a, _projectors(setup, ell)) for ell in ANGULAR_MOMENTA], axis=-1
        )
        for a, setup in enumerate(calc.setups)
    ]
    weights = np.stack(per_atom, axis=-2)  # (nbz, nspinors, natoms, 3)
    kept = _listed_kpoints(calc)
    occupied = 2 * _occupied_bands(calc) if calc.wfs.nspins == 1 else _electrons(calc)
    middle = occupied - offset
    lo, hi = max(0, middle - 2 * n_below), min(energies.shape[1], middle + 2 * n_above)
    order = [(0, k, n) for k in range(len(kept)) for n in range(lo, hi)]
    return _level_set(
        order,
        energies[None, kept],
        filling[None, kept],
        weights[None, kept],
        spin_orbit=True,
        occupied=occupied,
        first=lo + offset,
    )


def _level_set(
    order: list[tuple[int, int, int]],
    energies: np.ndarray,
    filling: np.ndarray,
    weights: np.ndarray,
    *,
    spin_orbit: bool,
    occupied: int,
    first: int,
) -> LevelSet:
    index = tuple(np.array(order).T)
    normalised, captured = normalise_weights(weights[index])
    return LevelSet(
        spin_orbit=spin_orbit,
        first_index=first,
        n_occupied=occupied,
        energies_eV=np.round(energies[index], ENERGY_DECIMALS).tolist(),
        filling=np.round(np.clip(filling[index], 0.0, 1.0), ENERGY_DECIMALS).tolist(),
        spin=[s for s, _, _ in order],
        kpoint=[k for _, k, _ in order],
        weights=np.round(normalised, WEIGHT_DECIMALS).tolist(),
        captured=np.round(captured, WEIGHT_DECIMALS).tolist(),
    )


def _scalar_weights(calc) -> np.ndarray:
    """Projector weights (nspins, nkpts, nbands, natoms, 3), summed over m and bound-state projectors."""
    wfs = calc.wfs
    atoms = list(enumerate(calc.setups))
    weights = np.zeros(
        (wfs.nspins, wfs.kd.nibzkpts, wfs.bd.nbands, len(atoms), len(ANGULAR_MOMENTA))
    )
    bands = wfs.bd.get_slice()
    for wf in wfs.kpt_u:
        projections = wf.projections
        for a, setup in atoms:
            if a in projections:
                for ell in ANGULAR_MOMENTA:
                    p = projections[a][:, _projectors(setup, ell)]
                    weights[wf.s, wf.k, bands, a, ell] = (np.abs(p) ** 2).sum(1)
    calc.world.sum(weights)
    return weights


def _spinor_weight(states, atom: int, projectors: list[int]) -> np.ndarray:
    return np.asarray(states.pdos_weights(atom, projectors)).sum(-1)


def _projectors(setup, ell: int) -> list[int]:
    from gpaw.dos import get_projector_numbers

    return get_projector_numbers(setup, ell)


def _filling(calc) -> np.ndarray:
    """Occupation per state, 0..1, (nspins, nkpts, nbands); 1 also for a doubly filled paired band."""
    return np.clip(np.asarray(calc.occupations()), 0.0, 1.0)


def _electrons(calc) -> int:
    return int(round(float(calc.get_number_of_electrons())))


def _occupied_bands(calc) -> int:
    """Bands per spin below the middle of the gap; with an odd electron the open band lies above it."""
    return _electrons(calc) // 2


def _converged_bands(calc) -> int:
    """Bands that the SCF cycle converged; empty bands that it did not are no evidence for anything."""
    wanted = dict(calc.params.convergence or {}).get("bands", "occupied")
    total = int(calc.get_number_of_bands())
    if isinstance(wanted, int):
        return total + wanted if wanted < 0 else min(total, wanted)
    if calc.wfs.mode == "lcao" or wanted != "occupied":
        return total
    raise EngineError("levels: empty bands not converged; set convergence={'bands': -5}")


def _listed_kpoints(calc) -> list[int]:
    kd = calc.wfs.kd
    if calc.wfs.nspins == 1:
        return [int(k) for k in kd.ibz2bz_k]
    return list(range(kd.nbzkpts))


def _aufbau(energies: np.ndarray, per_kpoint: int) -> np.ndarray:
    """Filling 1 for the lowest `per_kpoint` spinors of each k-point: zero temperature, no band crosses the gap."""
    filling = np.zeros_like(energies)
    filling[:, :per_kpoint] = 1.0
    return filling


def _fixed_atoms(atoms) -> list[int]:
    from ase.constraints import FixAtoms

    return sorted(
        {int(i) for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}
    )


def _integer_array(atoms, name: str) -> list[int]:
    return [int(i) for i in atoms.get_array(name)] if atoms.has(name) else [0] * len(atoms)
