"""Receivers on other CoAP stacks, started for a test or a bench: libcoap (C) and npm coap."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from terminal.county.conformance import load_vectors
from tests.ports import free_port

FOREIGN = Path(__file__).parent
LIBRARIES = ("-lcoap-3-openssl", "-lcrypto")
BUILD_S_MAX = 120


def node_command(_folder: Path) -> list[str] | str:
    """How to run the node receiver, or why it cannot be."""
    node = shutil.which("node")
    if node is None:
        return "node is not installed"
    if not node_modules():
        return "npm coap is not installed: npm install --prefix tests/foreign coap@1.5.0"
    return [node, str(FOREIGN / "receiver.js")]


def node_modules() -> str:
    """The folder that holds npm coap, empty when there is none."""
    places = (os.environ.get("NODE_PATH", ""), str(FOREIGN / "node_modules"))
    return next((place for place in places if place and (Path(place) / "coap").is_dir()), "")


def libcoap_command(folder: Path) -> list[str] | str:
    """Compile the C receiver into the folder: how to run it, or why it cannot be."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return "no C compiler: apt install gcc libc6-dev"
    program = folder / "receiver"
    command = [compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-o", str(program),
               str(FOREIGN / "receiver.c"), *LIBRARIES]  # fmt: skip
    built = subprocess.run(
        command, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False
    )
    if "coap3/coap.h" in built.stderr and "No such file" in built.stderr:
        return "libcoap's headers are not installed: apt install libcoap3-dev"
    if "openssl/" in built.stderr and "No such file" in built.stderr:
        return "OpenSSL's headers are not installed: apt install libssl-dev"
    assert built.returncode == 0, built.stderr
    return [str(program)]


COMMANDS: dict[str, Callable[[Path], list[str] | str]] = {
    "node": node_command,
    "libcoap": libcoap_command,
}


@contextlib.contextmanager
def foreign_receiver(name: str, folder: Path) -> Iterator[str]:
    """The receiver's address while the block runs; or, in place of it, why there is none."""
    command = COMMANDS[name](folder)
    if isinstance(command, str):
        yield command
        return
    keys, store, port = folder / "conformance.pub", folder / "store", free_port()
    keys.write_text(load_vectors()[0] + "\n")
    store.mkdir()
    process = subprocess.Popen(
        [*command, str(port), str(keys), str(store)],
        stdout=subprocess.PIPE,
        env={**os.environ, "NODE_PATH": node_modules()},
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield f"coap://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
