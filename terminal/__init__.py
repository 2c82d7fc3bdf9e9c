"""The terminal: a pure core, thin shells, one process each."""
