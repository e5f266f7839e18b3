"""
Which addresses news may go to: out into the world, never back into the own network.

Only the standard library: the sender's process loads this before anything else.
"""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

_METADATA = {ipaddress.ip_address("168.63.129.16")}
"""Azure's, which alone has an address that looks public."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """A sentence that says which address was refused, and what to do where it is wanted."""


@dataclass(frozen=True)
class Guard:
    allows_private: bool

    def check_names(self, hosts: Iterable[str]) -> None:
        """Resolve each and look at every address it has. Raises `Refused`."""
        for host in hosts:
            for address in _resolve(host):
                self.check(address, host)

    def check(self, address: str, host: str = "") -> None:
        """Raises `Refused` for an address that is not out in the world."""
        if self.allows_private or is_public(address):
            return
        named = f"{host} is at {address}, which is" if host and host != address else f"{address} is"
        raise Refused(
            f"{named} in this machine's own network, where news does not go unless"
            " NOTIFY_PRIVATE_ADDRESSES=true allows it."
        )


def is_public(address: str) -> bool:
    """False for what is no IP address, too: only where we know does anything go out."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(
        each.is_global and not each.is_multicast and each not in _METADATA
        for each in (parsed, *_inner(parsed))
    )


def _inner(address: _Address) -> list[_Address]:
    """IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[_Address | None] = [address.ipv4_mapped, address.sixtofour]
    found += address.teredo or ()
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [each for each in found if each is not None]


def _resolve(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise Refused(f"The name {host} leads nowhere: {error}.") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))
