"""One commercial indicator protocol a file."""
