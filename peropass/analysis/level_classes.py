"""The rule that names a level: host-like, surface resonance, shallow, localised trap or ligand level.

A pure function over a few numbers, with a record of each comparison. All limits stand in one frozen
dataclass and were fixed before any control was computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Label = Literal["host-like", "surface-resonance", "shallow", "localised-trap", "ligand-level"]
TRAP_LABELS: tuple[Label, ...] = ("localised-trap", "ligand-level")
# Apart from the edge in character, place or filling, and no trap only because the whole cell holds them.
EXTENDED_LABELS: tuple[Label, ...] = ("surface-resonance", "shallow")


@dataclass(frozen=True)
class Thresholds:
    """Limits of the classification, each with its reason and source.

    margin_eV, margin_errors
        A level counts as inside the gap only if it is farther from both edges than
        max(margin_eV, margin_errors * error of the alignment). 0.1 eV is four times kT at 300 K: a carrier
        at a shallower level is released within its lifetime; two standard deviations cover the error
        of the alignment.
    ligand_weight, defect_weight
        Half of a state: more of it there than anywhere else. The share on the defect's neighbours is
        the `P-ratio` of pydefect (10.1103/PhysRevMaterials.5.123803), where values towards
        one mean localised.
    defect_excess
        That share must also exceed the host edge's own share of the same atoms, because in a small cell
        the neighbours of a vacancy are a large part of all atoms. 0.2 is the tolerance that pydefect
        allows between orbitals that it still calls alike.
    participation_ratio
        A level on at most half as many atoms as the host edge is localised. Normalising by the edge
        removes the dependence on cell size and vacuum of the bare inverse participation ratio.
    orbital_difference
        Sum of |differences| of element-orbital shares below which a level has the character of the
        edge: `similar_orb_criterion` of pydefect.
    carrier_filling
        Electrons in a conduction-like or holes in a valence-like level above this make it a perturbed
        host state: `state_occupied_threshold` of pydefect.
    surface_weight, surface_excess, surface_layers
        A resonance has 70 % of its weight in the two topmost layers and the ligand, and 0.2 more
        than the host edge: in a slab of three layers every state has two thirds there.
    artefact_eV
        An empty level within this of exactly zero on the engine's own scale is a band of random
        numbers that older plane-wave runs could produce, never a trap.
    captured
        Below this sum of projector weights a state lives outside the PAW spheres and its atomic shares
        mean little: flagged.
    """

    margin_eV: float = 0.10
    margin_errors: float = 2.0
    ligand_weight: float = 0.5
    defect_weight: float = 0.5
    defect_excess: float = 0.2
    participation_ratio: float = 0.5
    orbital_difference: float = 0.2
    carrier_filling: float = 0.2
    surface_weight: float = 0.7
    surface_excess: float = 0.2
    surface_layers: int = 2
    artefact_eV: float = 5e-4
    captured: float = 0.2

    def margin(self, error_eV: float) -> float:
        """Distance from an edge below which a level is not inside the gap (eV)."""
        return max(self.margin_eV, self.margin_errors * error_eV)


@dataclass(frozen=True)
class StateNumbers:
    """All that the rule knows of a level; weights are shares 0..1, `*_edge` those of the host edge."""

    depth_eV: float
    margin_eV: float
    participation_ratio: float
    orbital_difference: float
    ligand_weight: float
    defect_weight: float
    defect_weight_edge: float
    surface_weight: float
    surface_weight_edge: float
    carriers: float


def classify(state: StateNumbers, limits: Thresholds) -> tuple[Label, str]:
    """Label of one level and the comparisons that led to it.

    Order of the rule: near an edge nothing is a trap; inside the gap ligand, then localisation, then
    orbital character decide. Localisation comes before orbital character because a dangling Pb 6p level
    has the orbitals of the conduction edge and is a trap all the same.
    """
    steps: list[str] = []

    def holds(name: str, value: float, sign: str, limit: float) -> bool:
        true = value >= limit if sign == ">=" else value <= limit if sign == "<=" else value > limit
        steps.append(f"{name} {value:.3f} {sign} {limit:.3f}: {'yes' if true else 'no'}")
        return true

    inside = holds("depth/eV", state.depth_eV, ">", state.margin_eV)
    ligand = holds("ligand weight", state.ligand_weight, ">=", limits.ligand_weight)
    if inside and ligand:
        return "ligand-level", "; ".join(steps)
    few_atoms = holds(
        "participation ratio", state.participation_ratio, "<=", limits.participation_ratio
    )
    at_defect = holds("defect weight", state.defect_weight, ">=", limits.defect_weight) and holds(
        "defect weight - edge's",
        state.defect_weight - state.defect_weight_edge,
        ">=",
        limits.defect_excess,
    )
    localised = few_atoms or at_defect
    if inside and localised:
        return "localised-trap", "; ".join(steps)
    carriers = holds("carriers", state.carriers, ">", limits.carrier_filling)
    alike = not holds(
        "orbital difference", state.orbital_difference, ">=", limits.orbital_difference
    )
    if carriers or localised or ligand or not alike:
        return "shallow", "; ".join(steps)
    surface = holds("surface weight", state.surface_weight, ">=", limits.surface_weight) and holds(
        "surface weight - edge's",
        state.surface_weight - state.surface_weight_edge,
        ">=",
        limits.surface_excess,
    )
    return ("surface-resonance" if surface else "host-like"), "; ".join(steps)
