"""Every kind of place that artifacts may lie in, real: a folder, and S3 over HTTP."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from backend.core.settings import Settings
from backend.storage import Storage, from_settings


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def s3_settings(s3_server: str, tmp_path: Path) -> Settings:
    # A bucket of its own: the server is shared by all tests of this process.
    bucket = f"bucket-{os.getpid()}-{abs(hash(tmp_path))}"
    return Settings(
        _env_file=None,
        s3_endpoint=s3_server,
        s3_access_key=SecretStr("test-access"),
        s3_secret_key=SecretStr("test-secret"),
        s3_bucket=bucket,
        s3_secure=False,
    )


@pytest.fixture(params=["filesystem", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "s3":
        chosen: Settings = request.getfixturevalue("s3_settings")
    else:
        chosen = Settings(_env_file=None, glassbox_home=tmp_path, s3_endpoint="")
    return from_settings(chosen)
