"""How GPAW is compiled for Peropass: MPI, ScaLAPACK and FFTW on, flags that keep IEEE arithmetic.

Read by GPAW's own build through the environment variable GPAW_CONFIG. ``-ffast-math`` is left out
on purpose: it breaks the link and the reproducibility of energies.
"""

# ruff: noqa: F821  (the names below are defined by GPAW's setup before it executes this file)
import os
import shutil

mpi = True
compiler = shutil.which("mpic++") or "mpic++"  # GPAW 26.7 compiles as C++
extra_compile_args = ["-O3", "-march=native", "-fPIC", "-fopenmp-simd"]

libraries = ["xc", "openblas", "fftw3"]
fftw = True
scalapack = True
for candidate in ("scalapack-openmpi", "scalapack"):
    if any(
        os.path.exists(f"{folder}/lib{candidate}.so")
        for folder in (
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
            os.environ.get("CONDA_PREFIX", "") + "/lib",
        )
    ):
        libraries.append(candidate)
        break
