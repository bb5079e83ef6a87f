"""Start a step on several ranks: `mpiexec -n 2 gpaw python -m peropass.ranks -m scripts.relax ...`.

GPAW's parallel Python does not look for modules in the working folder, where the steps lie; plain Python does.
"""

from __future__ import annotations

import runpy
import sys


def main() -> None:
    """Run the module named by the first argument with the rest as its arguments."""
    sys.path.insert(0, "")
    arguments = [text for n, text in enumerate(sys.argv[1:]) if (n, text) != (0, "-m")]
    sys.argv[:] = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
