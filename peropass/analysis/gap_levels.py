"""Levels of one slab inside the gap of the pristine one: found, measured and named.

Each level is named by the rule in `level_classes`; this module feeds it and counts what it names. What hangs neither on
a shift nor on a margin (spectra, matched atoms, the character of each level) is worked out once per slab. See docs/traps.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from peropass.analysis import levels as lv
from peropass.analysis.alignment import Alignment, align
from peropass.analysis.defects import (
    defect_atoms_of,
    match_slabs,
    matched_atoms,
    refuse_unequal,
)
from peropass.analysis.level_classes import (
    EXTENDED_LABELS,
    TRAP_LABELS,
    Label,
    StateNumbers,
    Thresholds,
    classify,
)
from peropass.errors import AnalysisRefused
from peropass.records import GapState, LevelsRecord


@dataclass(frozen=True)
class GapAnalysis:
    """Levels of one slab inside the gap of the pristine one, deepest first.

    n_traps counts localised levels and n_ligand_levels levels of the ligand, both as orbitals that take
    two electrons, at the k-point that has most.
    """

    kind: lv.LevelKind
    alignment: Alignment
    margin_eV: float
    gap_pristine_eV: float
    gap_eV: float
    states: list[GapState]
    n_traps: int
    n_ligand_levels: int
    ionisation_energy_eV: float | None
    flags: list[str]
    capacity: int

    @property
    def n_all(self) -> int:
        return self.n_traps + self.n_ligand_levels

    @property
    def deepest_eV(self) -> float:
        """Depth of the deepest trap or ligand level; 0 where there is none."""
        return max((s.depth_eV for s in self.states if s.label in TRAP_LABELS), default=0.0)

    @property
    def counting_extended(self) -> GapAnalysis:
        """The same with levels deeper than the margin counted as traps although the whole cell holds them.

        In a small cell nothing can be more local than the edges of the host: that such a level is none is no evidence. A host-like level
        is one that differs from the edge in nothing, the edge of a slab whose band is shifted, and is not counted.
        """
        states = [
            state.model_copy(update={"label": "localised-trap"})
            if state.label in EXTENDED_LABELS and state.depth_eV > self.margin_eV
            else state
            for state in self.states
        ]
        return replace(self, states=states, n_traps=_count(states, "localised-trap", self.capacity))


class HostGap:
    """The gap of the pristine slab at one level of theory, and the character of its two edges.

    Raises
    ------
    AnalysisRefused
        The level set is missing or has no clean gap.
    """

    def __init__(self, pristine: LevelsRecord, kind: lv.LevelKind) -> None:
        self.pristine, self.kind = pristine, kind
        self.vbm, self.cbm = lv.host_edges(lv.spectrum(pristine, kind))
        self.width_eV = self.cbm.energy_eV - self.vbm.energy_eV
        self.n_eff = {edge.name: edge.n_eff for edge in (self.vbm, self.cbm)}
        self.orbital_shares = {
            edge.name: lv.orbital_shares(edge.weights, pristine.symbols)
            for edge in (self.vbm, self.cbm)
        }

    @property
    def ionisation_energy_eV(self) -> float | None:
        return ionisation_energy(self.pristine, self.vbm.energy_eV)


@dataclass(frozen=True)
class SlabPair:
    """A slab against the pristine one: what no level set changes. Atoms are indices, of `system` unless named otherwise."""

    pristine: LevelsRecord
    system: LevelsRecord
    alignment: Alignment
    defect_atoms: list[int]
    defect_atoms_pristine: list[int]

    @cached_property
    def ligand_atoms(self) -> list[int]:
        return [i for i, fragment in enumerate(self.system.fragment) if fragment]


def pair_slabs(
    pristine: LevelsRecord, system: LevelsRecord, defect_atoms: list[int] | None = None
) -> SlabPair:
    """Align `system` with `pristine` and find the atoms at its defect, unless they are given.

    Raises
    ------
    AnalysisRefused
        The two slabs do not belong together, or share no frozen atom.
    """
    refuse_unequal(pristine, system)
    alignment = align(pristine, system)
    matched = match_slabs(pristine, system)
    if defect_atoms is None:
        defect_atoms = defect_atoms_of(pristine, system, matched)
    return SlabPair(pristine, system, alignment, defect_atoms, matched_atoms(matched, defect_atoms))


@dataclass(frozen=True)
class _Character:
    """What a level is made of, whatever its energy: shares 0..1, participation number in atoms."""

    participation: float
    orbital_shares: dict[tuple[str, int], float]
    ligand_weight: float
    defect_weight: float
    surface_weight: float
    in_words: str


class GapLevels:
    """One level set of a slab in the gap of the pristine one, to be analysed under several shifts and margins.

    Raises
    ------
    AnalysisRefused
        The level set is missing.
    """

    def __init__(self, host: HostGap, pair: SlabPair, limits: Thresholds) -> None:
        self.host, self.pair, self.limits = host, pair, limits
        self.own = lv.spectrum(pair.system, host.kind)
        self._characters: dict[int, _Character] = {}

    def analyse(self, shift_eV: float = 0.0, margin_eV: float | None = None) -> GapAnalysis:
        """Classify the levels inside the gap; `shift_eV` and `margin_eV` as for `gap_states`.

        Raises
        ------
        AnalysisRefused
            The listed states do not span the gap.
        """
        own, host, limits, alignment = self.own, self.host, self.limits, self.pair.alignment
        above = own.energies_eV - alignment.shift_eV + shift_eV - host.vbm.energy_eV
        self._refuse_uncovered(above)
        margin = limits.margin(alignment.uncertainty_eV) if margin_eV is None else margin_eV
        states: list[GapState] = []
        flags = _height_flags(self.pair.pristine, self.pair.system)
        inside = (above > lv.DEGENERACY_EV) & (above < host.width_eV - lv.DEGENERACY_EV)
        for group in sorted(set(own.group[inside].tolist())):
            members = np.flatnonzero(own.group == group)
            first = int(members[0])
            if abs(own.energies_eV[first]) < limits.artefact_eV and own.filling[first] < 0.5:
                flags.append(
                    f"level {own.index[first]} at exactly 0.000 eV rejected as an artefact"
                )
                continue
            state = self._state(members, float(above[members].mean()), margin)
            states.append(state)
            flags.extend(_state_flags(state, own, members, limits, margin))
        states.sort(key=lambda s: -s.depth_eV)
        return GapAnalysis(
            kind=host.kind,
            alignment=alignment,
            margin_eV=margin,
            gap_pristine_eV=host.width_eV,
            gap_eV=self._gap_eV,
            states=states,
            n_traps=_count(states, "localised-trap", own.capacity),
            n_ligand_levels=_count(states, "ligand-level", own.capacity),
            capacity=own.capacity,
            ionisation_energy_eV=ionisation_energy(
                self.pair.system, host.vbm.energy_eV + alignment.shift_eV
            ),
            flags=flags,
        )

    @cached_property
    def variants(self) -> list[GapAnalysis]:
        """The nominal analysis, then shifted down and up by the error of the alignment, then with the margin not widened."""
        error = self.pair.alignment.uncertainty_eV
        return [
            self.analyse(),
            self.analyse(shift_eV=-error),
            self.analyse(shift_eV=error),
            self.analyse(margin_eV=self.limits.margin_eV),
        ]

    @cached_property
    def _gap_eV(self) -> float:
        return lv.gap(self.own)

    def _refuse_uncovered(self, above: np.ndarray) -> None:
        for spin, kpoint, members in self._blocks:
            block = above[members]
            if block.min() > 0 or block.max() < self.host.width_eV:
                raise AnalysisRefused(
                    f"levels of site {self.pair.system.address.site}: the listed states of spin {spin}, "
                    f"k-point {kpoint} do not span the gap of the pristine slab; list more bands"
                )

    @cached_property
    def _blocks(self) -> list[tuple[int, int, np.ndarray]]:
        """Spin, k-point and the states of each."""
        own = self.own
        found = sorted(set(zip(own.spin.tolist(), own.kpoint.tolist(), strict=True)))
        return [(s, k, np.flatnonzero((own.spin == s) & (own.kpoint == k))) for s, k in found]

    def _state(self, members: np.ndarray, above_eV: float, margin_eV: float) -> GapState:
        own, host = self.own, self.host
        first, filling = int(members[0]), float(own.filling[members].mean())
        edge = host.vbm if above_eV < host.width_eV - above_eV else host.cbm
        depth = min(above_eV, host.width_eV - above_eV)
        made_of = self._character(first)
        defect_weight_edge, surface_weight_edge = self._edge_weights[edge.name]
        numbers = StateNumbers(
            depth_eV=depth,
            margin_eV=margin_eV,
            participation_ratio=made_of.participation / host.n_eff[edge.name],
            orbital_difference=lv.orbital_difference(
                made_of.orbital_shares, host.orbital_shares[edge.name]
            ),
            ligand_weight=made_of.ligand_weight,
            defect_weight=made_of.defect_weight,
            defect_weight_edge=defect_weight_edge,
            surface_weight=made_of.surface_weight,
            surface_weight_edge=surface_weight_edge,
            carriers=filling if edge.name == "CBM" else 1.0 - filling,
        )
        label, rule = classify(numbers, self.limits)
        return GapState(
            index=int(own.index[first]),
            spin=int(own.spin[first]),
            kpoint=int(own.kpoint[first]),
            degeneracy=len(members),
            energy_above_vbm_eV=above_eV,
            nearest_edge=edge.name,
            depth_eV=depth,
            depth_fraction=depth / host.width_eV,
            filling=filling,
            participation_ratio=numbers.participation_ratio,
            defect_weight=numbers.defect_weight,
            ligand_weight=numbers.ligand_weight,
            surface_weight=numbers.surface_weight,
            label=label,
            character=made_of.in_words,
            rule=rule,
        )

    def _character(self, state: int) -> _Character:
        if state not in self._characters:
            weights, pair = self.own.weights_of(state), self.pair
            self._characters[state] = _Character(
                participation=lv.participation_number(weights),
                orbital_shares=lv.orbital_shares(weights, pair.system.symbols),
                ligand_weight=lv.atom_share(weights, pair.ligand_atoms),
                defect_weight=lv.atom_share(weights, pair.defect_atoms),
                surface_weight=lv.atom_share(weights, self._surface_atoms),
                in_words=character(weights, pair.system, pair.pristine, pair.defect_atoms),
            )
        return self._characters[state]

    @cached_property
    def _surface_atoms(self) -> list[int]:
        return lv.surface_atoms(self.pair.system, self.limits.surface_layers)

    @cached_property
    def _edge_weights(self) -> dict[str, tuple[float, float]]:
        """Weight of each edge of the pristine slab on the atoms of the defect and on its surface."""
        surface = lv.surface_atoms(self.pair.pristine, self.limits.surface_layers)
        return {
            edge.name: (
                lv.atom_share(edge.weights, self.pair.defect_atoms_pristine),
                lv.atom_share(edge.weights, surface),
            )
            for edge in (self.host.vbm, self.host.cbm)
        }


def gap_states(
    pristine: LevelsRecord,
    system: LevelsRecord,
    *,
    kind: lv.LevelKind = "soc",
    defect_atoms: list[int] | None = None,
    thresholds: Thresholds | None = None,
    shift_eV: float = 0.0,
    margin_eV: float | None = None,
) -> GapAnalysis:
    """Classify the levels of `system` inside the gap of `pristine`.

    Parameters
    ----------
    pristine, system : LevelsRecord
        Same settings, k-points, lateral cell, host and termination.
    kind : `scalar`, `soc` or `hse_soc`
        Level of theory of both; edges and levels are never mixed.
    defect_atoms : list of int, optional
        Slab atoms of `system` around the defect; found by comparison with `pristine` if not given.
    shift_eV : float
        Extra shift of the system's levels, to test how far the outcome hangs on the alignment.
    margin_eV : float, optional
        Distance from the edges inside which nothing is a trap, instead of `Thresholds.margin`.

    Raises
    ------
    AnalysisRefused
        A level set, common frozen atoms or a clean gap are missing, or the two slabs do not belong
        together.
    """
    pair = pair_slabs(pristine, system, defect_atoms)
    levels = GapLevels(HostGap(pristine, kind), pair, thresholds or Thresholds())
    return levels.analyse(shift_eV, margin_eV)


def own_edge_traps(
    record: LevelsRecord, *, kind: lv.LevelKind = "soc", thresholds: Thresholds | None = None
) -> list[str]:
    """Edges of a slab that are themselves localised levels, in words; empty for a clean slab.

    The levels of one band, at the k-point and spin of its edge, are followed from the edge to the first step wider than the margin. What
    lies before it is suspect where each of these levels lives on at most half as many atoms as the median of the ten levels behind.
    Without this test a pristine slab with a surface trap would call its own trap an edge.
    """
    limits = thresholds or Thresholds()
    own = lv.spectrum(record, kind)
    filled = own.filling > 0.5
    found = []
    for name, members, sign in (("VBM", filled, -1.0), ("CBM", ~filled, 1.0)):
        ordered = _levels_from_edge(own, members, sign)
        steps = np.abs(np.diff(own.energies_eV[ordered]))
        wide = np.flatnonzero(steps > limits.margin_eV)
        if not len(wide):
            continue
        before, behind = np.split(ordered, [wide[0] + 1])
        if len(behind) < 2:
            continue
        most = max(lv.participation_number(own.weights_of(i)) for i in before)
        usual = np.median([lv.participation_number(own.weights_of(i)) for i in behind[:10]])
        ratio = most / float(usual)
        if ratio <= limits.participation_ratio:
            others = f" with {len(before) - 1} more" if len(before) > 1 else ""
            found.append(
                f"{name} of the slab{others} stands {steps[wide[0]]:.2f} eV off its band and lives on {ratio:.2f} times "
                f"as many atoms (limits {limits.margin_eV:.2f} eV, {limits.participation_ratio:.2f})"
            )
    return found


def _levels_from_edge(own: lv.Spectrum, members: np.ndarray, sign: float) -> np.ndarray:
    """One state per degenerate level among `members` at the k-point and spin of their edge, edge first."""
    index = np.flatnonzero(members)
    index = index[np.argsort(sign * own.energies_eV[index], kind="stable")]
    if not len(index):
        return index
    at_edge = (own.kpoint[index] == own.kpoint[index[0]]) & (own.spin[index] == own.spin[index[0]])
    index = index[at_edge]
    _, first = np.unique(own.group[index], return_index=True)
    return index[np.sort(first)]


def character(
    weights: np.ndarray, system: LevelsRecord, pristine: LevelsRecord, defect_atoms: list[int]
) -> str:
    """The two largest shares in words, e.g. `Pb 6p of the exposed Pb, 61 %`."""
    shares: dict[tuple[str, str, int], float] = {}
    holders: dict[tuple[str, str, int], set[int]] = {}
    for atom, (symbol, row) in enumerate(zip(system.symbols, weights.tolist(), strict=True)):
        region = _region(atom, symbol, system, pristine, defect_atoms)
        for ell, share in enumerate(row):
            key = (region, symbol, ell)
            shares[key] = shares.get(key, 0.0) + share
            holders.setdefault(key, set()).add(atom)
    words = []
    for (region, symbol, ell), share in sorted(shares.items(), key=lambda item: -item[1])[:2]:
        if words and share < 0.2:
            continue
        n = len(holders[region, symbol, ell])
        place = {
            "ligand": "of the ligand",
            "foreign": f"of the added {symbol}",
            "defect": f"of the exposed {symbol}"
            if n == 1
            else f"of the {n} {symbol} at the defect",
            "slab": "of the slab",
        }[region]
        words.append(f"{symbol} {lv.shell(symbol, ell)} {place}, {100 * share:.0f} %")
    return " and ".join(words)


def _region(
    atom: int, symbol: str, system: LevelsRecord, pristine: LevelsRecord, defect_atoms: list[int]
) -> str:
    if system.fragment[atom]:
        return "ligand"
    if symbol not in pristine.symbols:
        return "foreign"
    return "defect" if atom in defect_atoms else "slab"


def _height_flags(pristine: LevelsRecord, system: LevelsRecord) -> list[str]:
    a, b = pristine.cell_ang[2][2], system.cell_ang[2][2]
    return [f"cell heights differ: {a:.2f} and {b:.2f} Angstrom"] if abs(a - b) > 0.01 else []


def _state_flags(
    state: GapState, own: lv.Spectrum, members: np.ndarray, limits: Thresholds, margin: float
) -> list[str]:
    flags = []
    name = f"level {state.index} ({state.energy_above_vbm_eV:.2f} eV above the VBM)"
    if own.captured[members].min() < limits.captured:
        flags.append(f"{name} lives outside the PAW spheres: its atomic shares mean little")
    if state.label not in TRAP_LABELS and state.depth_eV > margin:
        flags.append(
            f"{name} lies {state.depth_eV:.2f} eV inside the gap but is extended ({state.label}): "
            "a larger cell would decide"
        )
    return flags


def _count(states: list[GapState], label: Label, capacity: int) -> int:
    """Orbitals with two electrons each that the levels of one label make up, at the fullest k-point."""
    electrons: dict[int, int] = {}
    for state in states:
        if state.label == label:
            electrons[state.kpoint] = electrons.get(state.kpoint, 0) + capacity * state.degeneracy
    return (max(electrons.values()) + 1) // 2 if electrons else 0


def ionisation_energy(system: LevelsRecord, vbm_own_scale_eV: float) -> float | None:
    """Vacuum level above the loaded face minus the host's valence edge, both on the system's scale."""
    if system.vacuum_eV is None:
        return None
    return float(system.vacuum_eV[1] - vbm_own_scale_eV)
