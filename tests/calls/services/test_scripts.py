"""A campaign's script: every edit a version, every call with the one that it was queued with."""

from datetime import timedelta

import pytest
import yaml
from django.contrib.auth.models import User
from django.db.models import ProtectedError
from structlog.testing import capture_logs

from agents.domain.script import DEFAULT_SCRIPT, VERSION
from agents.script_document import ScriptError, document_of, read, written
from calls.domain.status import CallStatus
from calls.models import Call, Campaign, Script
from calls.services import scripts
from calls.services.briefing import brief_of
from calls.services.dispatching import dispatch
from calls.services.scripts import ScriptConflict, ScriptInUse
from calls.services.talking import Person, invitation_of
from calls.services.terms import terms_for
from tests.calls import factories as make
from voice.browser.invitations import _INVITATION

NOW = make.NOON_IN_DENVER
LATER = NOW + timedelta(hours=1)
pytestmark = pytest.mark.django_db
BUILT_IN = written(DEFAULT_SCRIPT)


def text(bad_time: str = "I see you are busy.") -> str:
    lines = {"bad_time": bad_time, "has_agent": "Goodbye."}
    return yaml.safe_dump({**document_of(DEFAULT_SCRIPT), "lines": lines})


def saved(name: str = "Sellers", says: str = "I see you are busy.", *, based_on: int = 0) -> Script:
    return scripts.save(name, text(says), based_on=based_on, by=None, now=NOW)


class TestSaving:
    def test_a_new_name_is_version_one_in_canonical_form(self) -> None:
        mia = User.objects.create_user("mia")
        made = scripts.save("Sellers", text(), based_on=0, by=mia, now=NOW, note="First words")

        row = Script.objects.get()
        assert row == made
        assert (row.name, row.number, row.note, row.created_at, row.created_by) == (
            "Sellers",
            1,
            "First words",
            NOW,
            mia,
        )
        assert row.body == written(read(text()))
        assert row.digest == read(text()).version
        assert str(row) == "Sellers, version 1"

    def test_an_edit_is_the_next_version_and_campaigns_go_over_to_it(self) -> None:
        first, other = saved(), saved("Buyers")
        campaigns = [make.campaign(script=script) for script in (first, other, None)]
        second = saved(says="Sorry to disturb you.", based_on=1)

        assert (second.number, second.name) == (2, "Sellers")
        assert [Campaign.objects.get(pk=one.pk).script for one in campaigns] == [second, other, None]
        first.refresh_from_db()
        assert "I see you are busy." in first.body
        assert set(Script.objects.newest()) == {second, other}

    def test_the_same_content_makes_no_version(self) -> None:
        first = saved()
        assert scripts.save("Sellers", first.body + "\n# seen\n", based_on=1, by=None, now=LATER) == first
        assert Script.objects.count() == 1

    def test_what_is_wrong_is_refused_and_nothing_changes(self) -> None:
        campaign = make.campaign(script=saved())
        with pytest.raises(ScriptError, match=r"lines\.bad_time: \{x\} is not known"):
            saved(says="Hello {x}", based_on=1)
        campaign.refresh_from_db()
        assert (Script.objects.count(), campaign.script and campaign.script.number) == (1, 1)

    def test_a_name_that_is_taken_and_a_version_that_is_not_the_newest_are_told(self) -> None:
        saved()
        with pytest.raises(ScriptConflict, match="There is a script 'Sellers' already: choose another name"):
            saved(says="Hello.")
        saved(says="Two.", based_on=1)
        with pytest.raises(ScriptConflict, match="Version 2 was saved while you edited version 1: copy your changes"):
            saved(says="Three.", based_on=1)
        assert [row.number for row in Script.objects.all()] == [2, 1]


class TestCalls:
    def test_a_call_keeps_the_script_that_it_was_queued_with(self, lines: object) -> None:
        first = saved()
        lead = make.lead(make.campaign(script=first))
        assert dispatch(now=NOW) == 1
        saved(says="Sorry to disturb you.", based_on=1)

        call = Call.objects.get()
        assert (call.lead, call.script) == (lead, first)
        assert call.script_version == f"{VERSION}+{first.digest}"
        assert brief_of(call, (), now=NOW).script.lines.bad_time == "I see you are busy."
        assert brief_of(call, (), now=NOW).script.version == first.digest

    def test_without_one_the_built_in_script_speaks(self) -> None:
        lead = make.lead()
        found = terms_for(lead, lead.campaign, now=NOW)
        assert (found.script_id, found.script_version) == (None, VERSION)
        call = make.call(lead, CallStatus.QUEUED)
        assert brief_of(call, (), now=NOW).script is DEFAULT_SCRIPT

    def test_one_that_cannot_be_read_any_more_leaves_the_call_with_the_built_in_script(self) -> None:
        script = saved()
        Script.objects.filter(pk=script.pk).update(body="format: 0")
        script.refresh_from_db()
        with capture_logs() as logs:
            assert scripts.spoken(script) is DEFAULT_SCRIPT
        assert [(log["event"], log["script_id"]) for log in logs] == [("script.unreadable", script.pk)]

    def test_a_test_call_speaks_by_it_over_the_way_to_the_worker(self) -> None:
        campaign = make.campaign(script=saved())
        invitation = invitation_of(campaign, Person("Maria", "", "sell", "America/Denver"), now=NOW)
        assert _INVITATION.validate_json(_INVITATION.dump_json(invitation)) == invitation
        assert invitation.brief.script.lines.bad_time == "I see you are busy."


class TestDeleting:
    def test_what_a_campaign_or_a_call_needs_stays(self) -> None:
        script = saved()
        campaign = make.campaign(script=script)
        make.call(make.lead(campaign), CallStatus.DONE, script=script)
        with pytest.raises(ScriptInUse, match=rf"Campaign '{campaign.name}' speaks by it"):
            scripts.delete(script.pk)
        Campaign.objects.update(script=None)
        with pytest.raises(ScriptInUse, match="Calls were held by it"):
            scripts.delete(script.pk)
        with pytest.raises(ProtectedError):
            script.delete()
        assert Script.objects.count() == 1

    def test_what_nobody_needs_goes(self) -> None:
        scripts.delete(saved().pk)
        assert not Script.objects.exists()
