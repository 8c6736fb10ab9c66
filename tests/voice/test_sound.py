"""Playout, recording, phrases and what may be believed: pure, or on a file of their own."""

from datetime import UTC, datetime

import pytest

from voice.playout import Playout, words_played

STARTED = datetime(2026, 11, 10, 12, tzinfo=UTC)


class TestPlayout:
    def test_packets_are_played_one_after_the_other(self) -> None:
        playout = Playout()
        assert playout.started_at is None
        assert playout.sent(800, 10.0).start == 10.0
        assert playout.sent(800, 10.01).start == 10.1  # ahead of its time: it waits
        assert playout.sent(800, 10.5).start == 10.5  # late: a gap is heard
        assert playout.ends_at == 10.6
        assert [playout.played(at) for at in (9.0, 10.05, 10.2, 10.4, 10.55, 20.0)] == [
            0,
            400,
            1600,
            1600,
            2000,
            2400,
        ]
        assert [playout.moment(samples) for samples in (800, 1200, 2400)] == pytest.approx([10.1, 10.15, 10.6])
        assert playout.moment(2401) is None

    def test_a_clear_forgets_what_was_not_played(self) -> None:
        playout = Playout()
        for _ in range(3):
            playout.sent(800, 10.0)
        playout.cleared(10.15)
        assert playout.played(99.0) == 1200
        assert playout.ends_at == 10.15
        assert playout.sent(800, 10.2).start == 10.2

    def test_a_clear_when_all_was_played_changes_nothing(self) -> None:
        playout = Playout()
        playout.sent(800, 10.0)
        playout.cleared(11.0)
        assert (playout.played(11.0), playout.ends_at) == (800, 10.1)

    def test_an_utterance_counts_from_its_own_start(self) -> None:
        playout = Playout()
        playout.sent(800, 10.0)
        playout.begin()
        assert (playout.played(11.0), playout.started_at) == (0, None)
        assert playout.sent(800, 10.05).start == 10.1

    @pytest.mark.parametrize(
        ("played", "text"),
        [
            (0, ""),
            (342, ""),
            (343, "One"),
            (799, "One"),
            (800, "One two."),
            (1200, "One two."),
            (1600, "One two. Three"),
        ],
    )
    def test_words_count_once_they_were_heard(self, played: int, text: str) -> None:
        assert words_played([("One two.", 800), ("Three four five.", 1600)], played) == text

    def test_all_words(self) -> None:
        assert words_played([("One.", 800), ("Two.", 0), ("Three.", 100)], 900) == "One. Two. Three."
