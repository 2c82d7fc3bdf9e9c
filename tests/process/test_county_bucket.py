"""Photos in a bucket, against a server that really speaks S3 (moto's, on loopback)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from terminal.cli import main
from terminal.county.photo_check import check_photos
from terminal.county.photos import open_photos, photo_place
from terminal.county.photos_s3 import BucketError, PhotoBucket
from terminal.county.problems import RefusedError
from terminal.county.report import read_report
from terminal.county.server import running_county
from tests.process.test_uplink_loopback import TIMES, options
from tests.unit.county.samples import Chain, photo, weigh

pytest.importorskip("minio", reason="the extra `s3` (minio) is not installed")
urllib3 = pytest.importorskip("urllib3", reason="urllib3, which minio needs, is not installed")
server_of = pytest.importorskip("moto.server", reason="moto, the S3 server, is not installed")

pytestmark = pytest.mark.process
PICTURE = b"\xff\xd8 a picture " * 5_000


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "county")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib3.request("POST", f"http://{host}:{port}/moto-api/reset")  # its buckets outlive it
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def bucket(endpoint: str, name: str = "photos", *, make: bool = True) -> PhotoBucket:
    store = open_photos(photo_place(f"s3://{name}/gate?endpoint={endpoint}"))
    assert isinstance(store, PhotoBucket)
    if make:
        store._client.make_bucket(name)
    return store


def test_a_receiver_keeps_its_photos_there_and_finds_the_rotten_one(
    tmp_path: Path, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = bucket(endpoint)
    refs = [photo(PICTURE + bytes([n])) for n in range(3)]
    chain = Chain()
    opts = options(tmp_path, chain)
    address = f"s3://photos/gate?endpoint={endpoint}"
    name, signed = chain.add(weigh(photos=tuple(ref for ref, _ in refs)))

    async def scenario() -> list[bool]:
        async with running_county(replace(opts, photo_place=address), TIMES) as county:
            await county.put_record(name, signed)
            answers = [await county.put_photo(ref.sha256.hex(), body) for ref, body in refs]
            again = await county.put_photo(refs[0][0].sha256.hex(), refs[0][1])
            return [*(answer.new for answer in answers), again.new]

    assert asyncio.run(scenario()) == [True, True, True, False]
    assert read_report(opts.store).photos == 3
    assert [store.read(ref.sha256) for ref, _ in refs] == [body for _, body in refs]
    assert not (tmp_path / "county-photos").exists()

    assert [one.why for one in check_photos(opts.store, store)] == ["", "", ""]
    store._client.remove_object("photos", store._name(refs[0][0].sha256))
    store.store(refs[1][0].sha256, refs[1][1][:-1] + b"x")  # same size, other bytes
    store.store(refs[2][0].sha256, b"short")
    found = {one.sha256: one.why for one in check_photos(opts.store, store)}
    assert [found[ref.sha256.hex()] for ref, _ in refs] == [
        "missing", "changed", f"5 bytes instead of {len(PICTURE) + 1}"
    ]  # fmt: skip
    words = ["county", "--store", str(opts.store), "--photos", address, "--check-photos"]
    assert main(words) == 65
    assert "3 photos read, 3 not as they were stored" in capsys.readouterr().out


def test_a_photo_that_cannot_be_kept_gets_no_receipt(tmp_path: Path, endpoint: str) -> None:
    store = bucket(endpoint)
    chain = Chain()
    opts = options(tmp_path, chain)
    ref, body = photo(PICTURE)
    name, signed = chain.add(weigh(photos=(ref,)))

    async def scenario() -> None:
        place = f"s3://photos?endpoint={endpoint}"
        async with running_county(replace(opts, photo_place=place), TIMES) as county:
            await county.put_record(name, signed)
            store._client.remove_bucket("photos")
            with pytest.raises(RefusedError, match="NoSuchBucket") as refused:
                await county.put_photo(ref.sha256.hex(), body)
            assert refused.value.kind.name == "storage"
            store._client.make_bucket("photos")
            assert (await county.put_photo(ref.sha256.hex(), body)).new

    asyncio.run(scenario())
    assert read_report(opts.store).photos_missing == 0


def test_what_is_wrong_is_told_at_the_start(endpoint: str) -> None:
    with pytest.raises(BucketError, match="make it first"):
        bucket(endpoint, "nowhere", make=False).prepare()
    gone = urlsplit(endpoint)._replace(netloc="127.0.0.1:9").geturl()
    with pytest.raises(BucketError, match="bucket photos"):
        bucket(gone, make=False).prepare()
    for address in ("s3://?endpoint=http://x", "s3://b", "s3://b?endpoint=x",
                    "s3://b?endpoint=http://x&keys=1"):  # fmt: skip
        with pytest.raises(BucketError, match="expected s3://BUCKET"):
            PhotoBucket(address)


def test_a_digest_is_the_name(endpoint: str) -> None:
    store = bucket(endpoint)
    digest = hashlib.sha256(PICTURE).digest()
    store.store(digest, PICTURE)
    assert store._name(digest) == f"gate/{digest.hex()[:2]}/{digest.hex()}"
    assert store.read(hashlib.sha256(b"other").digest()) is None
