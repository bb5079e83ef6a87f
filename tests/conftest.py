"""One thread per process and no stopwatch on examples: the suite shares its cores with whatever else runs."""

import os

from hypothesis import settings

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

settings.register_profile("peropass", deadline=None)
settings.load_profile("peropass")
