"""What decides over the recording of one call under way: the announcement, an objection, and what must not stay."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from agents.domain.recording import objects_to_recording
from voice.domain.types import Recording, RecordingChanged, RecordingState, TalkPlan, TurnRecord
from voice.domain.types import Speaker as Side
from voice.hearing import Turn
from voice.recorder import Recorder
from voice.recordings.sensitive import SensitiveWatch

log = structlog.get_logger(__name__)

_AROUND_S = 0.4  # what the recogniser places a little late or early
OBJECTED = "The person does not want to be recorded."


def utc_now() -> datetime:
    return datetime.now(UTC)


class RecordingKeeper:
    """Used from the loop. ``emit`` gets what becomes of the recording, as it becomes so.

    What a person says is looked at before anything else sees it: an objection stops the recording at that moment,
    and numbers of cards and the like are masked in the text and silenced in the sound.
    """

    def __init__(
        self,
        call_id: str,
        recorder: Recorder,
        plan: TalkPlan,
        *,
        emit: Callable[[RecordingChanged], None],
        clock: Callable[[], float],
    ) -> None:
        self._call_id, self._recorder, self._plan, self._emit, self._clock = call_id, recorder, plan, emit, clock
        self._watch = SensitiveWatch()
        self._objected = False

    def announced(self, at: float) -> None:
        """The announcement was heard to its end at ``at``, on the clock."""
        if self._objected or self._recorder.began:
            return
        self._recorder.begin(at)
        if self._recorder.running:
            self._tell(RecordingState.BEGAN)
            if self._plan.recording_paused:
                self._recorder.pause(at)
                self._tell(RecordingState.PAUSED, "It was paused on the line before.")

    def heard(self, turn: Turn) -> Turn:
        """``turn`` as the conversation and the records may have it."""
        if objects_to_recording(turn.text):
            self.objected()
        found = self._watch.lead(turn.text, (turn.started, turn.ended))
        for started, ended in found.spans:
            self._recorder.redact(started - _AROUND_S, ended + _AROUND_S)
        if found.spans:
            log.info("recording.redacted", call_id=self._call_id, kinds=sorted(found.kinds))
            self._tell(RecordingState.REDACTED, f"Said: {', '.join(sorted(found.kinds))}.", turns=found.earlier)
        return replace(turn, text=found.text) if found.text != turn.text else turn

    def guessed(self, turn: Turn) -> Turn:
        """``turn`` as the conversation may have it ahead, in a pause that may not be the end; changes nothing."""
        return replace(turn, text=self._watch.guessed(turn.text))

    def taken(self, record: TurnRecord) -> None:
        """A turn got its number."""
        if record.speaker is Side.LEAD:
            self._watch.numbered(record.text, record.seq)
        else:
            self._watch.agent(record.text)

    def objected(self) -> None:
        """Nothing more is kept, and what was is erased as the plan says; again changes nothing."""
        if self._objected:
            return
        self._objected = True
        ran = self._recorder.running
        self._recorder.stop(erase=self._plan.erases_on_objection)
        if self._plan.records:  # told also where it had not begun: it holds for every later line of the call
            kept = "all of it is erased" if self._plan.erases_on_objection else "their side of it is silenced"
            self._tell(RecordingState.STOPPED, f"{OBJECTED[:-1]}: {kept if ran else 'nothing was kept'}.")

    def pause(self, why: str) -> None:
        if self._recorder.running:
            self._recorder.pause(self._clock())
            self._tell(RecordingState.PAUSED, why)

    def resume(self, why: str) -> None:
        if self._recorder.running:
            self._recorder.resume(self._clock())
            self._tell(RecordingState.RESUMED, why)

    def finish(self) -> "Future[Recording | None]":
        return self._recorder.finish()

    def _tell(self, state: RecordingState, why: str = "", *, turns: dict[int, str] | None = None) -> None:
        self._emit(RecordingChanged(state, utc_now(), self._plan.part, why, turns or {}))
