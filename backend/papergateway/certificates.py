"""A self-signed certificate for loopback, made once and kept in the state folder."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backend.core.clock import Clock, SystemClock

LIFE = timedelta(days=3_650)
RENEW_BEFORE = timedelta(days=30)


def ensure(folder: Path, clock: Clock | None = None) -> tuple[Path, Path]:
    """
    Paths of certificate and key (PEM); made anew when missing or about to end.

    TLS knows nothing of simulated time: `clock` is the machine's.
    """
    now = (clock or SystemClock()).now()
    certificate, key = folder / "gateway-certificate.pem", folder / "gateway-key.pem"
    if not key.exists() or not _is_valid(certificate, now):
        folder.mkdir(parents=True, exist_ok=True)
        _make(certificate, key, now)
    return certificate, key


def _is_valid(path: Path, now: datetime) -> bool:
    if not path.exists():
        return False
    found = x509.load_pem_x509_certificate(path.read_bytes())
    return found.not_valid_after_utc - now > RENEW_BEFORE


def _make(certificate: Path, key: Path, now: datetime) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Glassbox paper gateway")])
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
            x509.IPAddress(ipaddress.IPv6Address("::1")),
        ]
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - timedelta(days=1))
        .not_valid_after(now.astimezone(UTC) + LIFE)
        .add_extension(names, critical=False)
        # A client that pins this file uses it as its own authority.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(key, pem)
    _write(certificate, built.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and for its owner's eyes only."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)
