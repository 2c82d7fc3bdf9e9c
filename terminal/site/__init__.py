"""Acceptance, seal, maintenance, spares, figures: the ledger's read side."""
