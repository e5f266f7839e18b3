"""
No other site may make a browser write in its person's name.

Two proofs, either of which would do: the request says that it comes from our own pages, and it
carries a token that only our pages of this session know.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from urllib.parse import urlsplit

from starlette.requests import Request

from backend.web import signing

_BYTES = 32


def token(session_id: int) -> str:
    """
    A token of this session, another one each time.

    Masked by random bytes: answers are compressed, and the length of a compressed page that
    always holds the same secret would give it away bit by bit (BREACH).
    """
    mask = secrets.token_bytes(_BYTES)
    return urlsafe_b64encode(mask + _xor(mask, _secret_of(session_id))).decode()


def is_token_of(session_id: int, sent: str | None) -> bool:
    try:
        raw = urlsafe_b64decode((sent or "").encode())
    except (ValueError, Base64Error):
        return False
    mask, masked = raw[:_BYTES], raw[_BYTES:]
    return len(raw) == 2 * _BYTES and hmac.compare_digest(
        _xor(mask, masked), _secret_of(session_id)
    )


def comes_from_us(request: Request, *, is_proof_needed: bool = False) -> bool:
    """
    Whether the browser says that one of our own pages sent this.

    Programs and very old browsers say nothing, which is enough unless proof is needed.
    """
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    if origin := request.headers.get("origin"):
        return urlsplit(origin).netloc == request.headers.get("host")
    return not is_proof_needed


def _secret_of(session_id: int) -> bytes:
    key = signing.secret().encode()
    return hmac.digest(key, f"glassbox.csrf {session_id}".encode(), "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
