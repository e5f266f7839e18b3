import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from minio import Minio
from pydantic import SecretStr

from backend.core.errors import InvalidInput, OutsideError, TemporaryError
from backend.core.hashing import sha256_hex
from backend.core.settings import Settings
from backend.storage.minio import MinioStorage


@pytest.fixture
def client(s3_settings: Settings) -> Minio:
    """A second client, to look and to meddle behind the storage's back."""
    return Minio(
        s3_settings.s3_endpoint, access_key="test-access", secret_key="test-secret", secure=False
    )


def test_the_bucket_is_made_at_the_first_put(s3_settings: Settings, client: Minio) -> None:
    assert not client.bucket_exists(s3_settings.s3_bucket)
    MinioStorage.from_settings(s3_settings).put(b"first")
    assert client.bucket_exists(s3_settings.s3_bucket)


def test_a_bucket_removed_meanwhile_is_made_again(s3_settings: Settings, client: Minio) -> None:
    storage = MinioStorage.from_settings(s3_settings)
    name = storage.put(b"one")
    client.remove_object(s3_settings.s3_bucket, name)
    client.remove_bucket(s3_settings.s3_bucket)
    assert storage.get(storage.put(b"two")) == b"two"


def test_an_object_that_exists_is_not_sent_again(s3_settings: Settings, client: Minio) -> None:
    storage = MinioStorage.from_settings(s3_settings)
    name = storage.put(b"once")
    # Same size, other bytes: were it sent again, the object would hold the right ones.
    client.put_object(s3_settings.s3_bucket, name, BytesIO(b"0nce"), 4)
    storage.put(b"once")
    with pytest.raises(OutsideError, match=name) as caught:
        storage.get(name)
    assert caught.value.code == "artifact_corrupt"


def test_a_missing_key_is_named() -> None:
    with pytest.raises(InvalidInput, match="S3_SECRET_KEY"):
        MinioStorage.from_settings(
            Settings(
                _env_file=None,
                s3_endpoint="localhost:9",
                s3_access_key=SecretStr("a"),
                s3_secret_key=SecretStr(""),
            )
        )


def settings_for(endpoint: str) -> Settings:
    return Settings(
        _env_file=None,
        s3_endpoint=endpoint,
        s3_access_key=SecretStr("test-access"),
        s3_secret_key=SecretStr("test-secret"),
        s3_secure=False,
    )


def test_a_server_that_is_not_there_may_come_back() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    storage = MinioStorage.from_settings(settings_for(f"127.0.0.1:{port}"))
    with pytest.raises(TemporaryError, match="S3_ENDPOINT"):
        storage.put(b"x")
    with pytest.raises(TemporaryError):
        storage.check()


class Scripted(BaseHTTPRequestHandler):
    status = 503
    body = b""
    content_type = "application/xml"

    def answer(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", self.content_type)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_GET = do_PUT = do_HEAD = answer

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def scripted() -> Iterator[tuple[type[Scripted], str]]:
    class Handler(Scripted):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Handler, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def s3_error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "error", "kind", "code", "says"),
    [
        (503, "SlowDown", TemporaryError, "temporary_error", "S3"),
        (403, "SignatureDoesNotMatch", OutsideError, "storage_unwritable", "S3_SECRET_KEY"),
        (507, "XMinioStorageFull", OutsideError, "storage_full", "full"),
    ],
)
def test_what_the_server_refuses_is_sorted_by_what_to_do(
    scripted: tuple[type[Scripted], str],
    status: int,
    error: str,
    kind: type[OutsideError],
    code: str,
    says: str,
) -> None:
    handler, endpoint = scripted
    handler.status, handler.body = status, s3_error(error)
    with pytest.raises(kind, match=says) as caught:
        MinioStorage.from_settings(settings_for(endpoint)).get(sha256_hex(b"x"))
    assert caught.value.code == code


def test_a_web_page_is_not_taken_for_s3(scripted: tuple[type[Scripted], str]) -> None:
    handler, endpoint = scripted
    handler.status, handler.body, handler.content_type = 404, b"<html>hello</html>", "text/html"
    with pytest.raises(OutsideError, match="does not speak S3"):
        MinioStorage.from_settings(settings_for(endpoint)).get(sha256_hex(b"x"))
