"""weigh-terminal pin: turn a keypad PIN into the salted hash that terminal.toml holds."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import secrets
import sys

from terminal import exits

NAME = "pin"
HELP = "make the hash of a keypad PIN for the configuration file"
DIGITS_MIN = 4
DIGITS_MAX = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """No options: the PIN is typed, never an argument that other users could see."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Ask, check, print `salt$hash`. 65 when the PIN is not 4 to 10 digits."""
    del args
    typed = getpass.getpass("PIN: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not (typed.isascii() and typed.isdigit() and DIGITS_MIN <= len(typed) <= DIGITS_MAX):
        print(f"The PIN must be {DIGITS_MIN} to {DIGITS_MAX} digits.", file=sys.stderr)
        return exits.BAD_INPUT
    salt = secrets.token_hex(8)
    print(f"{salt}${hashlib.sha256((salt + typed).encode()).hexdigest()}")
    return 0
