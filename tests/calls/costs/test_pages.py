"""The pages, and the same figures as files: who may see them, what they show, what they say to nonsense."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import AsyncClient, Client
from django.utils.html import escape

from agents.domain.types import Disposition
from billing.models import Alert, Balance, Budget, CallCost, LedgerEntry, Review
from calls.models import Call, Campaign
from calls.services import costs
from calls.services.moving import note
from calls.services.uplift import uplift_since
from tests.calls import factories as make
from tests.calls.costs import world
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
PAGE = "/admin/calls/costdaily/"
BUDGETS = f"{PAGE}budgets/"
ADDRESSES = (PAGE, f"{PAGE}export/csv", f"{PAGE}export/json")
BUDGET_ADDRESSES = (BUDGETS, f"{BUDGETS}export/csv", f"{BUDGETS}export/json")
COLUMNS = [
    *("value", "name", "dials", "conversations", "qualified", "appointments", "seconds", "cost"),
    *("cost_per_dial", "cost_per_conversation", "cost_per_qualified", "cost_per_appointment", "currency"),
]


@pytest.fixture
def campaign() -> Campaign:
    """An appointment, a voicemail and a call that nobody answered: 0.05698 USD in all."""
    made = make.campaign(name="Autumn sellers")
    for disposition in (Disposition.APPOINTMENT, Disposition.VOICEMAIL, Disposition.NO_ANSWER):
        world.finished(made, disposition)
    return made


def text_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def table(response: Any) -> list[list[str]]:
    return [[line.label, *line.cells] for line in response.context["lines"]]


def test_a_manager_finds_costs_on_the_first_page(as_manager: Client) -> None:
    assert f'href="{PAGE}"' in as_manager.get("/admin/").content.decode()
    assert as_manager.get(PAGE).status_code == 200


@pytest.mark.parametrize("address", [*ADDRESSES, *BUDGET_ADDRESSES])
def test_nobody_else_sees_them(client: Client, address: str) -> None:
    assert client.get(address).status_code == 302
    clerk = User.objects.create_user("carl", password="x", is_staff=True)
    client.force_login(clerk)
    assert client.get(address).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()
    clerk.user_permissions.add(Permission.objects.get(codename="view_costdaily"))
    assert client.get(address).status_code == (403 if address in BUDGET_ADDRESSES else 200)


def test_without_calls_a_sentence_says_what_to_do(as_manager: Client) -> None:
    page = as_manager.get(PAGE).content.decode()
    assert "No call ended on these days." in page
    assert "trend-title" not in page
    assert "No budget held money on these days." in as_manager.get(BUDGETS).content.decode()
    assert text_of(as_manager.get(f"{PAGE}export/csv")) == ",".join(COLUMNS) + "\r\n"
    assert json.loads(text_of(as_manager.get(f"{BUDGETS}export/json"))) == []


@pytest.mark.parametrize("fold", [False, True])
def test_the_page_shows_what_calls_cost_and_brought(as_manager: Client, campaign: Campaign, fold: bool) -> None:
    if fold:
        costs.fold()
    response = as_manager.get(PAGE)
    figures = ["$0.0570", "3", "1", "1", "1", "0:02:00", "$0.0190", "$0.0570", "$0.0570", "$0.0570"]
    assert table(response) == [["Autumn sellers", *figures]]
    assert [value for _, value in response.context["figures"]] == figures
    assert len(response.context["chart"].bars) == 30
    assert response.context["chart"].bars[-1].title == "2026-11-10: $0.0570, 3 dials"
    page = response.content.decode()
    assert 'role="img"' in page
    assert page.count('class="bar"') == 30
    assert "A forecast needs four whole days of calls." in page


def test_what_is_chosen_stays_chosen(as_manager: Client, campaign: Campaign) -> None:
    world.finished(make.campaign())
    query: dict[str, Any] = {"campaign": campaign.pk, "by": "hour", "since": "2026-11-10", "until": "2026-11-10"}
    response = as_manager.get(PAGE, query)
    assert [row[0] for row in table(response)] == ["12:00 to 12:59"]
    assert response.context["total"].cells[1] == "3"
    page = response.content.decode()
    for chosen in (f'value="{campaign.pk}" selected', 'value="hour" selected', 'value="2026-11-10"'):
        assert chosen in page
    assert f"campaign={campaign.pk}&amp;by=hour" in page


def test_a_forecast_is_told_after_four_days(as_manager: Client) -> None:
    campaign = make.campaign()
    for days in range(4):
        world.finished(campaign, Disposition.VOICEMAIL, at=NOON_IN_DENVER - timedelta(days=days + 1))
    page = " ".join(as_manager.get(PAGE).content.decode().split())
    # The 10th is a Tuesday: one day of the week is over, and four days of calls were alike.
    assert "This week: $0.0285 so far, <b>$0.20</b> expected by Sunday, November 15 ($0.20 to $0.20" in page
    assert "This month: $0.11 so far, <b>$0.71</b> expected by Monday, November 30" in page


def test_long_lists_are_paged_and_files_are_whole(as_manager: Client) -> None:
    for number in range(120):
        world.event(number, caller_id=f"+1303555{number:04}", cost=Decimal(number))
    pages = [as_manager.get(PAGE, {"by": "caller_id", "page": page}) for page in (1, 2, 3, "x", 99)]
    assert [len(response.context["lines"]) for response in pages] == [50, 50, 20, 50, 20]
    assert table(pages[0])[0][:2] == ["+1 303-555-0119", "$119.00"]
    assert {response.context["total"].cells[0] for response in pages} == {"$7,140.00"}
    assert "by=caller_id&amp;currency=USD&amp;page=2" in pages[0].content.decode()
    rows = list(csv.reader(io.StringIO(text_of(as_manager.get(f"{PAGE}export/csv", {"by": "caller_id"})))))
    assert len(rows) == 121
    assert rows[1][:2] == ["'+13035550119", "'+1 303-555-0119"]


@pytest.mark.parametrize("by", ["campaign", "list", "hour", "caller_id", "script", "voice", "tier"])
def test_files_say_what_the_page_says(as_manager: Client, campaign: Campaign, by: str) -> None:
    page = as_manager.get(PAGE, {"by": by})
    as_csv = text_of(as_manager.get(f"{PAGE}export/csv", {"by": by}))
    as_json = json.loads(text_of(as_manager.get(f"{PAGE}export/json", {"by": by})))
    header, *rows = csv.reader(io.StringIO(as_csv))
    assert header == COLUMNS
    assert [row[1].removeprefix("'") for row in rows] == [row[0] for row in table(page)]
    assert [row[2:] for row in rows] == [
        ["3", "1", "1", "1", "120", "0.056980", "0.018993", "0.056980", "0.056980", "0.056980", "USD"]
    ]
    figures = {name: int(value) for name, value in zip(COLUMNS[2:7], rows[0][2:7], strict=True)}
    amounts = dict(zip(COLUMNS[7:12], rows[0][7:12], strict=True))
    assert as_json == {
        "since": "2026-10-12",
        "until": "2026-11-10",
        "campaign": None,
        "by": by,
        "currency": "USD",
        "total": {**figures, **amounts},
        "values": [{"value": rows[0][0].removeprefix("'"), "name": table(page)[0][0], **figures, **amounts}],
        "days": [{"day": "2026-11-10", **figures, **amounts}],
    }


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_command_writes_the_same_file(as_manager: Client, campaign: Campaign, kind: str) -> None:
    out = io.StringIO()
    options = ["--from", "2026-11-01", "--to", "2026-11-10", "--by", "tier", "--campaign", "Autumn sellers"]
    call_command("export_costs", *options, "--format", kind, stdout=out)
    query: dict[str, Any] = {"since": "2026-11-01", "until": "2026-11-10", "by": "tier", "campaign": campaign.pk}
    assert out.getvalue().strip() == text_of(as_manager.get(f"{PAGE}export/{kind}", query)).strip()
    assert "0.056980" in out.getvalue()


@pytest.mark.django_db(transaction=True)
async def test_files_stream_under_asgi(async_client: AsyncClient, campaign: Campaign) -> None:
    owner = await User.objects.acreate_superuser("olga", password="x")
    await async_client.aforce_login(owner)
    response: Any = await async_client.get(f"{PAGE}export/csv")
    assert response.is_async
    text = b"".join([part async for part in response.streaming_content]).decode()
    assert [line.split(",")[0] for line in text.splitlines()] == ["value", str(campaign.pk)]
    await sync_to_async(connections.close_all)()  # that of the view's thread


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["csv", "json"])
async def test_the_budgets_are_read_from_the_database_while_they_are_sent_under_asgi(
    async_client: AsyncClient, campaign: Campaign, kind: str
) -> None:
    owner = await User.objects.acreate_superuser("olga", password="x")
    await async_client.aforce_login(owner)
    response: Any = await async_client.get(f"{BUDGETS}export/{kind}", {"since": "2026-11-01", "until": "2026-11-30"})
    assert response.is_async
    text = b"".join([part async for part in response.streaming_content]).decode()
    rows = json.loads(text) if kind == "json" else list(csv.DictReader(io.StringIO(text)))
    assert [row["period"] for row in rows] == ["total", "month", "week", "day"]
    await sync_to_async(connections.close_all)()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "yesterday"}, "The first day is 'yesterday': write a date as 2026-03-04."),
        ({"until": "2026-02-30"}, "The last day is '2026-02-30': write a date as 2026-03-04."),
        ({"until": "0001-01-01"}, "The last day is 0001-01-01: choose one from 2000-01-01 to 2199-12-31."),
        (
            {"since": "2026-11-11", "until": "2026-11-10"},
            "The first day, 2026-11-11, lies after the last, 2026-11-10: change one of them.",
        ),
        ({"since": "2020-01-01"}, "These are 2,506 days: choose at most 731."),
        ({"by": "colour"}, "Costs are not told apart by 'colour': choose one of campaign, list, hour, "),
        ({"campaign": "99999"}, "There is no campaign '99999': choose another."),
        ({"campaign": "\0"}, "There is no campaign '\\x00': choose another."),
        ({"campaign": "9" * 40}, "There is no campaign '9999"),
        ({"currency": "EUR"}, "No call was priced in 'EUR': choose one of USD."),
    ],
)
def test_nonsense_is_answered_with_a_sentence(as_manager: Client, query: dict[str, str], sentence: str) -> None:
    response = as_manager.get(PAGE, query)
    assert response.status_code == 400
    assert response.context["wrong"].startswith(sentence)
    assert 'class="errornote"' in response.content.decode()
    exported = as_manager.get(f"{PAGE}export/csv", query)
    assert (exported.status_code, exported.content.decode()) == (400, response.context["wrong"])
    flags = {"since": "--from", "until": "--to", "by": "--by", "campaign": "--campaign", "currency": "--currency"}
    with pytest.raises(CommandError) as error:
        call_command("export_costs", *[f"{flags[name]}={value}" for name, value in query.items()])
    assert str(error.value) == response.context["wrong"]


def test_other_files_there_are_none(as_manager: Client) -> None:
    for address in (f"{PAGE}export/xlsx", f"{BUDGETS}export/xlsx"):
        response = as_manager.get(address)
        assert response.status_code == 400
        assert "exported as 'xlsx': choose csv or json." in response.content.decode()


def test_names_that_a_spreadsheet_would_run_are_text(as_manager: Client) -> None:
    campaign = make.campaign(name='=HYPERLINK("http://example.com")')
    world.event(1, campaign=campaign.pk, cost=Decimal("-0.5"))
    rows = list(csv.reader(io.StringIO(text_of(as_manager.get(f"{PAGE}export/csv")))))
    assert rows[1][1] == '\'=HYPERLINK("http://example.com")'
    assert rows[1][7] == "-0.500000"
    page = as_manager.get(PAGE).content.decode()
    assert "=HYPERLINK(&quot;http://example.com&quot;)" in page


def test_a_name_is_no_markup(as_manager: Client) -> None:
    world.event(1, script="<b>v1</b>", voice="/srv/voices/amy.onnx")
    assert "<b>v1</b>" not in as_manager.get(PAGE, {"by": "script"}).content.decode()
    assert table(as_manager.get(PAGE, {"by": "voice"}))[0][0] == "amy.onnx"


def test_what_is_not_known_or_was_deleted_has_a_name(as_manager: Client) -> None:
    campaign = make.campaign()
    source = world.list_of(campaign, name="spring.csv")
    for number, list_id in enumerate((source.pk, None, 9_999)):
        world.event(number, campaign=9_998, lead_list=list_id, hour=None, caller_id="", cost=Decimal(3 - number))
    assert [row[0] for row in table(as_manager.get(PAGE))] == ["campaign 9998, deleted"]
    names = [row[0] for row in table(as_manager.get(PAGE, {"by": "list"}))]
    assert names == [f"spring.csv ({source.created_at:%Y-%m-%d})", "not from a file", "list 9999, deleted"]
    for by in ("hour", "caller_id"):
        assert [row[0] for row in table(as_manager.get(PAGE, {"by": by}))] == ["not known"]


def test_what_premium_brings_is_told_on_request(as_manager: Client) -> None:
    campaign = make.campaign()
    for held_out in (False, True):
        world.finished(campaign, Disposition.QUALIFIED, premium_chosen=True, held_out=held_out)
    assert "uplift=1#uplift-title" in as_manager.get(PAGE).content.decode()
    for query in ({}, {"campaign": campaign.pk}):
        response = as_manager.get(PAGE, {**query, "uplift": 1})
        expected = uplift_since(NOON_IN_DENVER - timedelta(days=29), campaign=campaign).sentence
        assert response.context["uplift"] == expected
        assert escape(expected) in response.content.decode()


def test_currencies_are_chosen_where_there_are_two(as_manager: Client) -> None:
    world.event(1, currency="EUR", cost=Decimal(3))
    response = as_manager.get(PAGE)
    assert response.context["form"]["currencies"] == []
    assert response.context["total"].cells[0] == "3.00 EUR"
    world.event(2, cost=Decimal(5))
    assert as_manager.get(PAGE).context["total"].cells[0] == "$5.00"
    assert as_manager.get(PAGE, {"currency": "EUR"}).context["total"].cells[0] == "3.00 EUR"
    assert "<option selected>EUR</option>" in as_manager.get(PAGE, {"currency": "EUR"}).content.decode()


# Budgets


def test_budgets_are_shown_with_what_their_ledger_says(as_manager: Client) -> None:
    campaign = make.campaign(budget=make.budget(limit="2", name="Autumn"))
    call = world.finished(campaign, Disposition.QUALIFIED)
    live = make.call(make.lead(campaign))
    note(live.pk, "call.canceled_budget_stopped", at=NOON_IN_DENVER)
    Call.objects.filter(pk=live.pk).update(status="canceled")
    budget = campaign.budget
    LedgerEntry.objects.create(
        budget=budget,
        reference=call.pk,
        kind="correction",
        cause="carrier",
        amount=Decimal("-0.00849"),
        at=NOON_IN_DENVER,
        booked_at=NOON_IN_DENVER,
    )
    Balance.objects.filter(budget=budget).update(spent=Decimal("0.02"))
    CallCost.objects.filter(reference=call.pk).update(excess=Decimal("0.5"))
    Review.objects.create(kind="excess", reference=call.pk, key="k", text="t", opened_at=NOON_IN_DENVER)
    total = Balance.objects.get(budget=budget, period="total")
    Alert.objects.create(
        budget=budget,
        balance=total,
        crossing="c",
        kind="share",
        level="info",
        text="t",
        value=1,
        threshold=1,
        at=NOON_IN_DENVER,
    )
    make.call()  # another budget's
    response = as_manager.get(BUDGETS)
    rows = [row for row in response.context["rows"] if row["label"] == "Autumn"]
    assert [(row["period"], row["begins"], row["kept"]) for row in rows] == [
        ("total", "-", True),
        ("month", "2026-11-01", True),
        ("week", "2026-11-09", True),
        ("day", "2026-11-10", True),
    ]
    held = f"${WORST_CASE:.2f}"
    same = ["1", "1", "-$0.0085", "$0.50"]
    assert rows[0]["cells"] == ["$2.00", "$0.0200", held, "1.0%", *same, "1"]
    assert [row["cells"] for row in rows[1:]] == [["-", "$0.0200", held, "-", *same, "0"]] * 3
    assert len(response.context["rows"]) == 8
    page = response.content.decode()
    budget = Budget.objects.get(name="Autumn")
    assert page.count(f'<a href="/admin/billing/budget/{budget.pk}/change/">Autumn</a>') == 4
    assert "Never over: in all 8 of these balances, spent and held lie within the limit." in page
    assert "Check every balance" in page

    header, *lines = csv.reader(io.StringIO(text_of(as_manager.get(f"{BUDGETS}export/csv", {"period": "total"}))))
    record = dict(zip(header, lines[0], strict=True))
    assert record["budget"] == "Autumn"
    assert (record["limit"], record["spent"], record["held"]) == ("2.000000", "0.020000", "0.129690")
    assert (record["share"], record["calls"], record["stopped"]) == ("0.010000", "1", "1")
    assert (record["corrections"], record["excess"], record["kept"]) == ("-0.008490", "0.500000", "True")
    records = json.loads(text_of(as_manager.get(f"{BUDGETS}export/json")))
    assert [one["budget"] for one in records].count("Autumn") == 4
    assert records[0]["since"] is None
    assert {str(value) if value is not None else "" for value in records[0].values()} == set(lines[0])


def test_the_ledger_is_checked_on_request(as_manager: Client, campaign: Campaign) -> None:
    assert (
        "Checked: every balance is the sum of its ledger entries."
        in as_manager.get(BUDGETS, {"check": 1}).content.decode()
    )
    Balance.objects.filter(period="total").update(spent=Decimal("0.056981"))
    page = as_manager.get(BUDGETS, {"check": 1}).content.decode()
    assert "1 balance differs from the ledger" in page
    assert "difference 0.000001 USD" in page


def test_periods_begin_in_the_budgets_zone_and_those_of_the_days_are_shown(as_manager: Client) -> None:
    campaign = make.campaign()
    campaign.budget.zone = "Pacific/Auckland"
    campaign.budget.save()
    world.finished(campaign)
    # 19:00 UTC of the 10th is the 11th in Auckland, whose day began at 11:00 UTC.
    query = {"since": "2026-11-10", "until": "2026-11-10", "period": "day"}
    assert [row["begins"] for row in as_manager.get(BUDGETS, query).context["rows"]] == ["2026-11-11"]
    later = {**query, "since": "2026-11-12", "until": "2026-11-12"}
    assert "No budget held money on these days." in as_manager.get(BUDGETS, later).content.decode()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"period": "year"}, "There is no period 'year': choose one of total, day, week, month."),
        ({"since": "x"}, "The first day is 'x': write a date as 2026-03-04."),
    ],
)
def test_nonsense_about_budgets_is_answered_too(as_manager: Client, query: dict[str, str], sentence: str) -> None:
    response = as_manager.get(BUDGETS, query)
    assert (response.status_code, response.context["wrong"]) == (400, sentence)
    exported = as_manager.get(f"{BUDGETS}export/json", query)
    assert (exported.status_code, exported.content.decode()) == (400, sentence)


def test_many_budgets_are_paged_and_exported_whole(as_manager: Client) -> None:
    for number in range(60):
        make.call(make.lead(make.campaign(budget=make.budget(name=f"{number:03}"))))
    response = as_manager.get(BUDGETS, {"page": 5})
    assert len(response.context["rows"]) == 40
    records = json.loads(text_of(as_manager.get(f"{BUDGETS}export/json")))
    assert len(records) == 240
    assert [one["budget"] for one in records[::4]] == [f"{number:03}" for number in range(60)]
