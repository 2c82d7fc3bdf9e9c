"""Bytes, frames, sessions."""
