"""``manage.py rate_card``: shown, compared, taken over, written; what it says and its exit status."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from billing.models import Rate
from billing.services.card import DEFAULT_CARD, set_price

pytestmark = pytest.mark.django_db
SHIPPED = DEFAULT_CARD.read_text()
FAR = datetime(2126, 12, 1, tzinfo=UTC)


def ran(*words: str | Path, status: int = 0) -> list[str]:
    """The lines of the command's output."""
    out = StringIO()
    with pytest.raises(SystemExit) if status else nullcontext() as end:
        call_command("rate_card", *map(str, words), stdout=out)
    assert end is None or end.value.code == status
    return out.getvalue().splitlines()


def refused(*words: str | Path, status: int = 2) -> list[str]:
    """The lines of its refusal."""
    before = list(Rate.objects.order_by("pk").values_list())
    with pytest.raises(CommandError) as error:
        call_command("rate_card", *map(str, words), stdout=StringIO())
    assert error.value.returncode == status
    assert list(Rate.objects.order_by("pk").values_list()) == before
    return str(error.value).splitlines()


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Detection is dearer, Telnyx counts seconds, the own model is another, and a GPU is priced by the minute."""
    file = tmp_path / "newer.yaml"
    file.write_text(
        SHIPPED.replace('"0.0075"', '"0.008"')
        .replace("key: llm.local", "key: llm.other")
        .replace('voice_out_us, kind: carrier, price: "0.0070", unit: s, per: 60, increment: 6', "{0}")
        .replace("{0}", 'voice_out_us, kind: carrier, price: "0.0070", unit: s, per: 60, increment: 1')
        .replace('"0.60", unit: s, per: 3600', '"0.01", unit: s, per: 60')
    )
    return file


def test_the_card_in_force_is_a_table() -> None:
    shown = ran("show")
    assert len(shown) == 27
    assert shown[0].split() == ["key", "price", "since", "until", "source"]
    assert next(line for line in shown if line.startswith("twilio.amd ")).split(None, 5) == [
        "twilio.amd",
        "0.0075",
        "USD",
        "per",
        "call",
        "2026-11-01  -      twilio.com/voice/pricing/us, secondary",
    ]
    assert ran("show", "--at", "2026-10-31") == ["No rate is in force at 2026-10-31 00:00 UTC."]


def test_no_difference_to_the_shipped_card() -> None:
    assert ran("diff") == ["No differences."]
    assert ran("diff", DEFAULT_CARD) == ["No differences."]


def test_differences_are_told_by_key(newer: Path) -> None:
    assert ran("diff", newer, status=1) == [
        "       key                  what",
        "own    llm.local            0.00 USD per token",
        "new    llm.other            0.00 USD per token",
        "other  telnyx.voice_out_us  increment 6 → 1",
        "other  twilio.amd           0.0075 USD per call → 0.008 USD per call (+6.7 %)",
    ]


def test_a_change_of_several_things_and_one_from_nothing(tmp_path: Path) -> None:
    file = tmp_path / "card.yaml"
    file.write_text(
        "effective_from: 2026-11-01T00:00:00Z\ncurrency: USD\nrates:\n"
        '  - {key: tts.local, kind: tts, price: "0.01", unit: char, per: 1000, source: x}\n'
        '  - {key: gpu.l4, kind: gpu, price: "0.39", currency: EUR, unit: s, per: 3600, minimum: 60, '
        "in_carrier_price: true, source: x}\n"
    )
    told = [line.split("  ", 2)[-1].strip() for line in ran("diff", file, status=1) if line.startswith("other")]
    assert told == [
        "0.78 USD per hour → 0.39 EUR per hour, at least 60 s; minimum 0 → 60; in carrier price no → yes",
        "0.00 USD per character → 0.01 USD per 1,000 characters; kind own → tts",
    ]


@pytest.mark.parametrize("action", [["diff"], ["apply", "--from", "now"]])
def test_a_file_with_mistakes_changes_nothing_and_says_them(action: list[str], tmp_path: Path) -> None:
    file = tmp_path / "card.yaml"
    file.write_text(SHIPPED.replace('"0.0075"', "0.0075").replace("kind: gpu", "kind: toaster", 1))
    said = refused(action[0], file, *action[1:])
    assert [line.split(": ")[0] for line in said] == ["Line 13, twilio.amd", "Line 29, gpu.rtx4090"]
    assert refused(action[0], tmp_path / "none.yaml", *action[1:]) == [
        f"{tmp_path / 'none.yaml'} cannot be read: No such file or directory."
    ]


def test_prices_are_taken_over_and_nothing_else(newer: Path) -> None:
    others = list(Rate.objects.exclude(key__in=["twilio.amd", "telnyx.voice_out_us"]).order_by("pk").values_list())
    assert ran("apply", newer, "--from", "2126-12-01") == [
        "llm.other: 0.00 USD per token, from 2126-12-01 00:00 UTC.",
        "telnyx.voice_out_us: increment 6 → 1, from 2126-12-01 00:00 UTC.",
        "twilio.amd: 0.0075 USD per call → 0.008 USD per call (+6.7 %), from 2126-12-01 00:00 UTC.",
        "3 changed, 23 already so.",
    ]
    new = {rate.key: rate for rate in Rate.objects.filter(valid_from=FAR)}
    assert sorted(new) == ["llm.other", "telnyx.voice_out_us", "twilio.amd"]
    assert (new["twilio.amd"].price, new["telnyx.voice_out_us"].increment) == (Decimal("0.008"), 1)
    kept = Rate.objects.exclude(pk__in=[rate.pk for rate in new.values()])
    assert list(kept.exclude(key__in=sorted(new)).order_by("pk").values_list()) == others
    assert ran("diff", newer, "--at", "2126-12-01", status=1)[1:] == ["own  llm.local  0.00 USD per token"]
    assert ran("diff", "--at", "2126-11-30") == ["No differences."]


def test_only_the_named_keys_are_taken_over(newer: Path) -> None:
    assert ran("apply", newer, "--from", "now", "--only", "twilio.amd", "gpu.l4")[-1] == "1 changed, 1 already so."
    assert Rate.objects.get(key="twilio.amd", valid_until=None).price == Decimal("0.008")
    assert not Rate.objects.filter(key="llm.other").exists()
    assert ran("apply", newer, "--from", "now", "--only", "twilio.amd") == ["0 changed, 1 already so."]
    assert refused("apply", newer, "--from", "now", "--only", "twilio.amd", "no.such") == [
        "newer.yaml has no rate no.such."
    ]


def test_one_that_is_refused_keeps_all_from_changing(newer: Path) -> None:
    set_price("twilio.amd", Decimal(1), from_at=FAR, now=timezone.now(), source="by hand")
    assert refused("apply", newer, "--from", "now", status=1) == [
        "Nothing was changed.",
        "Another price of 'twilio.amd' begins at 2126-12-01 00:00 UTC: withdraw it first, or let this one hold only "
        "until then.",
    ]
    yesterday = timezone.now() - timedelta(days=1)
    assert refused("apply", newer, "--from", yesterday.isoformat(), status=1)[1].startswith(
        "The price of 'telnyx.voice_out_us' was another after"
    )


def test_what_is_exported_has_no_differences(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    now = timezone.now()
    set_price("twilio.amd", Decimal("0.006"), from_at=now, now=now, source="a contract: «ours»")
    file.write_text("\n".join(ran("export")) + "\n")
    assert ran("diff", file) == ["No differences."]
    assert ran("diff", status=1)[1:] == ["other  twilio.amd  0.006 USD per call → 0.0075 USD per call (+25.0 %)"]
    Rate.objects.all().delete()
    ran("apply", file, "--from", "2126-12-01T00:00+00:00")
    assert Rate.objects.count() == 26
    assert Rate.objects.get(key="twilio.amd").source == "a contract: «ours»"
    assert ran("diff", file, "--at", "2126-12-01") == ["No differences."]


def test_an_instant_that_is_none_is_a_sentence() -> None:
    with pytest.raises(CommandError, match=r"'soon' is no instant: write now, 2026-12-01 or 2026-12-01T08:00Z\."):
        ran("show", "--at", "soon")
    with pytest.raises(CommandError, match="--from"):
        ran("apply")
