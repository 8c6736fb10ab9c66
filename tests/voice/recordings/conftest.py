import base64

import pytest

from voice.recordings.keys import Keyring


@pytest.fixture(scope="session")
def keys() -> Keyring:
    return Keyring.parse(
        "new:" + base64.b64encode(b"n" * 32).decode() + ",old:" + base64.b64encode(b"o" * 32).decode()
    )
