"""Twilio's request signature. Source: https://www.twilio.com/docs/usage/security#validating-requests"""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def signature(url: str, params: Mapping[str, str], auth_token: str) -> str:
    """``X-Twilio-Signature`` over the whole URL and the POST fields sorted by name; a GET or a socket has none."""
    signed = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
