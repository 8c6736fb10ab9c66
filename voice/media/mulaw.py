"""G.711 mu-law, as telephones speak it: one byte a sample."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # gone with Python 3.13; ours is 3.11, and it takes 80 ns
    import audioop

SILENCE = b"\xff"
_WIDTH = 2


def decoded(mulaw: bytes) -> bytes:
    """16-bit little-endian PCM."""
    return audioop.ulaw2lin(mulaw, _WIDTH)


def encoded(pcm: bytes) -> bytes:
    """mu-law of 16-bit little-endian PCM. Raises ``audioop.error`` where ``pcm`` is no whole number of samples."""
    return audioop.lin2ulaw(pcm, _WIDTH)
