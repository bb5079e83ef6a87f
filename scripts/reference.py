"""Small molecule that a desorption channel ends in, relaxed in its own box."""

from peropass import step
from peropass.engine import molecules
from peropass.engine.electronic import Setting


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--smiles", required=True)
    options = arguments.parse_args(argv)
    job = step.dft_job(
        options,
        role="molecule",
        stage="molecule",
        setting=Setting(slab=False, kpts=(1, 1, 1)),
        relax=True,
    )
    record = molecules.run_molecule(options.smiles, job)
    step.say(f"reference {options.smiles}: {record.status} {record.reason}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
