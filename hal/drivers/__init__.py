"""One chip a file, its bus injected. Knows chips, not Linux and not weighing."""
