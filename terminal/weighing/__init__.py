"""From raw samples to a mass that can be vouched for. Pure; numpy allowed."""
