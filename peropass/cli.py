"""The `peropass` command. Each subcommand imports only what it needs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from peropass.errors import PeropassError

COMMANDS = {
    "check": "check a campaign file without running anything",
    "run": "run a campaign with a live display; resumes, and does nothing when all is done",
    "reuse": "let a campaign find the finished calculations of another one",
    "plan": "jobs, core-hours, memory and disk of a campaign before it runs",
    "analyse": "derive all numbers, errors and ranks of a campaign folder again from its calculations",
    "report": "rebuild the report of a campaign folder from its records",
    "compare": "which ranks moved between two runs, and why",
    "verify": "re-derive every derived number of a campaign folder and check its hashes",
    "export": "a finished campaign as one RO-Crate: workflow, config, records and report",
    "validate": "bulk lattice constants and gaps against published values (tens of minutes; resumes)",
    "convergence": "ladders in cutoff, k-points, vacuum, ... behind the error model (hours; resumes)",
    "basis": "how energies hang on the number of plane waves, per element (minutes per cutoff; resumes)",
    "factors": "tolerance and octahedral factors of compositions",
    "library": "`library check`: build every entry of the ligand library",
    "docs": "write the generated pages of the documentation",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point. Exit status 0 done, 1 finding, 2 bad input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help") or arguments[0] not in COMMANDS:
        return _usage(arguments)
    name, rest = arguments[0], arguments[1:]
    try:
        return _dispatch(name, rest)
    except PeropassError as error:
        sys.stderr.write(f"peropass {name}: {error}\n")
        return 2


def _usage(arguments: Sequence[str]) -> int:
    asked = bool(arguments) and arguments[0] in ("-h", "--help")
    width = max(map(len, COMMANDS))
    lines = ["usage: peropass COMMAND ...", ""]
    lines += [f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()]
    if arguments and not asked:
        lines.insert(
            0, f"peropass: unknown command {arguments[0]!r}; allowed: {', '.join(COMMANDS)}"
        )
    (sys.stdout if asked else sys.stderr).write("\n".join(lines) + "\n")
    return 0 if asked else 2


def _dispatch(name: str, rest: list[str]) -> int:
    if name == "check":
        return _check(rest)
    if name == "run":
        from peropass.run import main as run
    elif name == "reuse":
        from peropass.reuse import main as run
    elif name == "plan":
        from peropass.plan import main as run
    elif name == "analyse":
        from peropass.derive import main as run
    elif name == "report":
        from peropass.rebuild import main as run
    elif name == "compare":
        from peropass.compare import main as run
    elif name == "verify":
        from peropass.verify import main as run
    elif name == "export":
        from peropass.crate import main as run
    elif name == "validate":
        from peropass.validate import main as run
    elif name == "basis":
        from peropass.basis import main as run
    elif name == "convergence":
        from peropass.convergence import main as run
    elif name == "factors":
        from peropass.factors import main as run
    elif name == "library":
        from peropass.library_check import main as run
    else:
        from peropass.generated_docs import main as run
    return run(rest)


def _check(rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="peropass check", description=COMMANDS["check"])
    parser.add_argument("config")
    options = parser.parse_args(rest)
    from peropass.check import deep_check
    from peropass.config import load_campaign

    campaign, protocol = load_campaign(options.config)
    deep_check(campaign, options.config)
    sockets = len(campaign.hosts) * len(campaign.terminations) * len(campaign.sites)
    sys.stdout.write(
        f"{options.config}: ok; {len(campaign.candidates)} candidates on {sockets} socket(s), protocol {protocol.name}\n"
    )
    return 0
