"""What `peropass verify` finds wrong with one record: its place, structures, identity, sums and versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from peropass import gather
from peropass.ids import digest, structure_hash
from peropass.records import (
    BandRecord,
    CalculationRecord,
    EosRecord,
    LevelsRecord,
    PosesRecord,
    Record,
    StructureRef,
)

STEP_ENERGY_TOLERANCE_EV = 2e-6  # histories are rounded to 1e-6 eV
BARRIER_TOLERANCE_EV = 3e-5  # energies of a path are rounded to 1e-5 eV
EOS_TOLERANCE_ANG, EOS_TOLERANCE_EV = 0.0005, 0.0005


@dataclass
class Findings:
    """What was looked at and what is wrong."""

    deviations: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    def deviate(self, where: object, message: str) -> None:
        self.deviations.append(f"{where}: {message}")


@dataclass(frozen=True)
class Folder:
    """A campaign folder with its own copy of the campaign."""

    root: Path
    copy: gather.CampaignCopy

    @property
    def toy(self) -> bool:
        return self.copy.protocol.engine == "toy"

    def files(self, pattern: str = "*.record.json") -> Iterator[Path]:
        """Declared records; work folders hold their drafts."""
        for file in sorted(self.root.rglob(pattern)):
            if not any(part.startswith("work-") for part in file.relative_to(self.root).parts):
                yield file

    def short(self, file: Path) -> str:
        return str(file.relative_to(self.root))


def check_record(
    folder: Folder, file: Path, records: dict[Path, Record], findings: Findings
) -> None:
    """All that one record and its neighbours can be held against."""
    record = records[file]
    _check_place(folder, file, record, findings)
    _check_structures(folder, file, record, findings)
    if isinstance(record, CalculationRecord):
        _check_calculation(folder, file, record, findings)
        _check_handed_on(folder, file, record, findings)
    elif isinstance(record, EosRecord):
        _check_eos(folder, file, record, findings)
    elif isinstance(record, LevelsRecord):
        _check_levels(folder, file, record, records, findings)
    elif isinstance(record, BandRecord):
        _check_band(folder, file, record, records, findings)
    elif isinstance(record, PosesRecord):
        _check_poses(folder, file, record, findings)


def _check_place(folder: Folder, file: Path, record: Record, findings: Findings) -> None:
    """The address in the record is the folder that it lies in."""
    levels = [
        x
        for x in (record.address.host, record.address.termination, record.address.site)
        if x != "none"
    ]
    expected = [record.address.protocol, *levels]
    parts = file.relative_to(folder.root).parts
    if record.address.campaign != folder.copy.campaign.campaign:
        findings.deviate(folder.short(file), f"belongs to campaign {record.address.campaign}")
    elif list(parts[: len(expected)]) != expected:
        findings.deviate(folder.short(file), f"says that it belongs to {'/'.join(expected)}")
    elif record.address.candidate != "none" and record.address.candidate not in parts:
        findings.deviate(
            folder.short(file), f"says that it belongs to candidate {record.address.candidate}"
        )


def _references(record: Record) -> list[StructureRef]:
    found = [getattr(record, name, None) for name in ("initial", "final", "structure")]
    return [ref for ref in found if ref is not None and ref.file]


def _check_structures(folder: Folder, file: Path, record: Record, findings: Findings) -> None:
    for ref in _references(record):
        path = file.parent / ref.file
        atoms = _atoms(path, folder, findings)
        if atoms is None:
            continue
        findings.count("structure hashes")
        found = structure_hash(atoms)
        if found != ref.hash:
            findings.deviate(
                folder.short(path), f"hash {found}, record {file.name} says {ref.hash}"
            )
        if dict(sorted(Counter(atoms.get_chemical_symbols()).items())) != ref.composition:
            findings.deviate(
                folder.short(path),
                f"holds {atoms.get_chemical_formula()}, {file.name} says {ref.composition}",
            )


def _atoms(path: Path, folder: Folder, findings: Findings):
    from ase.io import read

    try:
        return read(path, format="extxyz")
    except FileNotFoundError:
        findings.deviate(folder.short(path), "the structure file is missing")
    except (ValueError, KeyError, IndexError, OSError) as error:
        findings.deviate(
            folder.short(path), f"is no extended XYZ ({' '.join(str(error).split())[:80]})"
        )
    return None


def _settings_hash(record) -> str:
    energy = {k: v for k, v in record.settings.items() if k != "levels"}
    return digest({"engine": "toy" if record.toy else "gpaw", "energy": energy})


def _check_settings(folder: Folder, file: Path, record, findings: Findings) -> None:
    findings.count("settings")
    if _settings_hash(record) != record.settings_hash:
        findings.deviate(
            folder.short(file), f"settings hash {record.settings_hash} is not that of its settings"
        )
    elif record.settings_hash != folder.copy.protocol.settings_hash:
        findings.deviate(
            folder.short(file), "made with other settings than the campaign's protocol"
        )


def _check_calculation(
    folder: Folder, file: Path, record: CalculationRecord, findings: Findings
) -> None:
    short = folder.short(file)
    _check_settings(folder, file, record, findings)
    if record.initial is not None and record.energy is not None:
        findings.count("identities")
        found = _identity(folder, file, record)
        if found != record.provenance.physics_hash:
            findings.deviate(
                short,
                f"identity {record.provenance.physics_hash} is not that of its structure and settings ({found})",
            )
    if record.history and record.energy is not None:
        findings.count("energy sums")
        last, energy = record.history[-1], record.energy
        if (
            abs(last.energy_eV - energy.electronic_eV - energy.dispersion_eV)
            > STEP_ENERGY_TOLERANCE_EV
        ):
            findings.deviate(
                short,
                f"energy {energy.electronic_eV + energy.dispersion_eV:.6f} eV is not that of its last step, {last.energy_eV:.6f} eV",
            )
        if len(record.history) != record.ionic_steps:
            findings.deviate(
                short, f"{record.ionic_steps} ionic steps, but {len(record.history)} in its history"
            )
        if (
            record.fmax_eV_per_ang is not None
            and abs(last.fmax_eV_per_ang - record.fmax_eV_per_ang) > 1e-4
        ):
            findings.deviate(
                short, f"largest force {record.fmax_eV_per_ang} is not that of its last step"
            )
    limit = folder.copy.protocol.relax.fmax_eV_per_ang
    if record.status == "ok" and record.kind == "relax" and (record.fmax_eV_per_ang or 0.0) > limit:
        findings.deviate(
            short,
            f"is ok with a largest force of {record.fmax_eV_per_ang} eV/Angstrom, allowed {limit}",
        )
    if record.status == "ok" and any(not check.passed for check in record.checks):
        findings.deviate(short, "is ok although a check failed")
    if record.competitors and record.energy is not None:
        gaps = [abs(value - record.energy.total_eV) for value in record.competitors.values()]
        if min(gaps) > STEP_ENERGY_TOLERANCE_EV:
            findings.deviate(
                short, f"energy {record.energy.total_eV} eV is that of none of its variants"
            )


def _identity(folder: Folder, file: Path, record: CalculationRecord) -> str:
    relaxed = record.kind == "relax"
    return digest(
        {
            "structure": record.initial.hash,
            "settings": record.settings_hash,
            "relax": folder.copy.protocol.relax.model_dump() if relaxed else None,
            "kpts": record.kpts,
            "slab": record.role in ("slab", "fragment"),
            "spin": record.magnetic_moment_muB is not None
            or (record.toy and toy_spin(record, file)),
            "revision": record.provenance.revision,
            **({"planes": record.planes} if record.planes else {}),
        },
        length=16,
    )


def toy_spin(record: CalculationRecord, file: Path) -> bool:
    """The toy engine reports no moment; an odd number of electrons is what asks for spin, but for halide hops."""
    if "hops" in file.parts:
        return False
    from ase.data import atomic_numbers

    return sum(atomic_numbers[s] * n for s, n in record.initial.composition.items()) % 2 == 1


def _check_eos(folder: Folder, file: Path, record: EosRecord, findings: Findings) -> None:
    from peropass.engine.equation_of_state import fit, points_of_one_scan

    _check_settings(folder, file, record, findings)
    if record.a_ang is None or record.energy is None:
        return
    scan = points_of_one_scan(record.points, record.a_ang)
    found = fit([p.a_ang for p in scan], [p.energy_eV for p in scan]) if scan else None
    findings.count("equations of state")
    if found is None or abs(found.a_ang - record.a_ang) > EOS_TOLERANCE_ANG:
        findings.deviate(
            folder.short(file),
            f"lattice constant {record.a_ang} Angstrom does not come out of its points",
        )
    elif abs(found.energy_eV - record.energy.total_eV) > EOS_TOLERANCE_EV:
        findings.deviate(
            folder.short(file),
            f"energy {record.energy.total_eV:.6f} eV does not come out of its points, {found.energy_eV:.6f} eV",
        )


def _check_levels(
    folder: Folder,
    file: Path,
    record: LevelsRecord,
    records: dict[Path, Record],
    findings: Findings,
) -> None:
    relaxed = records.get(file.with_name("relax.record.json"))
    if record.status != "ok" or not isinstance(relaxed, CalculationRecord) or relaxed.final is None:
        return
    _check_settings(folder, file, record, findings)
    findings.count("levels")
    if record.structure.hash != relaxed.final.hash:
        findings.deviate(folder.short(file), "levels of another structure than the relaxed one")
    for name in ("scalar", "soc"):
        levels = getattr(record, name)
        if (
            levels is not None
            and len({len(levels.energies_eV), len(levels.filling), len(levels.weights)}) != 1
        ):
            findings.deviate(
                folder.short(file), f"{name}: energies, fillings and weights differ in number"
            )


def _check_band(
    folder: Folder,
    file: Path,
    record: BandRecord,
    records: dict[Path, Record],
    findings: Findings,
) -> None:
    """Barriers are differences of the path's own energies, or of those of saddle and ends."""
    if record.path is None:
        return
    energies = record.path.energies_eV
    start, top, end = energies[0], max(energies), energies[-1]
    if record.tier == "screen":
        names = ("start/relax", "saddle", "end/relax")
        found = [records.get(file.parent / f"{name}.record.json") for name in names]
        totals = [r.energy.total_eV for r in found if isinstance(r, CalculationRecord) and r.energy]
        if len(totals) < len(names):
            findings.deviate(folder.short(file), "a record of its saddle or of an end is missing")
            return
        start, top, end = totals
    findings.count("barriers")
    for name, said, derived in (
        ("barrier", record.path.barrier_eV, top - start),
        ("reverse barrier", record.path.reverse_barrier_eV, top - end),
    ):
        if abs(said - derived) > BARRIER_TOLERANCE_EV:
            findings.deviate(
                folder.short(file), f"{name} {said} eV, from its energies {derived:.5f} eV"
            )


def _check_poses(folder: Folder, file: Path, record: PosesRecord, findings: Findings) -> None:
    for pose in record.poses:
        if pose.kept and pose.file and not (file.parent / pose.file).exists():
            findings.deviate(
                folder.short(file), f"the structure of pose {pose.id}, {pose.file}, is missing"
            )
    kept = sum(pose.kept for pose in record.poses)
    findings.count("poses", kept)


def _check_handed_on(
    folder: Folder, file: Path, record: CalculationRecord, findings: Findings
) -> None:
    """A step began with the structure that the step before it ended with."""
    if record.initial is None:
        return
    if file.name == "relax.record.json" and record.role == "slab":
        pose = record.address.pose
        built = file.parent.parent / f"{pose}.build.extxyz"
        source = file.with_name("build.extxyz") if pose == "none" else built
        _same_structure(folder, file, record, source, None, findings)
    elif record.role == "fragment":
        part = {"fragment-slab.record.json": 0, "fragment-ligand.record.json": 1}.get(file.name)
        source = file.with_name("relax.final.extxyz")
        _same_structure(folder, file, record, source, part, findings)


def _same_structure(
    folder: Folder,
    file: Path,
    record: CalculationRecord,
    source: Path,
    part: int | None,
    findings: Findings,
) -> None:
    atoms = _atoms(source, folder, findings)
    if atoms is None:
        return
    findings.count("structures handed on")
    chosen = atoms if part is None else atoms[atoms.arrays["fragment"] == part]
    if structure_hash(chosen) != record.initial.hash:
        findings.deviate(folder.short(file), f"did not begin with {folder.short(source)}")


def check_versions(
    folder: Folder, records: dict[Path, Record], findings: Findings, any_versions: bool
) -> None:
    """One version of each package and dataset in the whole folder, and the one that is installed here."""
    seen: dict[str, dict[str, Path]] = {}
    symbols: set[str] = set()
    for file, record in records.items():
        for name, version in record.provenance.versions.items():
            seen.setdefault(name, {}).setdefault(version, file)
            if name.startswith("paw-"):
                symbols.add(name.removeprefix("paw-"))
    here = {} if any_versions else _installed(seen, symbols, folder.copy.protocol.energy.xc)
    for name, versions in sorted(seen.items()):
        findings.count("versions")
        if len(versions) > 1:
            found = ", ".join(
                f"{version} ({folder.short(file)})" for version, file in sorted(versions.items())
            )
            findings.deviate(name, f"several versions in one campaign: {found}")
        elif name in here and here[name] not in versions:
            findings.deviate(name, f"{next(iter(versions))} in the records, {here[name]} here")


def _installed(names, symbols: set[str], xc: str) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    from peropass.engine import gpaw_calculator

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if symbols:
        found |= gpaw_calculator.dataset_hashes(symbols, xc)
        found |= {k: v for k, v in gpaw_calculator.versions().items() if k == "libxc"}
    return found
