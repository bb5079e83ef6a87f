"""Rank all candidates of a campaign."""

import argparse
from pathlib import Path

from peropass import gather, step


def main(argv=None) -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--config", required=True)
    arguments.add_argument("--ranking", required=True, help="JSON of the ranking settings")
    arguments.add_argument("--out", required=True, type=Path)
    arguments.add_argument("--table", required=True, type=Path)
    options = arguments.parse_args(argv)
    ranking = gather.rank_campaign(options.config, options.out, options.table)
    step.say(f"ranked {len(ranking.rows)} rows: {ranking.counts}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
