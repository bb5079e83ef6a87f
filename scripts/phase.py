"""Relax the ions of a competing bulk phase in its published cell, scaled like the host's."""

from pathlib import Path

from peropass import step
from peropass.engine import jobs
from peropass.engine.equation_of_state import phase_setting
from peropass.errors import BuildError
from peropass.records import EosRecord, read_record
from peropass.surfaces.hosts import load_host, load_phase, scaled_primitive


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--phase", required=True, help="name of the phase")
    arguments.add_argument("--host", required=True, type=Path, help="equation of state of the host")
    arguments.add_argument(
        "--points", type=int, default=None, help="k-points per axis of the cubic host"
    )
    options = arguments.parse_args(argv)
    protocol = step.protocol(options)
    eos = read_record(options.host, EosRecord, allow_toy=protocol.engine == "toy")
    if eos.status != "ok":
        raise BuildError(f"{options.host}: {eos.status}, {eos.reason}")
    scale = eos.a_ang / load_host(eos.address.host).pseudocubic_ang
    atoms = scaled_primitive(load_phase(options.phase), scale)
    job = step.dft_job(
        options,
        role="bulk",
        stage="phase",
        setting=phase_setting(protocol, atoms.cell.lengths(), eos.a_ang, options.points),
        relax=True,
    )
    record = jobs.run(atoms, job)
    step.say(f"phase {options.phase}: {record.status} {record.reason} {record.ionic_steps} steps")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
