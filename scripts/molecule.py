"""Gas-phase reference of a candidate: every neutral variant, lowest conformer, relaxed in its own box."""

from peropass import step
from peropass.engine import molecules
from peropass.engine.electronic import Setting


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--candidate", required=True, help="JSON of the candidate's row")
    arguments.add_argument("--halide", required=True, help="halogen of the host")
    arguments.add_argument("--conformers", type=int, default=2)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args(argv)
    job = step.dft_job(
        options,
        role="molecule",
        stage="molecule",
        setting=Setting(slab=False, kpts=(1, 1, 1)),
        relax=True,
    )
    record = molecules.run_reference(
        step.candidate_settings(options.candidate),
        options.halide,
        options.conformers,
        options.seed,
        job,
    )
    step.say(
        f"molecule {job.address.candidate}: {record.status} {record.reason} {record.ionic_steps} steps"
    )


if __name__ == "__main__":
    raise SystemExit(step.run(main))
