"""Vibrations and implicit solvation of a gas-phase species by GFN2-xTB, at the geometry that DFT found."""

from pathlib import Path

from ase.io import read

from peropass import step
from peropass.chemistry.reaction_plan import gas
from peropass.engine import thermo_jobs
from peropass.records import CalculationRecord, read_record


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--molecule", required=True, type=Path)
    arguments.add_argument("--smiles", required=True)
    options = arguments.parse_args(argv)
    toy = step.protocol(options).engine == "toy"
    molecule = read_record(options.molecule, CalculationRecord, allow_toy=toy)
    atoms = (
        read(options.molecule.parent / molecule.final.file, format="extxyz")
        if molecule.final
        else None
    )
    record = thermo_jobs.run(
        atoms,
        gas(options.smiles).name,
        options.smiles,
        step.address(options),
        Path(options.out),
        toy,
        # as DFT left them: a spin-polarised molecule carries its moment in its record
        unpaired=round(abs(molecule.magnetic_moment_muB or 0.0)),
    )
    step.say(f"thermo {record.species}: {record.status} {record.reason}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
