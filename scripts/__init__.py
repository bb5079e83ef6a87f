"""One command per rule of the workflow: read, one call into peropass, write."""
