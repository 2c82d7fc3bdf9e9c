"""A bad mobile link in one machine: two network namespaces joined by a program."""
