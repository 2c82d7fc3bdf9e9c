"""The real-time process: samples in, leases out."""
