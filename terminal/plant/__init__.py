"""The process `plant`: the simulated yard, in simulated runs only."""
