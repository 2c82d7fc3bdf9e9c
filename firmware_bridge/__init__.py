"""Peers that speak over a wire: indicators and microcontrollers."""
