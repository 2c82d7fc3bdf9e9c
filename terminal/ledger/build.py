"""From a checked configuration to a ledger that serves: opened, verified, swept, counted.

Everything that may refuse refuses here, before the first vehicle: a damaged file, a lost key, a
chain whose tail does not hold. It must never repair or recreate.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw

from hal.contract.devices import Clock
from terminal.config import Config, Loaded
from terminal.core.types import Event
from terminal.ledger import identity, vehicles
from terminal.ledger.book import Book
from terminal.ledger.errors import LedgerCorruptError, translated
from terminal.ledger.evidence import Evidence
from terminal.ledger.flight import FlightRecorder
from terminal.ledger.node import LedgerNode
from terminal.ledger.samples import FOLDER, Samples
from terminal.ledger.store import DB_FILE, Store
from terminal.records import (
    GENESIS_HASH,
    SEQ_FIRST,
    Origin,
    PublicKey,
    RecordError,
    decode_signed,
    verify_chain,
)

TAIL_RECORDS = 64
"""Records at the end of the chain that are verified at each start."""
_LEDGER_ID = "ledger_id"
_PUBLIC_KEY = "public_key"


def build(
    loaded: Loaded,
    clock: Clock,
    *,
    simulated: bool,
    software_id: str,
    vfs: str | None = None,
    boot_id: bytes | None = None,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> LedgerNode:
    """Open the ledger of this configuration, making it at the first start.

    software_id: version of the program; its digest is taken here. vfs, boot_id, entropy: for tests
    and the simulator; entropy makes the key and the ledger's id.
    Raises LedgerCorruptError when what is stored cannot be trusted, LedgerRefusedError or
    OSError when the disk does not let us work.
    """
    config = loaded.config
    folder = loaded.path(config.ledger.folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    signer = identity.load_signer(folder, config.ledger.signature, entropy)
    fresh = not (folder / identity.PUBLIC_FILE).exists()
    store = Store(folder / DB_FILE, fresh_allowed=fresh, vfs=vfs)
    try:
        ledger_id = _ledger_id(store, signer.public_key, folder, entropy)
        _check_tail(store, signer.public_key)
        spool = loaded.path(config.runtime.folder) / "spool"
        evidence = Evidence(folder / "evidence", spool)
        evidence.sweep(store.photos())
        evidence.sweep_spool()
        samples = Samples(folder / FOLDER)
        samples.sweep_strays(store)
        targets = tuple((target.name, target.photos) for target in config.targets)
        with store.transaction():
            store.forget_backoff()
            for name, photos in targets:
                store.add_target(name, photos)
        origin = _origin(loaded, ledger_id, software_id, boot_id or identity.boot_id())
        book = Book(store, evidence, samples, signer, origin, clock, targets=targets)
        identity.export_public(folder, config.site.terminal_id, signer.public_key)
        node = LedgerNode(
            store=store,
            book=book,
            flight=FlightRecorder(folder / "flight"),
            target_names=tuple(name for name, _photos in targets),
            outbox_max=config.ledger.outbox_max,
            disk_free_bytes_min=config.ledger.disk_free_mb_min * 1_000_000,
            disk_free=lambda: shutil.disk_usage(folder).free,
            simulated=simulated,
            rng=random.Random(origin.boot_id),  # noqa: S311 - spreads retries, guards nothing
        )
        _note_start(node, loaded, clock)
    except apsw.Error as error:
        store.close()
        raise translated(folder / DB_FILE, error) from error
    except BaseException:
        store.close()
        raise
    return node


def _ledger_id(
    store: Store, key: PublicKey, folder: Path, entropy: Callable[[int], bytes]
) -> bytes:
    stored_key, ledger_id = store.meta(_PUBLIC_KEY), store.meta(_LEDGER_ID)
    if stored_key is None or ledger_id is None:
        ledger_id = entropy(8)
        with store.transaction():
            store.set_meta(_PUBLIC_KEY, key.raw)
            store.set_meta(_LEDGER_ID, ledger_id)
    elif stored_key != key.raw:
        raise LedgerCorruptError(
            f"{folder / identity.KEY_FILE} is not the key that signed this ledger. Put the right "
            f"key back, or move {folder} away to start a new ledger."
        )
    return ledger_id


def _check_tail(store: Store, key: PublicKey) -> None:
    head = store.head()
    first_seq = max(SEQ_FIRST, head.seq - TAIL_RECORDS + 1)
    tail = list(store.signed_records(first_seq))
    if not tail:
        return
    prev_hash = GENESIS_HASH
    if first_seq > SEQ_FIRST:
        try:
            prev_hash = decode_signed(tail[0]).prev_hash
        except RecordError as error:
            raise _broken(store, first_seq, str(error)) from error
    failure = verify_chain(tail, key, next_seq=first_seq, prev_hash=prev_hash)
    if failure is not None:
        raise _broken(store, failure.seq, failure.why)


def _broken(store: Store, seq: int, why: str) -> LedgerCorruptError:
    return LedgerCorruptError(
        f"{store.path}: record {seq} cannot be believed ({why}). The file was left as it is. Run "
        f"`weigh-terminal verify {store.path}`, and put back a backup or move the folder away."
    )


def _origin(loaded: Loaded, ledger_id: bytes, software_id: str, boot_id: bytes) -> Origin:
    site = loaded.config.site
    return Origin(
        terminal_id=site.terminal_id,
        ledger_id=ledger_id,
        source_unit=site.source_unit,
        source_name=site.source_name,
        lane=site.lane,
        boot_id=boot_id,
        software_version=software_id,
        software_sha256=identity.software_digest(),
        config_sha256=loaded.sha256,
        calibration_id=_calibration_id(loaded.config, loaded),
    )


def _calibration_id(config: Config, loaded: Loaded) -> str:
    """Name of the calibration in force: of an indicator its own, else a digest of ours."""
    if config.weighing.source == "indicator":
        return f"indicator {config.indicator.confirmed_scaling}".strip()
    path = loaded.path(config.amplifier.calibration)
    if not path.is_file():
        return "none"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def _note_start(node: LedgerNode, loaded: Loaded, clock: Clock) -> None:
    """Journal what changed since the last start: calibration and vehicle list."""
    now_ns = clock.monotonic_ns()
    events = [Event("ledger_started", now_ns, f"record {node.book.last_seq}")]
    calibration_id = node.book.origin.calibration_id
    last = node.store.execute("select calibration_id from calibration order by no desc limit 1")
    if not last or last[0][0] != calibration_id:
        with node.store.transaction():
            node.store.execute(
                "insert into calibration(calibration_id, wall_ns, seq) values (?, ?, ?)",
                (calibration_id, clock.wall_ns(), node.book.last_seq),
            )
        if last:
            events.append(
                Event("calibration_changed", now_ns, f"from {last[0][0]} to {calibration_id}")
            )
    listed = loaded.config.weighing.vehicle_list
    if listed:
        try:
            taken = vehicles.load_list(node.store, loaded.path(listed))
        except vehicles.VehicleListError as error:
            events.append(Event("vehicle_list_refused", now_ns, str(error)))
        else:
            if taken is not None:
                count, bad = taken
                events.append(
                    Event("vehicle_list", now_ns, f"{count} vehicles, {bad} rows left out")
                )
    node.book.journal(events, 0, simulated=node.simulated)
