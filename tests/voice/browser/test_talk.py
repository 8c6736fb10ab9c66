"""A test call over WebRTC: it is heard, answered, told to its page, and ends with it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from agents.domain.types import Brief, EndedBy, HeardKind, Reply
from tests.voice.browser.page import invited, talking
from tests.voice.conftest import PlaneMaker
from tests.voice.dialogues import ScriptedDialogue, brief, opt_out
from tests.voice.speech import ScriptedRecogniser, ToneSynthesiser, pitches, silence, spoken
from voice.domain.types import TalkPlan
from voice.plane import VoicePlane


async def free(plane: VoicePlane) -> None:
    async with asyncio.timeout(10):
        while plane.live:
            await asyncio.sleep(0.02)


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


async def test_a_test_call_may_be_held_otherwise_than_one_on_the_phone(
    make_plane: PlaneMaker, redis_url: str
) -> None:
    paid, unpaid = ScriptedDialogue(), ScriptedDialogue(opening=Reply("Nobody pays for me."))
    plane = await make_plane(paid, redis_url=redis_url, test_dialogue=unpaid)
    async with talking(plane, invited(redis_url)) as page:
        (turn,) = await page.until("turn")
        page.tell(type="hang_up")
        await page.until("ended")
    assert turn["text"] == "Nobody pays for me."
    assert (unpaid.ended_by, paid.ended_by) == ([EndedBy.LEAD], [])


async def test_the_end_button_is_the_person_hanging_up(make_plane: PlaneMaker, redis_url: str) -> None:
    dialogue = ScriptedDialogue()
    plane = await make_plane(dialogue, redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("live")
        page.tell(type="hang_up")
        (ended,) = await page.until("ended")
    assert ended["ended_by"] == "lead"
    assert dialogue.ended_by == [EndedBy.LEAD]
    assert plane.live == 0


async def test_the_end_button_counts_before_the_pipeline_has_started(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice.browser.link.BrowserLink.open", lambda link: None)
    dialogue = ScriptedDialogue()
    plane = await make_plane(dialogue, redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("live")
        page.tell(type="hang_up")
        (ended,) = await page.until("ended")
    assert ended["ended_by"] == "lead"
    assert dialogue.ended_by == [EndedBy.LEAD]


async def test_key_nine_opts_out(make_plane: PlaneMaker, redis_url: str) -> None:
    dialogue = ScriptedDialogue(opt_out)
    plane = await make_plane(dialogue, redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
        for nonsense in ("99", "x", "", None, 9):
            page.tell(type="key", key=nonsense)
        page.tell(type="key", key="9")
        (ended,) = await page.until("ended")
    assert dialogue.heard == [(HeardKind.KEY, "9")]
    assert page.of("note") == [
        {"type": "note", "text": "On a real call this number would go on the do-not-call list at once."}
    ]
    assert ended["ended_by"] == "agent"


async def test_what_the_page_must_not_say_changes_nothing(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
        for message in ("garbage", "[]", '"hang_up"', '{"type": "unknown"}', '{"type": ["key"]}', "x" * 20_000):
            page.channel.send(message)
        page.channel.send(b"\xff\x00")
        page.tell(type="key", key="1")
        turns = await page.until("turn", count=3)
        assert turns[1]["text"] == "[key 1]"


async def test_the_longest_time_ends_it_with_a_goodbye(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url, synthesiser=ToneSynthesiser())
    async with talking(plane, invited(redis_url, max_length_s=4)) as page:
        (ended,) = await page.until("ended")
    assert ended["ended_by"] == "limit"
    assert page.of("turn")[-1]["text"].startswith("I'm sorry, I have to end our call here.")


async def test_a_page_that_is_gone_without_a_word_frees_its_line(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice.browser.link._SILENT_S", 1)
    dialogue = ScriptedDialogue()
    plane = await make_plane(dialogue, redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
        page.peer.getSenders()[0].replaceTrack(None)  # as on a network that is gone: no packet, no goodbye
        (ended,) = await page.until("ended")
        await free(plane)
    assert dialogue.ended_by == [EndedBy.FAULT]
    assert ended["ended_by"] == "fault"


async def test_a_page_that_closes_ends_its_call(make_plane: PlaneMaker, redis_url: str) -> None:
    dialogue = ScriptedDialogue()
    plane = await make_plane(dialogue, redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
    await free(plane)
    assert dialogue.ended_by == [EndedBy.LEAD]


async def test_a_conversation_that_breaks_tells_the_page(make_plane: PlaneMaker, redis_url: str) -> None:
    dialogue = ScriptedDialogue(RuntimeError("no reply"))
    plane = await make_plane(dialogue, redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
        page.tell(type="key", key="1")
        (ended,) = await page.until("ended")
    assert ended["ended_by"] == "fault"
    await free(plane)


async def test_a_session_that_cannot_begin_tells_the_page(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no session")

    monkeypatch.setattr("voice.plane.CallSession", broken)
    plane = await make_plane(redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        (ended,) = await page.until("ended")
    assert (ended["ended_by"], ended["summary"]) == ("fault", "The voice session broke.")
    await free(plane)


async def test_a_dialogue_that_cannot_be_made_frees_the_line(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise RuntimeError("no dialogue")

    plane = await make_plane(redis_url=redis_url)
    monkeypatch.setattr(plane._desk, "_dialogues", none)
    with capture_logs() as logs:
        async with talking(plane, invited(redis_url)):
            await free(plane)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["talk.fault"]


async def test_the_brief_and_the_words_reach_the_conversation(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    briefs: list[Brief] = []
    plane = await make_plane(redis_url=redis_url)

    def keep(brief: Brief) -> ScriptedDialogue:
        briefs.append(brief)
        return ScriptedDialogue()

    monkeypatch.setattr(plane._desk, "_dialogues", keep)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("live")
        (call_id,) = plane._seats
        assert plane._seats[call_id].plan == TalkPlan(
            hints=("Maple Street",), lexicon={}, records=False, machines=False
        )
    assert call_id.startswith("talk-")
    assert briefs == [brief(call_id)]


async def test_audio_that_cannot_be_heard_ends_the_call(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no such format")

    monkeypatch.setattr("voice.browser.link.Microphone.hear", broken)
    plane = await make_plane(redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        (ended,) = await page.until("ended")
    assert ended["ended_by"] == "fault"


async def test_a_connection_that_fails_is_no_hanging_up(make_plane: PlaneMaker, redis_url: str) -> None:
    dialogue = ScriptedDialogue()
    plane = await make_plane(dialogue, redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
        connection = plane._desk._connections[page.answer["pc_id"]]
        assert plane._loop is not None
        asyncio.run_coroutine_threadsafe(connection._call_event_handler("failed"), plane._loop)
        await free(plane)
    assert dialogue.ended_by == [EndedBy.FAULT]


async def test_a_plane_that_stops_parts_from_its_pages(make_plane: PlaneMaker, redis_url: str) -> None:
    plane = await make_plane(redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
        stopping = asyncio.create_task(asyncio.to_thread(plane.stop))
        (ended,) = await page.until("ended")
        await page.peer.close()
        await stopping
    assert ended["ended_by"] == "fault"


async def test_a_page_that_stays_is_left(
    make_plane: PlaneMaker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice.browser.desk._PART_S", 0.1)
    plane = await make_plane(redis_url=redis_url)
    async with talking(plane, invited(redis_url)) as page:
        await page.until("turn")
        page.tell(type="hang_up")
        await page.until("signalling")
        assert [message["type"] for message in page.messages[-2:]] == ["ended", "signalling"]
