"""Peropass: from a campaign file to a ranked report. Run it with `make quickstart` or `peropass run`."""

from snakemake.utils import min_version

from peropass import paths
from peropass.workflow import Plan, code_digest

min_version("9.19")

plan = Plan(config.get("campaign", "config/quickstart.yaml"))


wildcard_constraints:
    host=r"[A-Za-z0-9-]+",
    termination=r"[A-Za-z0-9-]+",
    site=r"[A-Za-z0-9-]+",
    candidate=r"(?!none/)[A-Za-z0-9-]+",
    reference=r"[A-Za-z0-9-]+",
    pose=r"k\d+",
    part=r"slab|ligand",


localrules:
    all,
    rank,
    report,


rule all:
    input:
        plan.path(paths.REPORT),
    default_target: True


include: "workflow/rules/structures.smk"
include: "workflow/rules/dft.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"
