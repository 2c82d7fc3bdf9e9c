"""weigh-terminal demo: a whole lane on simulated chips, console and county receiver included.

Works in a folder of its own, starts the real processes with the demo configuration, a county
receiver that accepts simulated records, and ends with a summary when --trucks is given.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import terminal.examples
from terminal import exits
from terminal.commands.demo_summary import summary
from terminal.config import Config, ConfigError
from terminal.config_load import load
from terminal.supervisor import Supervisor
from terminal.wiring.context import process_names
from terminal.wiring.plant import demo_vehicles

NAME = "demo"
HELP = "run a whole lane on simulated chips, console and county receiver included"
STOP_S_MAX = 5.0
WEIGHING: dict[str, tuple[str, str]] = {
    "amplifier": ("", ""),
    "indicator": (
        'source = "indicator"',
        '\n[indicator]\nkind = "sim"\nprotocol = "toledo"\nconfirmed_scaling = "as-sent"\n',
    ),
    "mcu": ("", '\n[amplifier]\nkind = "mcu"\nport = "sim"\n'),
}
"""By the word of --weigh: what replaces the source's line, and sections to add."""


def configure(parser: argparse.ArgumentParser) -> None:
    """How many trucks, which seed, where, on which ports."""
    parser.add_argument("--trucks", type=int, default=0, help="end after so many; 0: never")
    parser.add_argument("--seed", type=int, default=1, help="seed of the traffic")
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="working folder")
    parser.add_argument("--port", type=int, default=8080, help="port of the console")
    parser.add_argument("--county-port", type=int, default=5683, help="CoAP port of the county")
    parser.add_argument("--lane", choices=("double", "exit-only"), default="double")
    parser.add_argument("--barrier", choices=("hold", "pulse"), default="hold")
    parser.add_argument(
        "--weigh",
        choices=tuple(WEIGHING),
        default="amplifier",
        help="what weighs: simulated chips, an indicator's line, a microcontroller in QEMU",
    )
    parser.add_argument("--no-console", action="store_true", help="run without the page")
    parser.add_argument("--keep", action="store_true", help="go on with the folder's records")


def _config_text(args: argparse.Namespace) -> str:
    text = (Path(terminal.examples.__file__).parent / "demo.toml").read_text(encoding="utf-8")
    source, sections = WEIGHING[args.weigh]
    return (
        text.replace('kind = "double"', f'kind = "{args.lane}"', 1)
        .replace('barrier = "hold"', f'barrier = "{args.barrier}"', 1)
        .replace("coap+tcp://127.0.0.1", f"coap+tcp://127.0.0.1:{args.county_port}", 1)
        .replace('source = "amplifier"', source or 'source = "amplifier"', 1)
        + sections
        + f"\n[console]\nport = {args.port}\nenabled = {str(not args.no_console).lower()}\n"
    )


def port_is_free(host: str, port: int) -> bool:
    """Whether a listener could take this TCP port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@contextmanager
def county(config_path: Path, config: Config, port: int) -> Iterator[None]:
    """A county receiver for the demo's time, knowing this terminal's public key."""
    from terminal.ledger.identity import PUBLIC_FILE, export_public, load_signer

    folder = config_path.parent / config.ledger.folder
    folder.mkdir(parents=True, exist_ok=True)
    keys = config_path.parent / "county-keys"
    keys.mkdir(exist_ok=True)
    export_public(
        keys, config.site.terminal_id, load_signer(folder, config.ledger.signature).public_key
    )
    command = [
        sys.executable,
        "-m",
        "terminal.cli",
        "county",
        "--bind",
        f"127.0.0.1:{port}",
        "--store",
        str(config_path.parent / "county"),
        "--keys",
        str(keys / PUBLIC_FILE),
        "--accept-simulated",
    ]
    receiver = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own command
    try:
        yield
    finally:
        receiver.terminate()
        try:
            receiver.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            receiver.kill()
            receiver.wait()


def _microcontroller_ready(runtime: Path) -> bool:
    """Build the firmware's image before the processes start; say what is missing."""
    from firmware_bridge.sim.qemu import build_image
    from hal.contract.types import DeviceAbsentError
    from terminal.wiring.peers import IMAGE_FOLDER

    try:
        build_image(runtime / IMAGE_FOLDER)
    except DeviceAbsentError as error:
        print(error, file=sys.stderr)
        return False
    return True


def run(args: argparse.Namespace) -> int:
    """0 when every wanted truck was handled; 69 when a port is taken."""
    wanted = [(args.county_port, "--county-port")]
    if not args.no_console:
        wanted.append((args.port, "--port"))
    for port, option in wanted:
        if not port_is_free("127.0.0.1", port):
            print(f"Port {port} is taken; choose another with {option} N.", file=sys.stderr)
            return exits.ABSENT
    if not args.keep:
        shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True, exist_ok=True)
    config_path = (args.folder / "terminal.toml").resolve()
    config_path.write_text(_config_text(args), encoding="utf-8")
    (args.folder / "vehicles.csv").write_text(demo_vehicles(), encoding="utf-8")
    try:
        loaded = load(config_path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    if args.weigh == "mcu" and not _microcontroller_ready(
        loaded.path(loaded.config.runtime.folder)
    ):
        return exits.ABSENT
    where = "no console" if args.no_console else f"console: http://127.0.0.1:{args.port}"
    print(f"Lane: {args.lane}, {where}  (Ctrl-C ends)", flush=True)
    traffic = ("--seed", str(args.seed), "--trucks", str(args.trucks))
    supervisor = Supervisor(
        config_path,
        process_names(loaded.config),
        extra={"plant": traffic},
        ends_with="plant" if args.trucks else "",
    )
    with county(config_path, loaded.config, args.county_port):
        code = supervisor.run()
    print(summary(loaded))
    return code
