"""Small programs for people who work on the terminal; not part of it."""
