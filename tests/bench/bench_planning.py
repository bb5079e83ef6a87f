"""Planning of campaigns of thousands of rows: `python tests/bench/bench_planning.py [--keep] [1000 10000]`.

In a scratch folder: the first check of all rows, planning with and without Snakemake, a finished campaign, one row more.
Finished records are empty files with the right names and times; everything else is real. Prints a table; `--keep` puts
it into docs/benchmarks.json.
"""

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "benchmarks.json"
TABLE: list[dict] = []
SHARED = ("Snakefile", "config", "structures", "workflow", "profiles", "scripts", "peropass")
HEAD = """campaign: {name}
protocol: toy
hosts: [CsPbBr3-cubic]
terminations: [001-CsX]
sites: [V-CsX]
slab: {{lateral: sqrt2, layers: 3, frozen_layers: 1, height_ang: 40.0}}
poses: {{generate: 4, relax: 1, xtb: none, xtb_steps: 0, conformers: 1}}
ranking: {{samples: 100}}
candidates:
"""
TAILS, HALIDES = range(1, 19), ("", "Cl", "Br", "I")
FINISH = """
import sys
from pathlib import Path
from peropass import paths
from peropass.plan import planned_jobs
from peropass.workflow import Plan
plan = Plan(sys.argv[1])
jobs = sorted(planned_jobs(plan), key=lambda job: job.rule == "candidate")  # behind every native
for job in jobs:
    file = Path(job.output)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    if job.rule == "candidate" and plan.waves.active:
        plan.waves.size = len(jobs)
if plan.waves.active:
    plan.waves.settle(succeeded=True)
for file in (paths.RANKING, paths.RANKING_CSV, paths.REPORT):
    Path(plan.path(file)).touch()
print(len(jobs))
"""


def rows(number: int) -> list[str]:
    """Rows that are sound on paper and, as far as the library goes, all different."""
    from peropass.chemistry.library import load_library, plan_model
    from peropass.chemistry.molecules import composition
    from peropass.errors import PeropassError

    found, library = [], load_library()
    sound: dict[tuple, bool] = {}
    for copy, tail, halide, (key, entry) in itertools.product(
        range(30), TAILS, HALIDES, library.entries.items()
    ):
        if len(found) == number:
            return found
        if (key, tail, halide) not in sound:
            try:
                parts = plan_model(entry, halide=halide or "Br", tail_carbons=tail).parts
                sound[key, tail, halide] = not halide or halide in composition(".".join(parts))
            except PeropassError:
                sound[key, tail, halide] = False
        if sound[key, tail, halide]:
            role = ", role: native" if (key, tail, halide, copy) == ("ma-br", 1, "", 0) else ""
            own = f", halide: {halide}" if halide else ""
            name = f"{key[:40]}-{tail}{halide or 'x'}{copy}"
            found.append(f"  - {{ligand: {key}, name: {name}, tail_carbons: {tail}{own}{role}}}")
    return found


def measured(command: list[str], place: Path) -> tuple[float, float, float, str]:
    """Wall seconds, processor seconds, peak memory in MB, and what was said."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(place)},
    )  # fmt: skip
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said[-2000:]}")
    wall = time.perf_counter() - start
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said


def jobs(said: str) -> int:
    found = re.search(r"^total\s+(\d+)", said, re.MULTILINE)
    return int(found[1]) if found else 0


def bench(number: int, place: Path) -> None:
    config = place / f"bench-{number}.yaml"
    lines = rows(number)  # the last one is the row more
    config.write_text(HEAD.format(name=f"bench-{number}") + "\n".join(lines[:-1]) + "\n")
    python = [sys.executable]
    ours = [*python, "-c", f"from peropass.workflow import Plan; Plan('{config.name}').targets()"]
    plan = [*python, "-c", f"from peropass.cli import main; main(['plan', '{config.name}'])"]
    dry = [*python, "-m", "snakemake", "--dry-run", "--quiet", "all", "--nolock", "--cores", "1"]
    dry += ["--config", f"campaign={config.name}"]
    show(number, "first check of all rows, chemistry", *measured(ours, place))
    show(number, "rows known, targets", *measured(ours, place))
    show(number, "peropass plan, all stages", *measured(plan, place))
    show(number, "snakemake --dry-run, new campaign", *measured(dry, place))
    *_, files = measured([*python, "-c", FINISH, config.name], place)
    sys.stdout.write(f"{number:>7}  records of a finished campaign: {files.split()[-1]} files\n")
    show(number, "snakemake --dry-run, finished", *measured(dry, place))
    config.write_text(HEAD.format(name=f"bench-{number}") + "\n".join(lines) + "\n")
    show(number, "snakemake --dry-run, one row more", *measured(dry, place))


def show(number: int, what: str, wall: float, processor: float, memory: float, said: str) -> None:
    planned = f"{jobs(said):>7} jobs" if "dry-run" in what else ""
    row = {"rows": number, "what": what, "wall_s": round(wall, 1), "cpu_s": round(processor, 1)}
    row["peak_MB"] = round(memory)
    TABLE.append(row | ({"jobs": jobs(said)} if planned else {}))
    sys.stdout.write(
        f"{number:>7}  {what:<38}{wall:>8.1f} s{processor:>8.1f} s CPU{memory:>8.0f} MB{planned}\n"
    )
    sys.stdout.flush()


def main() -> None:
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in SHARED:
            (place / name).symlink_to(ROOT / name)
        for number in [int(word) for word in sys.argv[1:] if word.isdigit()] or [1000, 10000]:
            bench(number, place)
    if "--keep" in sys.argv:
        keep()


def keep() -> None:
    """Put the table with the machine and the day into docs/benchmarks.json, beside what others keep there."""
    from peropass.plan import machine

    data = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    day = time.strftime("%Y-%m-%d", time.gmtime())
    data["planning"] = {"machine": machine(), "date": day, "table": TABLE}
    KEPT.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
