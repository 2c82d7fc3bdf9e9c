"""The operator's page: a view of the lane, never a way to act on it.

Everything here reads: Snapshots, pixels and pictures from the links, records through a read-only
database. The only things that can be sent are the demo's, to the plant, in simulated runs.
"""
