"""PostgreSQL and Redis as `glassbox up` runs them."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import psutil
import psycopg2
import pytest
import redis

from backend.core.errors import InvalidInput
from backend.embedded import child
from backend.embedded.postgres import PostgresServer
from backend.embedded.redis import RedisServer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PostgresServer:
    """A database that is made, and not running."""
    server = PostgresServer(tmp_path_factory.mktemp("a b") / "postgres", durable=False)
    server.prepare()
    return server


def test_postgres_18_runs_as_nobody_special(made: PostgresServer) -> None:
    with made.running(), made.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        row = cursor.fetchone()
        assert row is not None
        assert row[0].startswith("18")
        pid = int((made.data / "postmaster.pid").read_text().split()[0])
        assert psutil.Process(pid).uids().effective != 0
    connection.close()


def test_nobody_gets_in_without_the_password(made: PostgresServer) -> None:
    with made.running():
        for host in ("127.0.0.1", str(made.data)):
            with pytest.raises(psycopg2.OperationalError, match="password"):
                psycopg2.connect(host=host, port=made.port, user="glassbox", dbname="glassbox")
    assert (made.folder / "password").stat().st_mode & 0o077 == 0


def test_the_home_of_a_database_stays_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = PostgresServer(tmp_path / "postgres", durable=False)
    with server.running():
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        assert server.folder.stat().st_mode & 0o777 == 0o700


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path)
    server.prepare()
    process = start(server)
    run(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    process.kill()
    process.wait()
    # Another process has the dead server's pid now, as after a container's restart.
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    again = start(server)
    try:
        assert run(server, "SELECT answer FROM kept") == (42,)
    finally:
        again.send_signal(signal.SIGINT)
        again.wait(10)


def test_a_database_that_was_half_made_is_made_anew(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", durable=False)
    half = server.folder / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with server.running():
        assert run(server, "SELECT 1") == (1,)
    assert not half.exists()


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path)
    server.data.mkdir()
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(InvalidInput, match="PostgreSQL 16, but this is PostgreSQL 18"):
        server.prepare()


def test_a_database_ends_with_whoever_started_it(made: PostgresServer) -> None:
    program = (
        "import subprocess, sys, time;"
        "print(subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL).pid, flush=True);"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, *made.command()], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        server = psutil.Process(int(parent.stdout.readline()))
        made.wait_ready()
        parent.kill()
        parent.wait()
    deadline = monotonic() + 10
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        assert monotonic() < deadline
        sleep(0.02)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give rights away")
def test_root_without_the_right_to_pass_folders_uses_the_next_best(
    made: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_capabilities", lambda: 1 << 1)
    made.data.parent.chmod(0o700)
    with made.running():
        assert run(made, "SELECT 1") == (1,)


def test_redis_keeps_its_queue_over_a_kill(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    server.prepare()
    process = start(server)
    with redis.Redis.from_url(server.url) as client:
        client.lpush("queue", "execution 1")
        # The append-only file is written at the latest a second later; ask for it now.
        client.config_set("appendfsync", "always")
        client.lpush("queue", "execution 2")
    process.kill()
    process.wait()
    with server.running(), redis.Redis.from_url(server.url) as client:
        assert client.lrange("queue", 0, -1) == [b"execution 2", b"execution 1"]
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_redis_asks_for_its_password(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, durable=False)
    with server.running():
        stranger = redis.Redis(port=server.port)
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        stranger.close()
        assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_passed_over() -> None:
    taken = child.free_port()
    assert child.free_port(taken) == taken
    import socket

    with socket.create_server(("127.0.0.1", taken)):
        assert not child.is_free(taken)
        assert child.free_port(taken) != taken


def start(server: PostgresServer | RedisServer) -> "subprocess.Popen[bytes]":
    server.prepare()
    process = subprocess.Popen(
        server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server.wait_ready()
    return process


def run(server: PostgresServer, sql: str) -> tuple[object, ...] | None:
    connection = server.connect()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            row: tuple[object, ...] | None = cursor.fetchone() if cursor.description else None
            return row
    finally:
        connection.close()
