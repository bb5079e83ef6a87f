"""The funnel of starting poses: placed, scored with GFN-xTB on the frozen slab, the best kept for DFT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

from peropass.chemistry.model import LigandModel
from peropass.config import CandidateSettings, PoseSettings, poses_relaxed
from peropass.engine import xtb
from peropass.engine.freedom import free_atoms
from peropass.engine.jobs import write_structure
from peropass.engine.work import (
    RESULT,
    Progress,
    Stopwatch,
    exclusive,
    finished_result,
    work_folder,
)
from peropass.errors import BuildError, EngineError, InputError, PeropassError
from peropass.ids import digest, file_sha256, structure_hash
from peropass.records import (
    Address,
    Pose,
    PosesRecord,
    Provenance,
    RecallEstimate,
    write_record,
    write_text,
)
from peropass.revisions import REVISIONS
from peropass.surfaces.defects import locate_holes, make_site
from peropass.surfaces.funnel import SAME_ENERGY_EV, FunnelResult, energies_of, leaders, run_funnel
from peropass.surfaces.poses import PlacedPose, PoseSet, generate_poses

MINIMUM_RELAXED_POSES = 2
SAME_CELL_ANG = 1e-4


def run(
    socket: Atoms | None,
    pristine: Atoms | None,
    *,
    candidate: CandidateSettings,
    settings: PoseSettings,
    entry: str,
    halide: str,
    address: Address,
    out: Path,
    toy: bool = False,
    blocked: str = "",
    start: str | None = None,
) -> PosesRecord:
    """Place, score and keep; writes the kept structures as `k0.build.extxyz`, ... and the record last.

    A finished funnel with the same inputs, also one that was taken over from another campaign, is read and not repeated;
    `entry` is the digest of the ligand's entry in the library, which is one of them.
    A candidate that cannot be placed gives a record of status `failed` with the reason. `toy` skips the cheap tier.
    `blocked` says why a slab is None. `start` names the file of a loaded slab that is taken as the one pose.
    """
    watch = Stopwatch(out.parent / "poses.cost.json")
    if socket is None or pristine is None:
        reason = "the clean socket is not relaxed" + (f": {blocked}" if blocked else "")
        return _unplaced(out, {"address": address, "toy": toy}, watch, "missing", reason)
    place = {
        "site": address.site,
        "pristine": structure_hash(pristine),
        "entry": entry,
        "halide": halide,
        "toy": toy,
        **({"start": file_sha256(start)} if start else {}),
    }
    identity = digest([_identity(socket, settings, candidate), place], 16)
    folder = work_folder(out, identity)
    with exclusive(folder):
        record = finished_result(folder, PosesRecord)
        if record is None:
            record = _funnel(
                socket,
                pristine,
                candidate=candidate,
                settings=settings,
                halide=halide,
                address=address,
                out=out,
                watch=watch,
                toy=toy,
                identity=identity,
                start=start,
            )
            _publish(record, out.parent, folder / RESULT)
        else:
            record = record.model_copy(update={"address": address})
            _publish(record, folder, out)
    return record


def _funnel(
    socket: Atoms,
    pristine: Atoms,
    *,
    candidate: CandidateSettings,
    settings: PoseSettings,
    halide: str,
    address: Address,
    out: Path,
    watch: Stopwatch,
    toy: bool,
    identity: str,
    start: str | None,
) -> PosesRecord:
    common = {"address": address, "toy": toy}
    progress = Progress(out.parent / "poses.progress.json", "poses")
    progress.update(force=True, n_atoms=len(socket))
    keep = poses_relaxed(settings, candidate)
    try:
        model = _model(candidate, settings, halide)
        if start:
            placed = PoseSet([known_pose(start, socket, model)], filters=[])
            scores = unscored(placed, f"known minimum: {start}")
        else:
            placed = _placed(socket, pristine, address.site, model, settings, candidate.pockets > 0)
            scores = _scores(placed, settings, keep, toy)
    except (BuildError, InputError, EngineError) as error:
        progress.finish()
        return _unplaced(out, common, watch, "failed", str(error))
    chosen = run_funnel(
        placed,
        scores,
        keep=keep,
        window_eV=settings.window_eV,
        recall_sample=max(1, settings.recall),
        seed=settings.seed,
        pockets=candidate.pockets,
    )
    for rank, kept in enumerate(chosen.kept):
        write_structure(chosen.structures[kept], out.parent / f"k{rank}.build.extxyz")
    off = toy or settings.xtb == "none" or bool(start)
    record = PosesRecord(
        **common,
        status="ok",
        provenance=_provenance(watch, socket, identity),
        method="none" if off else xtb.describe(settings.xtb, [pose.atoms for pose in placed.poses]),
        descriptors=_descriptors(model, settings, dipole=not (toy or settings.xtb == "none")),
        filters=chosen.filters,
        poses=[_with_file(pose) for pose in chosen.poses],
        recall=None
        if off or not settings.recall
        else estimate_recall(placed, scores, chosen, settings),
    )
    write_record(record, out)
    progress.finish()
    return record


def _publish(record: PosesRecord, source: Path, out: Path) -> None:
    """Copy a finished funnel from the folder `source`: structures first, the record last. Failed ones are tried again."""
    if record.status != "ok":
        return
    for pose in record.poses:
        if pose.file:
            text = (source / pose.file).read_text(encoding="utf-8")
            write_text(out.parent / pose.file, text)
    write_record(record, out)


def _model(candidate: CandidateSettings, settings: PoseSettings, halide: str) -> LigandModel:
    from peropass.chemistry.library import build_model, load_library

    return build_model(
        load_library().entry(candidate.ligand, "candidates.ligand"),
        tail_carbons=candidate.tail_carbons,
        halide=candidate.halide or halide,
        variant=candidate.variant,
        partner=candidate.partner,
        n_conformers=settings.conformers,
        seed=settings.seed,
        described=False,
    )


def _descriptors(model: LigandModel, settings: PoseSettings, dipole: bool) -> dict[str, float]:
    """Size and polarity of the model; the dipole is the cheap tier's and left out where that is off."""
    from peropass.chemistry.descriptors import describe

    try:
        found = describe(model, seed=settings.seed, dipole=dipole)
    except PeropassError:
        return {}  # the poses do not hang on it
    return {name: round(value, 3) for name, value in sorted(found.items())}


def _placed(
    socket: Atoms,
    pristine: Atoms,
    site: str,
    model: LigandModel,
    settings: PoseSettings,
    pockets: bool = False,
) -> PoseSet:
    if _fills_the_site(model):
        # ASSUME a set that fills both holes starts from the pristine slab with the two atoms taken out, as it leaves
        # the lattice close to the pristine one; the empty socket reconstructs, and undoing that costs 20-30 ionic
        # steps. Neutral donors leave the holes open and start from the relaxed socket.
        frame = make_site(pristine, site)
        return generate_poses(
            frame.atoms,
            frame.holes,
            model,
            n=settings.generate,
            seed=settings.seed,
            pockets=pockets,
        )
    return generate_poses(
        socket, locate_holes(socket, pristine), model, n=settings.generate, seed=settings.seed
    )


def _fills_the_site(model: LigandModel) -> bool:
    roles = {part.role for part in model.parts}
    return "zwitterion" in roles or {"cation", "anion"} <= roles


def _scores(placed: PoseSet, settings: PoseSettings, keep: int, toy: bool) -> list[xtb.XtbScore]:
    if toy or settings.xtb == "none":
        return unscored(placed, "cheap tier is off")
    return score_and_relax(placed, settings, keep)


def unscored(placed: PoseSet, reason: str) -> list[xtb.XtbScore]:
    """Scores without energies."""
    return [
        xtb.XtbScore(
            energy_xtb_eV=None, accepted=False, reason=reason, method="none", atoms=pose.atoms
        )
        for pose in placed.poses
    ]


def known_pose(file: str, socket: Atoms, model: LigandModel) -> PlacedPose:
    """The loaded slab of `file` as a pose: a minimum found elsewhere, in the cell of `socket`, with its held atoms where they are.

    Raises
    ------
    InputError
        Other atoms than those of the socket and the ligand, another cell, or other places of the held atoms.
    """
    atoms = read(file, format="extxyz")
    whole = socket.copy()
    for part in model.parts:
        whole += part.conformers[0]
    if sorted(atoms.numbers) != sorted(whole.numbers):
        raise InputError(
            f"{file}: atoms", atoms.get_chemical_formula(), whole.get_chemical_formula()
        )
    if not np.allclose(atoms.cell.array, socket.cell.array, atol=SAME_CELL_ANG):
        raise InputError(
            f"{file}: cell", atoms.cell.cellpar().round(4).tolist(), "that of the socket"
        )
    held = np.setdiff1d(np.arange(len(socket)), free_atoms(socket))
    if not np.allclose(atoms.positions[held], socket.positions[held], atol=SAME_CELL_ANG):
        raise InputError(f"{file}: held atoms", "other places", "those of the socket, in its order")
    return PlacedPose(
        id="start",
        motif="known",
        anchor="-",
        conformer=0,
        atoms=atoms,
        orientation="known",
        lift_ang=0.0,
    )


def score_and_relax(
    placed: PoseSet, settings: PoseSettings, keep: int, workers: int = 1
) -> list[xtb.XtbScore]:
    """Score all poses as placed, then relax the ligand of the better half, and of the best of each of the `keep` best classes.

    The others cannot win by xtb_steps steps.
    """
    structures = [pose.atoms for pose in placed.poses]
    scores = xtb.score_poses(structures, method=settings.xtb, relax_steps=0, workers=workers)
    if settings.xtb_steps == 0:
        return scores
    best = _better_half(scores, at_least=max(MINIMUM_RELAXED_POSES, keep))
    best += [k for k in leaders(placed.poses, energies_of(scores))[:keep] if k not in best]
    relaxed = xtb.score_poses(
        [structures[k] for k in best],
        method=settings.xtb,
        relax_steps=settings.xtb_steps,
        workers=workers,
        known=[scores[k] for k in best],
    )
    for k, score in zip(best, relaxed, strict=True):
        scores[k] = score
    return scores


def estimate_recall(
    placed: PoseSet, scores: list[xtb.XtbScore], chosen: FunnelResult, settings: PoseSettings
) -> RecallEstimate:
    """Relax the ligands of the dropped poses that were drawn, and compare them with the best kept one."""
    index = {pose.id: k for k, pose in enumerate(placed.poses)}
    best = scores[index[chosen.kept[0]]].energy_xtb_eV
    energies = []
    for identity in chosen.recall:
        score = scores[index[identity]]
        if not score.accepted:
            score = xtb.score_poses(
                [placed.poses[index[identity]].atoms],
                method=settings.xtb,
                relax_steps=max(1, settings.xtb_steps),
                known=[score],
            )[0]
        energies.append(score.energy_xtb_eV)
    known = [energy - best for energy in energies if energy is not None and best is not None]
    return RecallEstimate(
        dropped=len(placed.poses) - len(chosen.kept),
        drawn=len(chosen.recall),
        failed=len(energies) - len(known),
        better=sum(gap < -SAME_ENERGY_EV for gap in known),
        lowest_eV=min(known, default=None),
    )


def _better_half(scores: list[xtb.XtbScore], at_least: int) -> list[int]:
    known = [k for k, score in enumerate(scores) if score.energy_xtb_eV is not None]
    order = sorted(known, key=lambda k: scores[k].energy_xtb_eV)
    return order[: max(at_least, (len(order) + 1) // 2)]


def _with_file(pose: Pose) -> Pose:
    return pose.model_copy(update={"file": f"k{pose.rank}.build.extxyz"}) if pose.kept else pose


def _unplaced(out: Path, common: dict, watch: Stopwatch, status: str, reason: str) -> PosesRecord:
    record = PosesRecord(
        **common,
        status=status,
        reason=reason,
        provenance=Provenance(revision=REVISIONS["poses"], physics_hash="none", **watch.read()),
        method="none",
        filters=[],
        poses=[],
    )
    write_record(record, out)
    return record


def _identity(socket: Atoms, settings: PoseSettings, candidate: CandidateSettings) -> str:
    return digest(
        {
            "socket": structure_hash(socket),
            "settings": settings.model_dump(),
            "candidate": candidate.model_dump(exclude={"role", "name", "start"}),
            "revision": REVISIONS["poses"],
        },
        16,
    )


def _provenance(watch: Stopwatch, socket: Atoms, identity: str) -> Provenance:
    from importlib.metadata import version

    return Provenance(
        revision=REVISIONS["poses"],
        physics_hash=identity,
        inputs={"socket": structure_hash(socket)},
        versions={name: version(name) for name in ("rdkit", "tblite", "ase", "numpy")},
        **watch.read(),
    )
