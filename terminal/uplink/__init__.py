"""Store-and-forward to the receiving platforms."""
