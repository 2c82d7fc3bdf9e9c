"""Simulated peers on a pty."""
