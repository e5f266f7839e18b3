"""
Addresses of channels are kept encrypted, with a key of their own that is made out of WEB_SECRET.

A database that is stolen, or a backup of it, holds no password of a mail account. Whoever changes
WEB_SECRET enters the addresses again; nothing goes out by the old ones.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.core.errors import InvalidInput
from backend.web import signing


def seal(address: str) -> str:
    """Raises `InvalidInput` without a WEB_SECRET."""
    return _box().encrypt(address.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises `InvalidInput` for what this WEB_SECRET did not seal."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise InvalidInput(
            "The address cannot be read any more: WEB_SECRET is not the one it was kept with."
            " Enter the address again.",
            code="sealed_by_another",
        ) from None


def _box() -> Fernet:
    made = HKDF(
        algorithm=SHA256(), length=32, salt=None, info=b"glassbox notification channels"
    ).derive(signing.secret().encode())
    return Fernet(base64.urlsafe_b64encode(made))
