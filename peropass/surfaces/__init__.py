"""Slabs, sites, poses and anomalies: atoms in, atoms out; no files, no calculators."""
