"""Artifacts on any server that speaks S3, through the MinIO client."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Self

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError

from backend.core.errors import OutsideError, TemporaryError
from backend.core.hashing import sha256_hex
from backend.core.settings import Settings
from backend.storage.base import corrupt, is_sha256, missing

_PROBE_NAME = "check"
_PROBE = b"glassbox storage check"
_ABSENT = {"NoSuchKey", "NoSuchBucket", "NoSuchObject"}
_LATER = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted"}
_KEYS = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_FULL = {"XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded"}


class MinioStorage:
    """One object per artifact, named by its hash; the bucket is made where it is missing."""

    def __init__(self, client: Minio, *, bucket: str, place: str) -> None:
        self._client = client
        self._bucket = bucket
        self._place = place
        """How sentences name the server."""
        self._has_bucket = False

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises `InvalidInput` that names the S3 settings which are missing."""
        settings.require("s3_access_key", "s3_secret_key", "s3_bucket")
        client = Minio(
            settings.s3_endpoint,
            access_key=settings.s3_access_key.get_secret_value(),
            secret_key=settings.s3_secret_key.get_secret_value(),
            secure=settings.s3_secure,
            http_client=_pool(),
        )
        return cls(client, bucket=settings.s3_bucket, place=settings.s3_endpoint)

    def put(self, data: bytes) -> str:
        """See `Storage.put`. `OutsideError` has code `storage_full` or `storage_unwritable`."""
        sha256 = sha256_hex(data)
        with self._naming_the_cause(sha256):
            self._ensure_bucket()
            if self._size(sha256) != len(data):
                self._send(sha256, data)
        return sha256

    def get(self, sha256: str) -> bytes:
        if not is_sha256(sha256):
            raise missing(sha256)
        with self._naming_the_cause(sha256):
            data = self._fetch(sha256)
        if sha256_hex(data) != sha256:
            raise corrupt(sha256, f"bucket {self._bucket!r} of {self._place}")
        return data

    def check(self) -> None:
        with self._naming_the_cause(_PROBE_NAME):
            self._ensure_bucket()
            self._send(_PROBE_NAME, _PROBE)
            held = self._fetch(_PROBE_NAME)
        if held != _PROBE:
            raise corrupt(sha256_hex(_PROBE), f"bucket {self._bucket!r} of {self._place}")

    def _ensure_bucket(self) -> None:
        if self._has_bucket:
            return
        if not self._client.bucket_exists(self._bucket):
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:
                # Another worker may have made it in between.
                if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                    raise
        self._has_bucket = True

    def _size(self, name: str) -> int | None:
        try:
            return self._client.stat_object(self._bucket, name).size
        except S3Error as error:
            if error.code in _ABSENT:
                return None
            raise

    def _send(self, name: str, data: bytes) -> None:
        try:
            self._client.put_object(self._bucket, name, BytesIO(data), len(data))
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
            # Removed behind our back.
            self._has_bucket = False
            self._ensure_bucket()
            self._client.put_object(self._bucket, name, BytesIO(data), len(data))

    def _fetch(self, name: str) -> bytes:
        response = self._client.get_object(self._bucket, name)
        try:
            return bytes(response.read())
        finally:
            response.close()
            response.release_conn()

    @contextmanager
    def _naming_the_cause(self, name: str) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            raise self._said(error, name) from error
        except (HTTPError, ServerError) as error:
            raise TemporaryError(
                f"The S3 server at {self._place} does not answer. Check S3_ENDPOINT and S3_SECURE,"
                " and that the server runs."
            ) from error
        except (InvalidResponseError, MinioException) as error:
            raise OutsideError(
                f"What answers at {self._place} does not speak S3. Check S3_ENDPOINT.",
                code="storage_unreadable",
            ) from error

    def _said(self, error: S3Error, name: str) -> Exception:
        if error.code in _ABSENT:
            return missing(name)
        if error.code in _LATER:
            return TemporaryError(f"The S3 server at {self._place} is busy ({error.code}).")
        if error.code in _FULL:
            return OutsideError(
                f"The S3 server at {self._place} is full. Free some space there.",
                code="storage_full",
            )
        remedy = (
            "Check S3_ACCESS_KEY and S3_SECRET_KEY, and what they may do with"
            if error.code in _KEYS
            else "Check S3_BUCKET and the server's log for"
        )
        return OutsideError(
            f"The S3 server at {self._place} refused ({error.code}: {error.message})."
            f" {remedy} bucket {self._bucket!r}.",
            code="storage_unwritable",
        )


def _pool() -> urllib3.PoolManager:
    """The client's own pool waits five minutes and tries six times; a decision cannot."""
    return urllib3.PoolManager(
        maxsize=16,
        timeout=urllib3.Timeout(connect=2, read=10),
        retries=urllib3.Retry(
            total=2, connect=1, read=1, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]
        ),
        cert_reqs="CERT_REQUIRED",
        ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
    )
