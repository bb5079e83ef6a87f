"""Halogen molecule X2 in its own box, the halide-rich end of the chemical potentials."""

from peropass import step
from peropass.engine import jobs
from peropass.engine.electronic import Setting
from peropass.engine.molecules import boxed
from peropass.surfaces.diatomics import load_diatomic


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--halogen", required=True, help="name of the molecule, e.g. Br2")
    options = arguments.parse_args(argv)
    job = step.dft_job(
        options,
        role="molecule",
        stage="molecule",
        setting=Setting(slab=False, kpts=(1, 1, 1)),
        relax=True,
    )
    molecule = load_diatomic(options.halogen).atoms
    record = jobs.run(boxed(molecule, job.protocol.molecule_margin_ang), job)
    step.say(f"halogen {options.halogen}: {record.status} {record.reason}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
