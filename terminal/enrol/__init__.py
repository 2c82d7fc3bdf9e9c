"""Enrolment: how a terminal and a county learn each other's keys, once, from a file or QR code."""
