"""Ab initio screening of surface passivation for halide perovskite nanocrystals."""

__version__ = "0.1.0"
