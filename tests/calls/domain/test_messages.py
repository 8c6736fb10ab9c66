"""What counts as an opt-out in a text message, and what does not."""

import pytest

from calls.domain.messages import asks_to_stop


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", "stop", "Stop.", " stop\n", "STOP!!!", "S.T.O.P", "“Stop”", "stop 🛑", "ＳＴＯＰ", "Stóp"),
        *("STOPALL", "stop all", "UNSUBSCRIBE", "Unsubscribe please", "END", "QUIT", "quit.", "CANCEL", "Revoke"),
        *("OPTOUT", "opt out", "Opt-Out", "remove", "REMOVE ME", "9"),
        *(
            "Please stop calling me",
            "Take me off your list",
            "don't text or call me again",
            "Do not call this number",
        ),
        *("I revoke my consent", "lose my number", "Leave me alone", "STOP. I'm driving", "No more calls!"),
        *("Who is this? Stop calling", "wrong person, remove me from your list", "no me llame más"),
    ],
)
def test_an_opt_out(text: str) -> None:
    assert asks_to_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "?", "👍", "START", "UNSTOP", "HELP", "YES", "Yes please call me", "ok", "10", "99", "19"),
        *("Cancel my appointment on Thursday", "The end of May is fine", "I quit my job, so we sell", "endless"),
        *("There is a bus stop in front of the house", "When does the listing end?", "Call me at 9"),
        *("Can you stop by tomorrow?", "I did not call you", "Call me tomorrow, not today"),
    ],
)
def test_no_opt_out(text: str) -> None:
    assert not asks_to_stop(text)
