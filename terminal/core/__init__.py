"""The pure decision core. No clock, no I/O, no floats."""
