"""Whom we believe to be the gateway."""

import ssl
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from backend.core.errors import InvalidInput


def verification(base_url: str, certificate: Path | None) -> ssl.SSLContext | bool:
    """
    What httpx shall verify: the pinned certificate, or nothing on this very machine.

    Raises `InvalidInput` where the connection could be listened to: no certificate or no TLS for a
    gateway beyond loopback, or a certificate file that cannot be used.
    """
    address = urlsplit(base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise _refusal(
            f"{base_url!r} is no address of a gateway; write it as https://host:port.",
            "ibkr_gateway_url",
        )
    is_near = is_loopback(address.hostname)
    if address.scheme == "http":
        if not is_near:
            raise _refusal(
                f"{base_url} would send orders unencrypted; use https beyond this machine.",
                "ibkr_gateway_url",
            )
        return False
    if certificate is not None:
        return _pinned(certificate)
    if is_near:
        return False
    raise _refusal(
        f"{address.hostname} is not this machine, so its certificate has to be pinned: set"
        " IBKR_GATEWAY_CERTIFICATE to its PEM file (or to a bundle of the roots that signed it).",
        "ibkr_gateway_certificate",
    )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _pinned(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
        context.load_verify_locations(cadata="".join(map(_pem, certificates)))
    except (OSError, ValueError, ssl.SSLError) as error:
        raise _refusal(
            f"{file} cannot be used as the gateway's certificate: {error}",
            "ibkr_gateway_certificate",
        ) from error
    # A certificate that can sign no other is only ever the gateway's own, whatever name the
    # gateway goes by here; IBKR's own gateway ships one that names no useful host.
    context.check_hostname = not all(map(_is_leaf, certificates))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _is_leaf(certificate: x509.Certificate) -> bool:
    try:
        limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return True
    return not limits.value.ca


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _refusal(message: str, field: str) -> InvalidInput:
    return InvalidInput(message, field=field)
