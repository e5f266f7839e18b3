"""
How a part is started: it dies with whoever started it, and a server never runs as root.

util-linux's `setpriv` (on every Debian) sets both and then becomes the program itself, so the
process id stays, nothing of ours runs between fork and exec, and no process is added.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from backend.core.errors import InvalidInput

SERVER_USER = "glassbox"
"""The system account, without shell or home, that PostgreSQL runs as when we are root."""

# linux/capability.h: what lets a process pass folders that are closed to it, the lesser right
# first. Containers often grant root only the second, which covers writing too.
_PASS_FOLDERS = {"dac_read_search": 2, "dac_override": 1}


def command(program: Sequence[str], *, death_signal: str = "KILL", user: str = "") -> list[str]:
    """
    The program's command line, led by what makes it get `death_signal` when its parent dies.

    With `user`, it runs as that account. It may then still pass closed folders, so that a
    database under /root works without opening /root to everybody. The signal follows the thread
    that starts it, so start children from the main thread.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if user:
            raise InvalidInput(
                "PostgreSQL refuses to run as root, and the command setpriv (package util-linux),"
                " which starts it as another user, is missing. Install it, or run as a user."
            )
        return list(program)
    return [setpriv, "--pdeathsig", death_signal, *_as_user(user), "--", *program]


def _as_user(user: str) -> list[str]:
    if not user:
        return []
    drop = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    for right, bit in _PASS_FOLDERS.items():
        if _capabilities() >> bit & 1:
            return [*drop, f"--inh-caps=+{right}", f"--ambient-caps=+{right}"]
    return drop


def _capabilities() -> int:
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return int(effective.split()[1], 16)


def server_user() -> str:
    """The account a server must run as: none of its own unless we are root; made when missing."""
    if os.geteuid() != 0:
        return ""
    try:
        pwd.getpwnam(SERVER_USER)
    except KeyError:
        useradd = ["useradd", "--system", "--user-group", "--no-create-home"]
        subprocess.run(
            [*useradd, "--shell", "/usr/sbin/nologin", SERVER_USER],
            check=True,
            capture_output=True,
            # useradd lives where an ordinary PATH may not look.
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    return SERVER_USER


def secret(path: Path) -> str:
    """The password kept in this file; made once, and readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        whole = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        whole.rename(path)
    return path.read_text()


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 right now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are only winding down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0) -> int:
    """The preferred port of 127.0.0.1 where it is free, else any that is."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
