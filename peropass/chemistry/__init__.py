"""Ligands, ions and hosts as chemistry: SMILES, radii, balanced reactions."""
