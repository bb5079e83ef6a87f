"""Records in, HTML, CSV and JSON out; no physics."""
