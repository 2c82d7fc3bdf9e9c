"""The sole writer of records and evidence."""
