"""Where a slab differs from the pristine one, and whether the two may be compared at all."""

from __future__ import annotations

import numpy as np

from peropass.analysis.alignment import (
    lateral_distances,
    match_atoms,
    positions_above_frozen,
    refuse_other_lateral_cell,
)
from peropass.analysis.levels import spin_orbit_operator
from peropass.errors import AnalysisRefused
from peropass.records import LevelsRecord

NEIGHBOUR_BONDS = 1.3
# ASSUME a slab atom that moved by less than 2 Angstrom is the same atom: less than half of the shortest
# distance between equal ions in a lead halide perovskite (4.0 Angstrom, Cl-Cl).
SAME_ATOM_ANG = 2.0


def find_defect_atoms(pristine: LevelsRecord, system: LevelsRecord) -> list[int]:
    """Slab atoms of `system` at the defect: neighbours of each vacancy, and each added atom with its own.

    A vacancy is a pristine site with no slab atom of its element within 2 Angstrom; ligand atoms do not
    fill it. Neighbours are the atoms within 1.3 bond lengths, the bond length being the distance from
    the site to the nearest atom of the pristine slab.
    """
    return defect_atoms_of(pristine, system, match_slabs(pristine, system))


def defect_atoms_of(
    pristine: LevelsRecord, system: LevelsRecord, matched: dict[int, int]
) -> list[int]:
    """`find_defect_atoms` for slabs whose atoms are matched already (pristine atom -> atom of `system`)."""
    slab = _slab_atoms(system)
    if not slab:
        return []
    here, there = positions_above_frozen(pristine), positions_above_frozen(system)
    cell = np.array(pristine.cell_ang)
    found = set(slab) - set(matched.values())
    sites = [here[i] for i in _slab_atoms(pristine) if i not in matched]
    sites += [there[i] for i in found]
    for site in sites:
        to_host = lateral_distances(site[None], here, cell)[0]
        bond = to_host[to_host > 1.0].min()
        to_slab = lateral_distances(site[None], there[slab], cell)[0]
        near = [slab[i] for i in np.flatnonzero(to_slab <= NEIGHBOUR_BONDS * bond)]
        found.update(near)
    return sorted(found)


def map_to_pristine(pristine: LevelsRecord, system: LevelsRecord, atoms: list[int]) -> list[int]:
    """The atoms of the pristine slab that correspond to `atoms` of the system; added atoms have none."""
    return matched_atoms(match_slabs(pristine, system), atoms)


def matched_atoms(matched: dict[int, int], atoms: list[int]) -> list[int]:
    """The keys of `matched` whose values are among `atoms`, sorted."""
    back = {there: here for here, there in matched.items()}
    return sorted(back[i] for i in atoms if i in back)


def match_slabs(pristine: LevelsRecord, system: LevelsRecord) -> dict[int, int]:
    """Slab atoms of `pristine` -> the same atoms of `system`; ligand atoms and atoms that are gone have no partner."""
    return match_atoms(
        pristine, system, _slab_atoms(pristine), _slab_atoms(system), within_ang=SAME_ATOM_ANG
    )


def refuse_unequal(pristine: LevelsRecord, system: LevelsRecord) -> None:
    """Raise AnalysisRefused unless both slabs share what makes their levels comparable."""
    for record in (pristine, system):
        site = record.address.site
        if record.status != "ok":
            raise AnalysisRefused(f"levels of site {site}: status {record.status}; {record.reason}")
        if record.charge_e:
            raise AnalysisRefused(
                f"levels of site {site}: cell charge {record.charge_e:+g} e without a correction for "
                "charged slabs; use a neutral, compensated model"
            )
        paired = record.scalar is not None and not any(record.scalar.spin)
        if record.n_electrons % 2 and paired:
            raise AnalysisRefused(
                f"levels of site {site}: {record.n_electrons} electrons without spin polarisation"
            )
    _refuse_foreign_edges(pristine, system)
    if pristine.settings_hash != system.settings_hash:
        raise AnalysisRefused(
            f"settings differ: {pristine.settings_hash} against {system.settings_hash}"
        )
    operators = [spin_orbit_operator(record) for record in (pristine, system)]
    if operators[0] != operators[1]:
        raise AnalysisRefused(f"spin-orbit operators differ: {operators[0]} against {operators[1]}")
    if pristine.kpts != system.kpts:
        raise AnalysisRefused(f"k-points differ: {pristine.kpts} against {system.kpts}")
    refuse_other_lateral_cell(pristine, system)


def _refuse_foreign_edges(pristine: LevelsRecord, system: LevelsRecord) -> None:
    """Refuse a reference whose edges are not the slab's own: another face or thickness, a defect or a ligand in it."""
    for what in ("host", "termination"):
        a, b = getattr(pristine.address, what), getattr(system.address, what)
        if a != b:
            raise AnalysisRefused(f"edges of another slab: {what} {a} against {b}")
    if pristine.address.site not in ("pristine", "none") or any(pristine.fragment):
        raise AnalysisRefused(
            f"edges of another slab: the reference is site {pristine.address.site} with "
            f"{sum(map(bool, pristine.fragment))} ligand atoms, not a bare pristine slab"
        )
    thickness = [max(record.layer, default=0) for record in (pristine, system)]
    if thickness[0] != thickness[1]:
        raise AnalysisRefused(
            f"edges of another slab: {thickness[0]} atomic layers against {thickness[1]}; a thin slab is confined"
        )


def _slab_atoms(record: LevelsRecord) -> list[int]:
    return [i for i, fragment in enumerate(record.fragment) if fragment == 0]
