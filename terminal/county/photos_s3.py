"""Photos in a bucket of any S3-compatible store, under <first two hex digits>/<digest>.

For a county whose photos outgrow a disk. The client library (minio) comes with the extra `s3` and
is loaded here only. A photo counts as stored when the server has confirmed it and says its true
size; every fault of the server is an OSError, and the terminal tries again. The keys come from
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, never from the address.
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

CONNECT_S_MAX, READ_S_MAX = 10.0, 30.0
RETRIES_MAX = 1
CONNECTIONS_MAX = 32
KNOWN = {"endpoint", "region"}
NOTHING = {"NoSuchKey", "NoSuchObject"}


class BucketError(OSError):
    """The bucket did not do it, or cannot. str() says what is wrong."""


class PhotoBucket:
    """The bucket."""

    def __init__(self, address: str) -> None:
        """address: s3://BUCKET[/PREFIX]?endpoint=http(s)://HOST[:PORT][&region=R].

        Raises BucketError when the address is wrong or minio is not installed.
        """
        try:
            import urllib3
            from minio import Minio
            from minio.credentials.providers import EnvAWSProvider
            from minio.error import MinioException
        except ImportError as error:
            raise BucketError(
                "minio is not installed: pip install 'weigh-terminal[s3]', or give a folder"
            ) from error
        parts = urlsplit(address)
        options = parse_qs(parts.query)
        endpoint = urlsplit(options.get("endpoint", [""])[0])
        if not parts.netloc or endpoint.scheme not in ("http", "https") or options.keys() - KNOWN:
            raise BucketError(
                f"{address}: expected s3://BUCKET?endpoint=https://HOST[:PORT][&region=REGION]"
            )
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self._faults: tuple[type[Exception], ...] = (
            MinioException, urllib3.exceptions.HTTPError, ValueError
        )  # fmt: skip
        self._client: Any = Minio(
            endpoint.netloc,
            secure=endpoint.scheme == "https",
            region=options.get("region", ["us-east-1"])[0],
            credentials=EnvAWSProvider(),
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=CONNECT_S_MAX, read=READ_S_MAX),
                retries=urllib3.Retry(RETRIES_MAX),
                maxsize=CONNECTIONS_MAX,
            ),
        )

    def _name(self, sha256: bytes) -> str:
        digest = sha256.hex()
        return "/".join(part for part in (self._prefix, digest[:2], digest) if part)

    def _failed(self, error: Exception) -> BucketError:
        return BucketError(
            f"bucket {self._bucket}: {(str(error).splitlines() or ['no reason'])[0]}"
        )

    def prepare(self) -> None:
        """Say at once when there is no such bucket or no way to it."""
        try:
            there = self._client.bucket_exists(self._bucket)
        except self._faults as error:
            raise self._failed(error) from error
        if not there:
            raise BucketError(f"there is no bucket {self._bucket}: make it first")

    def store(self, sha256: bytes, photo: bytes) -> None:
        """Put, then ask the server what it has."""
        name = self._name(sha256)
        try:
            self._client.put_object(self._bucket, name, io.BytesIO(photo), len(photo))
            found = self._client.stat_object(self._bucket, name)
        except self._faults as error:
            raise self._failed(error) from error
        if found.size != len(photo):
            raise BucketError(f"bucket {self._bucket}: {name} has {found.size} bytes after the put")

    def read(self, sha256: bytes) -> bytes | None:
        """The object's bytes."""
        try:
            answer = self._client.get_object(self._bucket, self._name(sha256))
            try:
                return bytes(answer.read())
            finally:
                answer.close()
                answer.release_conn()
        except self._faults as error:
            if getattr(error, "code", "") in NOTHING:
                return None
            raise self._failed(error) from error
