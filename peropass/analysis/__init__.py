"""Records in, records out: binding, traps, lability, ranking. numpy only."""
