"""What is personal does not reach a log."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from reautomation import log


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    log.configure(level="INFO", style="json")
    yield capsys
    root.handlers[:], root.level = before


def entry(captured: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(captured.readouterr().err)
    return found


def test_phone_numbers_are_masked_wherever_they_stand(written: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("t").info(
        "call.finished", to="+13035550142", numbers=["+13035550143"], note={"n": "+442079460101"}
    )
    event = entry(written)
    assert event["to"] == "+1303*****42"
    assert event["numbers"] == ["+1303*****43"]
    assert event["note"] == {"n": log.mask_phone("+442079460101")}
    assert event["event"] == "call.finished"


def test_what_is_under_pii_is_masked_whole(written: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("t").warning("heard", pii={"said": "my card is 4111", "phone": "+13035550142"})
    assert entry(written)["pii"] == {"said": "(15 characters)", "phone": "+1303*****42"}


def test_the_standard_library_s_lines_are_masked_too(written: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("other").warning("calling %s", "+13035550142")
    event = entry(written)
    assert event["event"] == "calling +1303*****42"
    assert event["level"] == "warning"
