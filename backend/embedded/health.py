"""Does that part answer? Each question takes two seconds at most and never raises."""

import http.client
import json
import socket
import ssl
import time
from base64 import b64encode
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg2

TIMEOUT_SECONDS = 2.0
TRACKER_SILENT_SECONDS = 60.0


def http_answers(url: str, *, below: int = 400) -> bool:
    """
    Whether a GET is answered with a status under `below`.

    A certificate is not verified: this asks whether somebody listens, and sends nothing secret.
    """
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.netloc)
    try:
        connection.request("GET", parts.path or "/", headers={"User-Agent": "glassbox"})
        return connection.getresponse().status < below
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connection(scheme: str, place: str) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(place, timeout=TIMEOUT_SECONDS)
    # Not create_default_context: that one reads all the world's roots, each time.
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(place, timeout=TIMEOUT_SECONDS, context=unverified)


def database_answers(url: str) -> bool:
    """Whether the database that an SQLAlchemy URL names lets us in."""
    scheme, _, rest = url.partition("://")
    try:
        psycopg2.connect(f"{scheme.partition('+')[0]}://{rest}", connect_timeout=2).close()
    except psycopg2.Error:
        return False
    return True


def redis_answers(url: str) -> bool:
    return _ask_redis(url, "PING") == "+PONG"


def worker_listens(redis_url: str) -> bool:
    """
    Whether any Celery worker hears remote control, which it does once it takes tasks.

    Sends every worker a ping that wants no answer; Redis counts who got it. The message and the
    channel, `/<database>.<exchange>`, are those of Kombu's Redis transport.
    """
    database = urlsplit(redis_url).path.strip("/") or "0"
    answer = _ask_redis(redis_url, "PUBLISH", f"/{database}.celery.pidbox", _PING)
    return answer.startswith(":") and answer != ":0"


def tracker_lives(redis_url: str) -> bool:
    """Whether any tracker gave a sign of life within the last minute; as `core.heartbeats`."""
    since = str(int((time.time() - TRACKER_SILENT_SECONDS) * 1000))
    answer = _ask_redis(redis_url, "ZCOUNT", "glassbox:heartbeats:tracker", since, "+inf")
    return answer.startswith(":") and answer != ":0"


def _ask_redis(url: str, *command: str) -> str:
    """
    The one line that Redis answers to the command, or nothing when it does not answer well.

    By hand, because the client library would be a third of the supervisor's memory.
    """
    place = urlsplit(url)
    credentials = [unquote(part) for part in (place.username, place.password) if part]
    try:
        with _connect(place.hostname or "127.0.0.1", place.port or 6379, place.scheme) as line:
            if credentials and not _exchange(line, "AUTH", *credentials).startswith("+OK"):
                return ""
            return _exchange(line, *command)
    except OSError:
        return ""


def _connect(host: str, port: int, scheme: str) -> socket.socket:
    line = socket.create_connection((host, port), timeout=TIMEOUT_SECONDS)
    if scheme != "rediss":
        return line
    return ssl.create_default_context().wrap_socket(line, server_hostname=host)


def _exchange(line: socket.socket, *command: str) -> str:
    # https://redis.io/docs/latest/develop/reference/protocol-spec/: an array of bulk strings.
    parts = [part.encode() for part in command]
    bulk = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    line.sendall(b"*%d\r\n%b" % (len(parts), bulk))
    with line.makefile("rb") as answer:
        return answer.readline().decode().strip()


_PING = json.dumps(
    {
        "body": b64encode(json.dumps({"method": "ping", "arguments": {}}).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
            "delivery_tag": "glassbox-health",
        },
    }
)


def written_since(folder: Path, prefix: str, moment: float) -> bool:
    """Whether a file of that prefix was written at or after `moment` (seconds since the epoch)."""
    return any(path.stat().st_mtime >= moment for path in folder.glob(f"{prefix}*"))
