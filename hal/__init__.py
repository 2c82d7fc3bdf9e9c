"""What the machine is made of: contracts, drivers, Linux buses and simulated silicon."""
