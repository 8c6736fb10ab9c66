"""``manage.py rules`` and ``manage.py scrub``."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from calls.models import Rule, Scrub, ScrubHit
from calls.services.scrubbing import newest_of, prefix_of

pytestmark = pytest.mark.django_db


def said(*arguments: Any) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def test_show_lists_what_is_in_force() -> None:
    lines = said("rules", "show").splitlines()
    assert len(lines) == 97
    florida = next(line for line in lines if line.startswith("hours.US-FL"))
    assert florida.split("  ")[-1] == "Fla. Stat. 501.616(6)"
    assert "windows Mon-Sun 08:00-20:00" in florida
    assert said("rules", "show", "--at", "1990-01-01") == "No rule is in force at 1990-01-01 00:00 UTC.\n"


def test_what_is_exported_does_not_differ(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(said("rules", "export"))
    assert said("rules", "diff", file) == "No differences.\n"
    assert said("rules", "diff") == "No differences.\n"


def test_diff_and_apply(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    text = said("rules", "export").replace("Mon-Sun 10:00-21:00", "Mon-Sun 10:00-20:00")
    file.write_text("".join(line for line in text.splitlines(keepends=True) if "key: recording.US-CA," not in line))
    out = StringIO()
    with pytest.raises(SystemExit) as code:
        call_command("rules", "diff", str(file), stdout=out)
    assert code.value.code == 1
    rows = [line.split()[:2] for line in out.getvalue().splitlines()[1:]]
    assert rows == [["other", "hours.US-KY"], ["own", "recording.US-CA"]]
    assert said("rules", "apply", file, "--from", "now", "--only", "hours.US-KY").endswith(
        "1 changed, 0 already so.\n"
    )
    assert Rule.objects.filter(key="hours.US-KY").count() == 2
    assert "No differences" not in out.getvalue()
    with pytest.raises(CommandError, match=r"rules\.yaml has no rule hours\.US-ZZ"):
        said("rules", "apply", file, "--from", "now", "--only", "hours.US-ZZ")


def test_nothing_is_applied_where_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(said("rules", "export").replace("Mon-Sun 10:00-21:00", "Mon-Sun 10:00-20:00"))
    with pytest.raises(CommandError, match="Nothing was changed"):
        said("rules", "apply", file, "--from", "2026-01-01")
    assert Rule.objects.count() == 96


def test_a_file_that_is_no_file_of_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [1]")
    with pytest.raises(CommandError, match="1 is no rule") as refused:
        said("rules", "diff", file)
    assert refused.value.returncode == 2


def scrub(tmp_path: Path, text: str, *arguments: str, as_of: str = "2026-11-01") -> str:
    file = tmp_path / "list.txt"
    file.write_text(text)
    return said("scrub", "import", file, "--as-of", as_of, *arguments)


def test_a_scrub_is_imported_once_and_covers_its_area_codes(tmp_path: Path) -> None:
    text = "303,5550142\n3035550143\n\n+13035550142\n+12125550100\n"
    assert (
        scrub(tmp_path, text, "--covers", "+1720")
        == "3 numbers of national as of 2026-11-01, which covers +1212, +1303, +1720.\n"
    )
    assert "was imported before" in scrub(tmp_path, text, "--covers", "+1720")
    assert (Scrub.objects.count(), ScrubHit.objects.count()) == (1, 3)
    first = datetime(2026, 11, 1, tzinfo=UTC)
    numbers = ("+13035550142", "+13035550199", "+17205550100", "+14155550100")
    found = newest_of(("national", number) for number in numbers)
    assert [(found["national", number].as_of, found["national", number].listed) for number in numbers] == [
        (first, True),
        (first, False),
        (first, False),
        (None, False),
    ]
    both = newest_of([("canada", "+13035550142"), ("national", "+13035550142")])
    assert [(name, one.as_of, one.listed) for (name, _), one in both.items()] == [
        ("canada", None, False),
        ("national", first, True),
    ]
    assert newest_of([]) == {}


def test_the_newest_scrub_counts(tmp_path: Path) -> None:
    scrub(tmp_path, "3035550142\n")
    scrub(tmp_path, "3035550143\n", as_of="2026-11-05")
    scrub(tmp_path, "3035550144\n", as_of="2026-10-05")
    found = newest_of(("national", number) for number in ("+13035550142", "+13035550143"))
    assert [one.listed for one in found.values()] == [False, True]


def test_beginnings_of_numbers() -> None:
    assert (prefix_of("+13035550142"), prefix_of("+442079460142")) == ("+1303", "+44")


@pytest.mark.parametrize(
    ("text", "arguments", "reason"),
    [
        ("", (), r"has no number: name the area codes that it covers with --covers"),
        ("hello\n3035550142\n12\n", (), r"Nothing was imported.\nLine 1: .*\nLine 3: "),
        ("3035550142\n", ("--list", "county"), r"No rule asks for a list 'county': there are canada, national"),
        ("3035550142\n", ("--covers", "303"), r"--covers '303' is no area code"),
        ("x\n" * 30, (), r"And 10 more\."),
    ],
)
def test_files_that_are_no_list(tmp_path: Path, text: str, arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        scrub(tmp_path, text, *arguments)
    assert not Scrub.objects.exists()


def test_a_list_of_tomorrow_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="which is in the future: correct --as-of"):
        scrub(tmp_path, "3035550142\n", as_of=f"{timezone.now() + timedelta(days=2):%Y-%m-%d}")
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        said("scrub", "import", tmp_path / "none", "--as-of", "2026-11-01")
    with pytest.raises(CommandError, match="is no day: write it as"):
        said("scrub", "import", tmp_path / "none", "--as-of", "yesterday")
    (tmp_path / "latin").write_bytes(b"\xff\xfe3\x00")
    with pytest.raises(CommandError, match="is not UTF-8 text"):
        said("scrub", "import", tmp_path / "latin", "--as-of", "2026-11-01")
