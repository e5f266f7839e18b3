"""Does that part answer? Each question takes two seconds at most and never raises."""

import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import redis

TIMEOUT_SECONDS = 2.0


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
    unverified = ssl.create_default_context()
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
    try:
        with _redis(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def worker_listens(redis_url: str) -> bool:
    """
    Whether any Celery worker hears remote control, which it does once it takes tasks.

    Kombu's Redis transport gives a fanout exchange one pub/sub channel, `/<database>.<exchange>`.
    """
    database = urlsplit(redis_url).path.strip("/") or "0"
    try:
        with _redis(redis_url) as client:
            answer = client.pubsub_numsub(f"/{database}.celery.pidbox")
    except redis.RedisError:
        return False
    return any(int(listeners) > 0 for _, listeners in answer)


def written_since(folder: Path, prefix: str, moment: float) -> bool:
    """Whether a file of that prefix was written at or after `moment` (seconds since the epoch)."""
    return any(path.stat().st_mtime >= moment for path in folder.glob(f"{prefix}*"))


def _redis(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )
