"""Reading a recording: its index and its films. The camera process alone writes them."""
