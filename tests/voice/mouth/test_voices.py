"""The real local voices: as loud as one another, at the telephone's rate, and told apart on disk."""

from typing import Any

import pytest

from voice.speech.loudness import TARGET_DBOV, active_level

TEXTS = ["Are you still thinking about selling the place?", "How about Thursday?", "Thank you, and goodbye."]


def mouth(engine: str) -> Any:
    if engine == "piper":
        from voice.speech.piper import Mouth as Piper

        return Piper()
    from voice.speech.hibari import Mouth as Hibari

    return Hibari()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["piper", "hibari"])
def test_a_voice_speaks_at_our_loudness(engine: str) -> None:
    voice = mouth(engine)
    spoken = [voice.speech(text) for text in TEXTS]
    for pcm in spoken:
        assert active_level(pcm) == pytest.approx(TARGET_DBOV, abs=0.5)
        assert 0.5 * 16_000 < len(pcm) < 5 * 16_000
    assert len(voice.who()) == 16


@pytest.mark.slow
def test_voices_are_told_apart() -> None:
    assert mouth("piper").who() != mouth("hibari").who()
    assert mouth("hibari").who() == mouth("hibari").who()
