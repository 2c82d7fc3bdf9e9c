"""One receiving platform a file."""
