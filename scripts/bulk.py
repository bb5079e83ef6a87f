"""Equation of state of a cubic host, reservoir phase or metal."""

from peropass import published, step
from peropass.engine import equation_of_state
from peropass.surfaces.hosts import STRUCTURES, bulk, load_host


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--phase", required=True, help="name of the phase")
    arguments.add_argument("--folder", default="hosts", choices=["hosts", "phases"])
    options = arguments.parse_args(argv)
    protocol = step.protocol(options)
    phase = load_host(options.phase, STRUCTURES / options.folder)
    reference = published.lookup("lattice_constant", phase.name, protocol.energy.xc)
    setting = (
        equation_of_state.metal_setting(phase.cell.a_ang)
        if phase.phase == "metal"
        else equation_of_state.bulk_setting(protocol)
    )
    job = step.dft_job(options, role="bulk", stage="bulk", setting=setting, relax=False)
    record = equation_of_state.run(
        bulk(phase),
        job,
        reference.value if reference else None,
        reference.source if reference else "",
    )
    step.say(f"bulk {phase.name}: {record.status}, a = {record.a_ang} Angstrom {record.reason}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
