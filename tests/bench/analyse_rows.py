"""All candidate records of a campaign in one process: `python -m tests.bench.analyse_rows CAMPAIGN_FOLDER` prints JSON.

Processor seconds without those of the start, peak memory, and how many rows have what. A row without status ok is told with its reason.
"""

import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from peropass import gather, paths, verify
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


def main(root: Path) -> dict:
    folder, counts, reasons = verify.open_folder(root), Counter(), Counter()
    began = time.process_time()
    for address in gather.addresses(folder.copy.campaign):
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
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {
        "cpu_s": round(seconds, 1),
        "ms_per_row": round(1e3 * seconds / counts["rows"], 2),
        "peak_GB": round(peak, 2),
        "rows_with": dict(counts),
        "not_ok": dict(reasons),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
