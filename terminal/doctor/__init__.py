"""What `weigh-terminal doctor` knows: findings, wiring, trials and the live page."""
