"""The operator's page. Reads, never decides."""
