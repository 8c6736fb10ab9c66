"""A test call over WebRTC: it is heard, answered, told to its page, and ends with it."""

from agents.domain.types import Reply
from tests.voice.browser.page import invited, talking
from tests.voice.conftest import PlaneMaker
from tests.voice.dialogues import ScriptedDialogue
from tests.voice.speech import ScriptedRecogniser, pitches, silence, spoken


async def test_a_person_talks_with_the_agent(make_plane: PlaneMaker, redis_url: str) -> None:
    dialogue = ScriptedDialogue(Reply("Shall we meet on Thursday?", agent="scheduler"))
    recogniser = ScriptedRecogniser("Yes please", "Thursday is fine")
    plane = await make_plane(dialogue, recogniser, redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        opening = await page.until("turn")
        assert plane.health().free == 1
        page.microphone.play(spoken("Yes, please do.") + silence(200))
        await page.until("turn", count=3)
        page.microphone.play(spoken("Thursday is fine.") + silence(200))
        (ended,) = await page.until("ended")
    turns = page.of("turn")
    assert [(turn["speaker"], turn["text"]) for turn in turns] == [
        ("agent", "Acme calling. This call is recorded."),
        ("lead", "Yes please"),
        ("agent", "Shall we meet on Thursday?"),
        ("lead", "Thursday is fine"),
        ("agent", "Goodbye."),
    ]
    assert opening[0]["latency_ms"] is None
    assert 0 < turns[2]["latency_ms"] < 2000
    assert set(turns[2]["steps"]) >= {"transcript_ms", "turn_decided_ms", "first_audio_ms"}
    assert ended == {
        "type": "ended",
        "disposition": "not_interested",
        "summary": "As scripted.",
        "facts": {"heard": "2"},
        "score": 0,
        "ended_by": "agent",
        "acts": [],
    }
    assert page.messages[0] == {"type": "live"}
    assert set(pitches(bytes(page.heard))) == {440.0}
