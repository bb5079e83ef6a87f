"""Small molecule that a desorption channel ends in, relaxed in its own box."""

from pathlib import Path

from peropass import step
from peropass.engine import jobs, molecules
from peropass.engine.electronic import Setting


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--smiles", required=True)
    options = arguments.parse_args(argv)
    job = jobs.Job(
        address=step.address(options),
        protocol=step.protocol(options),
        record=Path(options.out),
        role="molecule",
        stage="molecule",
        setting=Setting(slab=False, kpts=(1, 1, 1)),
        relax=True,
        command=options.recompute,
        deadline_s=step.deadline(),
    )
    record = molecules.run_molecule(options.smiles, job)
    step.say(f"reference {options.smiles}: {record.status} {record.reason}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
