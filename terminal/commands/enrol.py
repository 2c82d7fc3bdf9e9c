"""weigh-terminal enrol: keys of a terminal and its county, exchanged once by file or QR code.

request (at the terminal) -> grant (at the county) -> install (at the terminal). The paper may be
carried by anybody: it is signed, its secret is sealed to one terminal, and it is good once.
rotate (at the county) -> renew (at the terminal) replaces the transport keys and nothing else.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from terminal import exits
from terminal.config import ConfigError
from terminal.config_load import load
from terminal.enrol import county_side, terminal_side
from terminal.enrol.context_files import county_context, terminal_context
from terminal.enrol.county_contexts import Label, adopt, label_files
from terminal.enrol.key_ring import KeyRing
from terminal.enrol.papers import PREFIX, PaperError, fingerprint, read_request
from terminal.enrol.rotation import write_rotation

NAME = "enrol"
HELP = "exchange keys of a terminal and its county once, by file or QR code; revoke"
CONTEXTS_MAX = 1_000


def configure(parser: argparse.ArgumentParser) -> None:
    """One subcommand a step."""
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    request = steps.add_parser("request", help="at the terminal: ask to be enrolled")
    grant = steps.add_parser("grant", help="at the county: answer a request")
    install = steps.add_parser("install", help="at the terminal: install the county's answer")
    revoke = steps.add_parser("revoke", help="at the county: refuse a terminal from now on")
    rotate = steps.add_parser("rotate", help="at the county: command new transport keys")
    renew = steps.add_parser("renew", help="at the terminal: obey such a command")
    for step in (request, install, renew):
        step.add_argument("--config", type=Path, default=Path("terminal.toml"))
    for step in (grant, revoke, rotate):
        step.add_argument(
            "--keys", type=Path, default=Path("keys"), help="the receiver's folder of keys"
        )
    for step in (request, grant, rotate):
        step.add_argument("--out", type=Path, help="write the paper to this file")
        step.add_argument("--qr", type=Path, metavar="PNG", help="draw the paper as a picture")
    for step, what in ((grant, "request"), (install, "grant"), (renew, "rotation")):
        step.add_argument("paper", help=f"file of the {what}, or its text")
    grant.add_argument("--uri", default="", help="address for the terminal, coap+tcp://...")
    for step in (grant, rotate):
        step.add_argument("--oscore", type=Path, help="the receiver's folder of OSCORE contexts")
    for step in (install, renew):
        step.add_argument("--target", default="county", help="name of the [[targets]] section")
    install.add_argument("--county-key", default="", help="fingerprint that the county told you")
    for step in (revoke, rotate):
        step.add_argument("terminal", help="terminal id")
    revoke.add_argument("--reason", default="by the county", help="shown to the terminal")


def run(args: argparse.Namespace) -> int:
    """0, or 65 with the reason when a paper is refused."""
    steps = {
        "request": _request, "grant": _grant, "install": _install,
        "revoke": _revoke, "rotate": _rotate, "renew": _renew,
    }  # fmt: skip
    try:
        steps[args.step](args)
    except (PaperError, OSError, ValueError, ConfigError) as error:
        print(f"Refused. {error}", file=sys.stderr)
        return exits.BAD_INPUT
    return exits.OK


def _request(args: argparse.Namespace) -> None:
    from terminal.ledger.identity import load_signer

    loaded = load(args.config)
    site, section = loaded.config.site, loaded.config.ledger
    folder = loaded.path(section.folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    signer = load_signer(folder, section.signature)
    unit, now_s = site.source_unit, int(time.time())
    text = terminal_side.ask(folder, signer, site.terminal_id, unit, now_s)
    print(f"Terminal {site.terminal_id}, key {fingerprint(signer.public_key)}")
    _hand_out(args, text)
    print("Take this to the county: weigh-terminal enrol grant ... there answers it.")


def _grant(args: argparse.Namespace) -> None:
    now_s = int(time.time())
    request, digest = read_request(_paper(args.paper), now_s)
    args.keys.mkdir(parents=True, exist_ok=True)
    signer = county_side.county_signer(args.keys)
    path = county_side.admit(args.keys, request)
    secret = county_side.new_secret()
    if args.oscore is not None:
        number = county_side.next_number(path, now_s)
        files = label_files(Label(request.terminal_id, number))
        folder = _free_folder(args.oscore, path.stem)
        county_context(folder, secret, files)
        print(f"OSCORE context {folder}: a running receiver takes it within a second.")
    county_side.write_box(path, request.box)
    county_side.write_psk(args.keys, path.stem, secret.dtls_psk)
    print(f"Enrolled {request.terminal_id} of {request.source_unit}: {path}")
    print(f"Its key      {fingerprint(request.key)}   (compare with the terminal's screen)")
    print(f"County's key {fingerprint(signer.public_key)}   (tell it to the person there)")
    _hand_out(args, county_side.answer(request, digest, secret, signer, args.uri, now_s))


def _install(args: argparse.Namespace) -> None:
    loaded = load(args.config)
    folder = loaded.path(loaded.config.ledger.folder)
    grant, secret = terminal_side.open_grant(folder, _paper(args.paper), int(time.time()))
    shown = fingerprint(grant.county_key)
    told = " ".join(args.county_key.split())
    if told and told != shown:
        raise PaperError(f"The grant's county key is {shown}, not {told}: not from your county.")
    into = loaded.base / "enrolled" / args.target
    terminal_side.install(into, grant, secret)
    oscore = _free_folder(into, terminal_side.OSCORE_FOLDER)
    terminal_context(oscore, secret)
    KeyRing(into, oscore.name).installed(oscore.name)
    terminal_side.close_request(folder, into)
    print(f"Installed in {into}. County's key {shown}: compare it with what the county told you.")
    print(f'In the [[targets]] section "{args.target}" of {args.config}:')
    if grant.uri:
        print(f'uri = "{grant.uri}"')
    print(f'oscore = "{oscore.relative_to(loaded.base)}"   # when the county serves OSCORE')
    psk = (into / terminal_side.PSK_FILE).relative_to(loaded.base)
    print(f'dtls_psk = "{psk}"   # for a coaps:// way')


def _rotate(args: argparse.Namespace) -> None:
    if not (args.keys / county_side.COUNTY_KEY_FILE).exists():
        raise PaperError(
            f"{args.keys} holds no {county_side.COUNTY_KEY_FILE}: terminals obey the county that"
            " granted their enrolment only. Name its folder with --keys."
        )
    signer = county_side.county_signer(args.keys)
    now_s = int(time.time())
    rotation, secret, name = county_side.rotate(args.keys, args.terminal, now_s)
    text = write_rotation(rotation, signer)
    county_side.write_psk(args.keys, f"{name}-{rotation.serial}", secret.dtls_psk)
    if args.oscore is not None:
        if adopt(args.oscore, name, args.terminal):
            print(f"{args.oscore / name} is now labelled as the context of {args.terminal}.")
        folder = _free_folder(args.oscore, name)
        files = label_files(Label(args.terminal, rotation.serial), text, now_s)
        county_context(folder, secret, files)
        print(f"OSCORE context {folder}. The receiver hands the command to {args.terminal} itself,")
        print("within the hour, and forgets its old key when the new one is in use: see the page.")
    else:
        print("No --oscore: nothing is handed over by itself; carry the paper.")
    print(f"New keys for {args.terminal}, number {rotation.serial}; the old ones go on working.")
    if args.oscore is not None and not (args.out or args.qr):
        return  # nothing to carry: the receiver hands it over
    _hand_out(args, text)


def _renew(args: argparse.Namespace) -> None:
    loaded = load(args.config)
    into, terminal_id = loaded.base / "enrolled" / args.target, loaded.config.site.terminal_id
    rotation = terminal_side.take_rotation(into, terminal_id, _paper(args.paper), int(time.time()))
    print(f"New transport keys, number {rotation.serial}, lie beside the old ones in {into}.")
    print("The terminal tries them within a minute of running and goes over to them when the")
    print("county answers; until then the old ones are used. The configuration stays as it is.")


def _revoke(args: argparse.Namespace) -> None:
    path = county_side.revoke(args.keys, args.terminal, args.reason)
    print(f"{args.terminal} is refused from now on: {path}")


def _paper(given: str) -> str:
    """The text itself, or the file of that name."""
    return given if given.startswith(f"{PREFIX}:") else Path(given).read_text()


def _hand_out(args: argparse.Namespace, text: str) -> None:
    import segno

    code = segno.make(text, error="l", micro=False)
    if args.out is not None:
        args.out.write_text(text + "\n")
        print(f"Written to {args.out}")
    if args.qr is not None:
        code.save(str(args.qr), kind="png", scale=6)
        print(f"QR code in {args.qr}")
    if args.out is None and args.qr is None:
        if sys.stdout.isatty():
            code.terminal(compact=True)
        print(text)


def _free_folder(parent: Path, name: str) -> Path:
    """A folder that does not exist yet: a key is never used again."""
    names = (name, *(f"{name}-{number}" for number in range(2, CONTEXTS_MAX)))
    free = next((parent / one for one in names if not (parent / one).exists()), None)
    if free is None:
        raise PaperError(f"{parent} holds {CONTEXTS_MAX} contexts of {name}: remove old ones.")
    return free
