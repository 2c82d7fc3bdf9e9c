"""Sign and keypad."""
