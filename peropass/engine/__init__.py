"""Everything that runs a quantum engine; the only place that imports gpaw, inside functions."""
