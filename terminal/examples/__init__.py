"""Commented configuration files that ship with the package."""
