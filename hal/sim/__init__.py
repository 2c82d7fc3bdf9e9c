"""Simulated silicon and the simulated world it is wired to, behind the same buses."""
