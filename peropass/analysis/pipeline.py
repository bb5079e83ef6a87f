"""From the records of one candidate to its candidate record: best pose, reactions, channels, traps, one status.

Nothing is recomputed here, and nothing raises for a scientific reason: what is missing or refused becomes a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peropass.analysis import desorption, reaction_energies, traps, uncertainty
from peropass.analysis.ranking import SELF_TEST, VERSUS_NATIVE
from peropass.analysis.reaction_errors import ReactionErrors, with_models
from peropass.analysis.uncertainty import ErrorModel
from peropass.chemistry.reactions import Reaction
from peropass.errors import (
    AnalysisRefused,
    MissingTerm,
    SettingsMismatch,
    StaleRecord,
    UnbalancedReaction,
)
from peropass.records import (
    Address,
    CalculationRecord,
    CandidateRecord,
    Decomposition,
    Distortion,
    EosRecord,
    Formability,
    LevelsRecord,
    Literature,
    Provenance,
    ReactionEnergy,
    Status,
    ThermoRecord,
    TrapReport,
)

if TYPE_CHECKING:
    from peropass.chemistry.planned import PlannedReaction

KINDS_EVALUATED = ("binding", "exchange", "exchange-acid", "vs-native", "halide-donation")


@dataclass(frozen=True)
class CandidateFacts:
    """What the library and the campaign say of a candidate, before any energy."""

    label: str
    ligand: str
    ligand_class: str
    full_smiles: str
    model_smiles: str
    truncation: str
    role: str = "candidate"
    coverage: float | None = None
    chain_length_ang: float | None = None
    footprint_ang2: float | None = None
    literature: tuple[Literature, ...] = ()


@dataclass(frozen=True)
class CandidateInputs:
    """All records that bear on one candidate on one socket; None or absent where there is none yet.

    Attributes
    ----------
    planned : sequence of PlannedReaction
        From `chemistry.reaction_plan.reactions_for`, with the campaign's native ligand first.
    pristine, socket : CalculationRecord or None
        Relaxed slab without the defect, and with it but without ligand.
    loaded : mapping
        Pose id -> relaxation.
    molecule : CalculationRecord or None
        Gas-phase reference of the ligand: its lowest neutral form.
    native_loaded, native_molecule : mapping
        Library id of a native ligand -> its best loaded slab on this socket, its gas-phase reference.
    references : mapping
        Species name as in the equations, e.g. ``CsBr(bulk)`` or ``HBr(g)`` -> record.
    slab_fragments, ligand_fragments : mapping
        Pose id -> single point of the fragment in the loaded geometry.
    levels_pristine, levels_socket : LevelsRecord or None
    levels_loaded : mapping
        Pose id -> levels.
    verdicts : TrapVerdicts or None
        Of `levels_pristine` and `levels_socket`, where other candidates share them; made here otherwise.
    thermo : mapping
        Gas species name -> thermo record.
    files : mapping
        Species name -> record file relative to the campaign folder.
    dispersion : mapping
        Identity of a calculation (`provenance.physics_hash`) -> dispersion model -> energy in eV.
    native_pose_error : mapping
        Library id of a native ligand -> error from the spread of its relaxed poses, eV.
    """

    planned: Sequence[PlannedReaction]
    pristine: CalculationRecord | None = None
    socket: CalculationRecord | None = None
    loaded: Mapping[str, CalculationRecord] = field(default_factory=dict)
    molecule: CalculationRecord | None = None
    native_loaded: Mapping[str, CalculationRecord] = field(default_factory=dict)
    native_molecule: Mapping[str, CalculationRecord] = field(default_factory=dict)
    references: Mapping[str, CalculationRecord | EosRecord] = field(default_factory=dict)
    slab_fragments: Mapping[str, CalculationRecord] = field(default_factory=dict)
    ligand_fragments: Mapping[str, CalculationRecord] = field(default_factory=dict)
    levels_pristine: LevelsRecord | None = None
    levels_socket: LevelsRecord | None = None
    levels_loaded: Mapping[str, LevelsRecord] = field(default_factory=dict)
    verdicts: traps.TrapVerdicts | None = None
    thermo: Mapping[str, ThermoRecord] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    dispersion: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    native_pose_error: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Solution:
    """Conditions of desorption."""

    temperature_K: float = 298.15
    concentration_M: float = 1e-3
    solvent: str = "none"


def assemble(
    address: Address,
    facts: CandidateFacts,
    inputs: CandidateInputs,
    error_model: ErrorModel,
    provenance: Provenance,
    solution: Solution = Solution(),
    formability: Formability | None = None,
    distortions: Mapping[str, Distortion] | None = None,
    poses_file: str | None = None,
    relax_files: Sequence[str] = (),
    levels_file: str | None = None,
) -> CandidateRecord:
    """The candidate record of one row.

    Parameters
    ----------
    distortions
        Pose id -> distortion of its relaxed slab (`analysis.distortion.measure`).

    Returns
    -------
    CandidateRecord
        `status` is that of the best pose, else of the binding reaction; ``reason`` collects every refusal.
    """
    reasons: list[str] = []
    pose = best_pose(inputs.loaded)
    best = inputs.loaded.get(pose) if pose else None
    status, why = _status(inputs.loaded, best)
    if why:
        reasons.append(why)
    reactions, channels, decomposition, report = [], [], None, None
    try:
        energies = species_energies(inputs, best)
        reactions = evaluate_reactions(inputs, energies, facts.role, error_model)
        channels = desorption.ladder(
            inputs.planned,
            energies,
            inputs.thermo,
            _ligand_name(inputs.planned),
            solution.temperature_K,
            solution.concentration_M,
            solution.solvent,
        )
    except (SettingsMismatch, StaleRecord, UnbalancedReaction) as refusal:
        status, reactions, channels = "failed", [], []
        reasons.append(str(refusal))
    binding = next((r for r in reactions if r.name == "binding"), None)
    if status == "ok" and binding is not None and binding.value_eV is None:
        status = binding.status
        reasons.append(binding.reason)
    if status == "ok" and binding is not None:
        decomposition, said = _decomposition(inputs, best, binding, pose)
        report, refused = _traps(inputs, pose)
        reasons += [text for text in (said, refused) if text]
    return CandidateRecord(
        status=status,
        reason="; ".join(dict.fromkeys(reasons)),
        toy=_any_toy(inputs),
        address=address,
        provenance=provenance,
        label=facts.label,
        ligand=facts.ligand,
        ligand_class=facts.ligand_class,
        role=facts.role,
        full_smiles=facts.full_smiles,
        model_smiles=facts.model_smiles,
        truncation=facts.truncation,
        coverage=facts.coverage,
        n_atoms=_n_atoms(inputs.loaded, best),
        core_seconds=_core_seconds(inputs),
        best_pose=pose,
        pose_error_eV=uncertainty.pose_error(pose_energies(inputs.loaded)),
        poses_file=poses_file,
        relax_files=list(relax_files),
        levels_file=levels_file,
        reactions=reactions,
        decomposition=decomposition,
        traps=report,
        formability=formability,
        channels=channels,
        distortion=(distortions or {}).get(pose or ""),
        chain_length_ang=facts.chain_length_ang,
        footprint_ang2=facts.footprint_ang2,
        anomalies=sorted({a for record in inputs.loaded.values() for a in record.anomalies})
        if best is None
        else list(best.anomalies),
        literature=list(facts.literature),
    )


def best_pose(loaded: Mapping[str, CalculationRecord]) -> str | None:
    """Pose of lowest total energy among those that relaxed without complaint; None if there is none."""
    usable = {p: r for p, r in loaded.items() if r.status == "ok" and r.energy is not None}
    return min(usable, key=lambda p: (usable[p].energy.total_eV, p)) if usable else None


def species_energies(
    inputs: CandidateInputs, best: CalculationRecord | None
) -> dict[str, CalculationRecord | EosRecord | None]:
    """Species name -> record, with the slabs found by their place in the planned reactions.

    Raises
    ------
    StaleRecord
        Two calculations claim one species name, e.g. isomers of one formula.
    """
    energies: dict[str, CalculationRecord | EosRecord | None] = dict(inputs.references)
    for plan in inputs.planned:
        if plan.reaction is None:
            continue
        species = [s.name for _, s in plan.reaction.terms]
        if plan.kind == "binding":
            socket, ligand, loaded = species
            energies |= {socket: inputs.socket, ligand: inputs.molecule, loaded: best}
        elif plan.kind in ("exchange", "exchange-acid"):
            energies[species[0]] = inputs.pristine
        elif plan.kind == "vs-native":
            native = _native_id(plan)
            _add(energies, species[0], inputs.native_loaded.get(native))
            _add(energies, species[3], inputs.native_molecule.get(native))
    return energies


def _add(energies: dict, name: str, record: CalculationRecord | None) -> None:
    """Add the record of a native; a candidate that is this native has it already, an isomer must not pass for it."""
    present = energies.get(name)
    if present is None:
        energies[name] = record
    elif record is not None and present.provenance.physics_hash != record.provenance.physics_hash:
        raise StaleRecord(
            f"two different calculations go by the name {name}: give one of them another name"
        )


def evaluate_reactions(
    inputs: CandidateInputs,
    energies: Mapping[str, CalculationRecord | EosRecord | None],
    role: str,
    error_model: ErrorModel,
) -> list[ReactionEnergy]:
    """Every planned reaction with its error bar; the first native one is called ``vs-native``.

    Raises
    ------
    SettingsMismatch, StaleRecord
        As `reaction_energies.evaluate`.
    """
    found: list[ReactionEnergy] = []
    for plan in inputs.planned:
        if plan.kind not in KINDS_EVALUATED:
            continue
        if plan.reaction is None:
            found.append(
                ReactionEnergy(
                    name=plan.name,
                    equation="",
                    value_eV=None,
                    terms=[],
                    status="skipped",
                    reason=plan.reason,
                )
            )
            continue
        result = reaction_energies.evaluate(plan.reaction, energies, inputs.files)
        result = with_models(result, energies, inputs.dispersion)
        if plan.kind == "vs-native" and not any(r.name == VERSUS_NATIVE for r in found):
            result = result.model_copy(update={"name": VERSUS_NATIVE})
        found.append(result)
    if role == "self-test":
        found += _self_test(inputs, energies)
    native = next((_native_id(p) for p in inputs.planned if p.kind == "vs-native"), "")
    errors = ReactionErrors(
        error_model,
        next((r for r in found if r.name == "binding"), None),
        uncertainty.pose_error(pose_energies(inputs.loaded)),
        {**inputs.native_pose_error, "": inputs.native_pose_error.get(native)},
    )
    return [errors.put_on(reaction) for reaction in found]


def pose_energies(loaded: Mapping[str, CalculationRecord]) -> list[float]:
    """Total energies of the poses that relaxed without complaint, eV."""
    return [r.energy.total_eV for r in loaded.values() if r.status == "ok" and r.energy is not None]


def _self_test(
    inputs: CandidateInputs, energies: Mapping[str, CalculationRecord | EosRecord | None]
) -> list[ReactionEnergy]:
    """loaded slab -> pristine slab; they hold the same atoms, so the energy must be zero."""
    exchange = next(
        (p.reaction for p in inputs.planned if p.kind == "exchange" and p.reaction), None
    )
    binding = next((p.reaction for p in inputs.planned if p.kind == "binding" and p.reaction), None)
    if exchange is None or binding is None:
        return []
    reaction = Reaction(SELF_TEST, ((-1, binding.terms[2][1]), (1, exchange.terms[0][1])))
    return [reaction_energies.evaluate(reaction, energies, inputs.files)]


def _native_id(plan: PlannedReaction) -> str:
    return plan.name.removeprefix("vs-native-")


def _ligand_name(planned: Sequence[PlannedReaction]) -> str:
    binding = next((p.reaction for p in planned if p.kind == "binding" and p.reaction), None)
    return binding.terms[1][1].name if binding else ""


def _status(
    loaded: Mapping[str, CalculationRecord], best: CalculationRecord | None
) -> tuple[Status, str]:
    if best is not None:
        return "ok", ""
    if not loaded:
        return "missing", "no relaxed pose"
    order: list[Status] = ["anomalous", "unconverged", "failed", "skipped", "missing", "ok"]
    worst = min((r.status for r in loaded.values()), key=order.index)
    told = [
        f"pose {pose}: {record.status}" + (f", {record.reason}" if record.reason else "")
        for pose, record in loaded.items()
    ]
    return ("failed" if worst == "ok" else worst), "; ".join(told)


def _decomposition(
    inputs: CandidateInputs, best: CalculationRecord, binding: ReactionEnergy, pose: str
) -> tuple[Decomposition | None, str]:
    slab, ligand = inputs.slab_fragments.get(pose), inputs.ligand_fragments.get(pose)
    if slab is None or ligand is None:
        return None, ""
    try:
        return (
            reaction_energies.decompose(
                binding, best, inputs.socket, inputs.molecule, slab, ligand
            ),
            "",
        )
    except (MissingTerm, SettingsMismatch) as refusal:
        return None, str(refusal)


def _traps(inputs: CandidateInputs, pose: str) -> tuple[TrapReport | None, str]:
    loaded = inputs.levels_loaded.get(pose)
    trio = {"pristine slab": inputs.levels_pristine, "socket": inputs.levels_socket}
    trio["loaded slab"] = loaded
    if all(record is None for record in trio.values()):
        return None, ""
    bad = [
        f"{name} {'missing' if record is None else record.status}"
        for name, record in trio.items()
        if record is None or record.status != "ok"
    ]
    if bad:
        return None, f"no trap verdict: levels of {', '.join(bad)}"
    try:
        verdicts = inputs.verdicts or traps.TrapVerdicts(
            inputs.levels_pristine, inputs.levels_socket
        )
        return verdicts.of(loaded), ""
    except AnalysisRefused as refusal:
        return None, f"no trap verdict: {refusal}"


def _n_atoms(loaded: Mapping[str, CalculationRecord], best: CalculationRecord | None) -> int | None:
    record = best or next((r for r in loaded.values() if r.initial is not None), None)
    return None if record is None or record.initial is None else record.initial.n_atoms


def _own_records(inputs: CandidateInputs) -> list:
    return [
        *inputs.loaded.values(),
        *inputs.slab_fragments.values(),
        *inputs.ligand_fragments.values(),
        *inputs.levels_loaded.values(),
        *([inputs.molecule] if inputs.molecule else []),
    ]


def _core_seconds(inputs: CandidateInputs) -> float:
    """Cost of the candidate's own jobs; slabs and references shared with others are not charged to it."""
    return round(sum(record.provenance.core_s for record in _own_records(inputs)), 1)


def _any_toy(inputs: CandidateInputs) -> bool:
    shared = [inputs.pristine, inputs.socket, *inputs.references.values()]
    return any(r.toy for r in [*_own_records(inputs), *shared] if r is not None)
