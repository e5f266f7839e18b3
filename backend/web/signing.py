"""One secret for everything that the web process signs, with a key of its own for each purpose."""

import hashlib

from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer

from backend.core.errors import InvalidInput
from backend.core.hashing import sha256_hex
from backend.core.settings import settings

SHORTEST = 32
"""Characters; a shorter secret might be guessed from a signature."""


def secret() -> str:
    """Raises `InvalidInput` when WEB_SECRET is missing or too short to keep anything safe."""
    value = settings().web_secret.get_secret_value()
    if len(value) < SHORTEST:
        raise InvalidInput(
            f"WEB_SECRET must have {SHORTEST} characters or more; sessions are signed with it."
            " Make one with: openssl rand -hex 32",
            field="web_secret",
            code="missing_setting",
        )
    return value


def sign(purpose: str, value: str) -> str:
    return _signer(purpose).sign(value).decode()


def unsign(purpose: str, signed: str) -> str | None:
    """The value, or None when we did not sign it for this purpose."""
    try:
        return _signer(purpose).unsign(signed).decode()
    except BadSignature:
        return None


def tickets(purpose: str) -> URLSafeTimedSerializer:
    """Signs small documents that are good for some seconds only."""
    return URLSafeTimedSerializer(
        secret(), salt=f"glassbox.{purpose}", signer_kwargs={"digest_method": hashlib.sha256}
    )


def instance() -> str:
    """
    Tells this Glassbox from others of the same machine.

    Browsers send cookies of 127.0.0.1 to every port there, so the port cannot tell them apart.
    """
    return sha256_hex(sign("instance", "").encode())[:8]


def _signer(purpose: str) -> Signer:
    return Signer(secret(), salt=f"glassbox.{purpose}", digest_method=hashlib.sha256)
