"""Passwords of others that we have to give away again: sealed in the database by a key made from SECRET_KEY."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_INFO = b"reautomation calendars"


class Unreadable(Exception):
    """The secret was sealed with another SECRET_KEY."""


def seal(text: str) -> str:
    return _cipher().encrypt(text.encode()).decode()


def opened(sealed: str) -> str:
    """Raises Unreadable."""
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable("SECRET_KEY has changed since the password was entered: enter the password again.") from None


def _cipher() -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
