"""Servers that help two sides find each other (ICE), as they are written in the settings. Pure."""

from dataclasses import dataclass
from urllib.parse import unquote

_SCHEMES = ("stun", "turn", "turns")


@dataclass(frozen=True, slots=True)
class IceServer:
    """``urls`` as browsers want it, without the account."""

    urls: str
    username: str = ""
    credential: str = ""

    def for_page(self) -> dict[str, str]:
        """An ``RTCIceServer`` of JavaScript."""
        account = {"username": self.username, "credential": self.credential} if self.username else {}
        return {"urls": self.urls, **account}


def parse(text: str) -> IceServer:
    """``stun:host:port``, or ``turn:user:password@host:port?transport=udp``, the account percent-encoded.

    Raises ValueError with a sentence for anything else.
    """
    scheme, colon, rest = text.partition(":")
    account, at, host = rest.rpartition("@")
    user, has_password, password = account.partition(":")
    if scheme not in _SCHEMES or not colon or not host or host.startswith("//"):
        raise ValueError("must be stun:host:port or turn:user:password@host:port, with commas between several")
    if (scheme == "stun") == bool(at) or (at and not (user and has_password and password)):
        raise ValueError("must have user:password@ before the host of a turn: server, and none before a stun: one")
    return IceServer(f"{scheme}:{host}", unquote(user), unquote(password))
