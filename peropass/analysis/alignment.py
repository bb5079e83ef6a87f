"""Put the levels of two slabs on one energy axis.

The zero of energy of a periodic calculation depends on its cell and its dipole. What stays the same is
the neighbourhood of a nucleus in the frozen, bulk-like layer; so the shift between two calculations is
the mean difference of the electrostatic potential at the nuclei of the frozen atoms that both share.
Two independent estimates check it: the vacuum level below the slab, and the semicore levels of the same
frozen atoms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peropass.errors import AnalysisRefused
from peropass.records import Check, LevelsRecord

SPREAD_LIMIT_EV = 0.05
CROSS_CHECK_LIMIT_EV = 0.10
FROZEN_MATCH_ANG = 0.05
LATERAL = (-2, -1, 0, 1, 2)


@dataclass(frozen=True)
class Alignment:
    """Shift of one calculation against the reference: aligned energy = own energy - shift_eV.

    spread_eV is the standard deviation over the frozen atoms: how unequally the frozen layer feels what
    changed above it. In a thin slab that is a lateral field, which a mean over whole layers averages out,
    so it says little about the error of the shift. The cross-checks are the shifts that the vacuum level and
    the semicore levels would give; None where a record lacks them.
    """

    shift_eV: float
    spread_eV: float
    n_atoms: int
    vacuum_shift_eV: float | None
    semicore_shift_eV: float | None

    @property
    def disagreements_eV(self) -> dict[str, float]:
        """|shift of a cross-check - shift| for each cross-check that exists."""
        shifts = {"vacuum level": self.vacuum_shift_eV, "semicore levels": self.semicore_shift_eV}
        return {name: abs(s - self.shift_eV) for name, s in shifts.items() if s is not None}

    @property
    def standard_error_eV(self) -> float:
        """Error of the mean over the frozen atoms, as if they were independent."""
        return self.spread_eV / self.n_atoms**0.5

    @property
    def uncertainty_eV(self) -> float:
        """Error of the shift: the standard error of the mean, or a cross-check's disagreement if that is larger."""
        return max([self.standard_error_eV, *self.disagreements_eV.values()])

    def checks(self, name: str) -> list[Check]:
        """Value and limit of each test; `name` says which slab."""
        found = [
            Check(
                name=f"{name}: spread of the atomic potentials",
                value=self.spread_eV,
                unit="eV",
                limit=f"<= {SPREAD_LIMIT_EV}",
                passed=self.spread_eV <= SPREAD_LIMIT_EV,
            )
        ]
        for what, value in self.disagreements_eV.items():
            found.append(
                Check(
                    name=f"{name}: {what} against the atomic potentials",
                    value=value,
                    unit="eV",
                    limit=f"<= {CROSS_CHECK_LIMIT_EV}",
                    passed=value <= CROSS_CHECK_LIMIT_EV,
                )
            )
        return found

    def flags(self, name: str) -> list[str]:
        """One line per failed check."""
        return [
            f"{c.name} {c.value:.3f} eV, allowed {c.limit} eV"
            for c in self.checks(name)
            if not c.passed
        ]


def align(reference: LevelsRecord, system: LevelsRecord) -> Alignment:
    """Shift of `system` against `reference` from the frozen atoms that both share.

    Raises
    ------
    AnalysisRefused
        Symbols or positions are missing, lateral cells differ, or no frozen atom is common.
    """
    pairs = common_frozen_atoms(reference, system)
    if not pairs:
        raise AnalysisRefused("alignment: no frozen atom is common to both slabs")
    i, j = np.array(pairs).T
    differences = (
        np.array(system.atomic_potentials_eV)[j] - np.array(reference.atomic_potentials_eV)[i]
    )
    return Alignment(
        shift_eV=float(differences.mean()),
        spread_eV=float(differences.std()),
        n_atoms=len(pairs),
        vacuum_shift_eV=_vacuum_shift(reference, system),
        semicore_shift_eV=_semicore_shift(reference, system, pairs),
    )


def common_frozen_atoms(reference: LevelsRecord, system: LevelsRecord) -> list[tuple[int, int]]:
    """Pairs (atom of reference, atom of system): both frozen, same element, same place."""
    matched = match_atoms(
        reference, system, reference.fixed, system.fixed, within_ang=FROZEN_MATCH_ANG
    )
    return sorted(matched.items())


def match_atoms(
    reference: LevelsRecord,
    system: LevelsRecord,
    reference_atoms: list[int],
    system_atoms: list[int],
    within_ang: float,
) -> dict[int, int]:
    """Nearest atom of the same element, each used once, closest pairs first.

    Heights are measured from the lowest frozen atom, so that a slab which sits higher in a taller cell
    still matches; lateral distances are to the nearest periodic image.
    """
    refuse_other_lateral_cell(reference, system)
    if not reference_atoms or not system_atoms:
        return {}
    distances = lateral_distances(
        positions_above_frozen(reference)[reference_atoms],
        positions_above_frozen(system)[system_atoms],
        np.array(reference.cell_ang),
    )
    elements = np.array(reference.symbols)[reference_atoms][:, None]
    distances[elements != np.array(system.symbols)[system_atoms][None, :]] = np.inf
    matched: dict[int, int] = {}
    for flat in np.argsort(distances, axis=None, kind="stable"):
        row, column = np.unravel_index(flat, distances.shape)
        if distances[row, column] > within_ang:
            break
        matched[int(reference_atoms[row])] = int(system_atoms[column])
        distances[row, :] = distances[:, column] = np.inf
        distances[row, column] = np.inf
        if len(matched) == min(distances.shape):
            break
    return matched


def lateral_distances(a_ang: np.ndarray, b_ang: np.ndarray, cell_ang: np.ndarray) -> np.ndarray:
    """Distances (n, m) between points (n, 3) and (m, 3), periodic along the first two cell vectors."""
    difference = a_ang[:, None, :] - b_ang[None, :, :]
    images = np.array([i * cell_ang[0] + j * cell_ang[1] for i in LATERAL for j in LATERAL])
    fraction = difference @ np.linalg.inv(cell_ang)
    wrapped = difference - np.round(fraction[..., :2]) @ cell_ang[:2]
    x, y, z = (wrapped[..., k, None] + images[:, k] for k in range(3))
    return np.sqrt((x * x + y * y + z * z).min(axis=-1))


def refuse_other_lateral_cell(reference: LevelsRecord, system: LevelsRecord) -> None:
    """Raise AnalysisRefused unless both records carry positions in the same lateral cell."""
    for record in (reference, system):
        n = len(record.atomic_potentials_eV)
        if len(record.symbols) != n or len(record.positions_ang) != n:
            raise AnalysisRefused(
                f"levels of site {record.address.site}: {len(record.symbols)} symbols and "
                f"{len(record.positions_ang)} positions for {n} atoms"
            )
    if not np.allclose(np.array(reference.cell_ang)[:2], np.array(system.cell_ang)[:2], atol=1e-4):
        raise AnalysisRefused(
            "lateral cells differ: the edges of the reference slab are not this slab's own"
        )


def positions_above_frozen(record: LevelsRecord) -> np.ndarray:
    """Positions (natoms, 3) with heights measured from the lowest frozen atom."""
    positions = np.array(record.positions_ang)
    if record.fixed:
        positions[:, 2] -= positions[record.fixed, 2].min()
    return positions


def _vacuum_shift(reference: LevelsRecord, system: LevelsRecord) -> float | None:
    if reference.vacuum_eV is None or system.vacuum_eV is None:
        return None
    return float(system.vacuum_eV[0] - reference.vacuum_eV[0])


def _semicore_shift(
    reference: LevelsRecord, system: LevelsRecord, pairs: list[tuple[int, int]]
) -> float | None:
    a, b = reference.semicore_atoms_eV, system.semicore_atoms_eV
    if not a or not b:
        return None
    both = [(a[i], b[j]) for i, j in pairs if a[i] is not None and b[j] is not None]
    return float(np.mean([y - x for x, y in both])) if both else None
