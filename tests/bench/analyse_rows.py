"""All candidate records of a campaign: `python -m tests.bench.analyse_rows CAMPAIGN_FOLDER PROCESSES` prints JSON.

Wall and processor seconds without those of the start, peak memory, and how many rows have what. A row without status ok is told with its reason.
"""

import json
import multiprocessing
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from peropass import gather, paths, verify
from peropass.garbage import rare_sweeps
from peropass.records import CandidateRecord


def analysed(folder: verify.Folder, address) -> CandidateRecord:
    """One candidate record, derived as `peropass verify` does; nothing is written."""
    copy = folder.copy
    references = copy.references[address.host][address.candidate]
    return gather.candidate_record(
        address,
        copy.protocol,
        copy.campaign.by_key[address.candidate],
        gather.candidate_meta(copy.campaign, address.candidate, references),
        gather.Place(address, folder.toy, folder.root).file(paths.CANDIDATE),
        "",
        folder.root,
    )


def analyse(root: Path, part: int, parts: int) -> dict:
    """One process: every `parts`-th row from `part` on, as a campaign on several cores shares them out."""
    folder, counts, reasons = verify.open_folder(root), Counter(), Counter()
    rows = gather.addresses(folder.copy.campaign)[part::parts]
    began, clock = time.process_time(), time.monotonic()
    with rare_sweeps():
        for address in rows:
            record = analysed(folder, address)
            counts["rows"] += 1
            counts[record.status] += 1
            counts["error bars"] += any(r.error_eV for r in record.reactions)
            counts["channels with a free energy"] += sum(
                c.free_energy_eV is not None for c in record.channels
            )
            counts["decomposition"] += record.decomposition is not None
            counts["distortion"] += record.distortion is not None
            counts["verdict"] += record.traps is not None
            if record.status != "ok":
                reasons[" ".join(record.reason.split()[:6])] += 1
    return {
        "cpu_s": time.process_time() - began,
        "wall_s": time.monotonic() - clock,
        "peak_GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
        "rows_with": counts,
        "not_ok": reasons,
    }


def main(root: Path, processes: int) -> dict:
    """All rows: the slowest process counts for the wall time, all of them for processor time and memory."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        found = pool.starmap(analyse, [(root, part, processes) for part in range(processes)])
    cpu_s = sum(one["cpu_s"] for one in found)
    counts = sum((one["rows_with"] for one in found), Counter())
    return {
        "processes": processes,
        "wall_s": round(max(one["wall_s"] for one in found), 1),
        "cpu_s": round(cpu_s, 1),
        "ms_per_row": round(1e3 * cpu_s / counts["rows"], 2),
        "peak_GB": round(sum(one["peak_GB"] for one in found), 2),
        "rows_with": dict(counts),
        "not_ok": dict(sum((one["not_ok"] for one in found), Counter())),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
