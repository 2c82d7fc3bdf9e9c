"""Contracts only: values, device Protocols, bus Protocols. Standard library imports only."""
