"""Cameras, photos and plate reading."""
