"""Which receivers are refused: a webhook must not become a way to read a cloud's metadata (SSRF).

Loopback and private networks are allowed, since receivers such as a CRM bridge often live beside this installation.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
# Clouds that serve metadata outside of the link-local range: AWS and Google over IPv6, Alibaba, Azure, Oracle.
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def refused_address(address: str) -> str:
    """Why this IP address is refused, as a sentence; "" for one that is fine. Raises ValueError for no address."""
    ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip in _METADATA:
        return (
            f"{address} is a link-local, unspecified, multicast or cloud metadata address, and no receiver has one: "
            f"enter the address of your own service."
        )
    return ""


def refused_url(url: str, *, any_address: bool) -> str:
    """Why this URL is refused, as far as its text tells, as a sentence; "" for one that is fine.

    ``any_address`` leaves the addresses unchecked, for development. What a name resolves to is checked on connecting.
    """
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        return "This is not an http:// or https:// address: enter one such as https://example.com/hooks."
    if any_address:
        return ""
    if host in _METADATA_HOSTS:
        return f"{host} is a cloud's metadata server: enter the address of your own service."
    literal = _literal(host)
    return refused_address(literal) if literal else ""


def _literal(host: str) -> str:
    """The IP address that ``host`` spells, also in the old forms (``0xa9fea9fe``); "" for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass  # not in a modern form; the old ones are next
    try:
        return str(ipaddress.IPv4Address(socket.inet_aton(host)))
    except OSError:
        return ""


def _unwrapped(ip: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where that is what a connection would reach."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
