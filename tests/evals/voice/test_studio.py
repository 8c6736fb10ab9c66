"""One call by voice, all of it real: somebody says stop at a noisy place, and the records show it."""

import pytest
from django.conf import LazySettings

from calls.models import Appointment, Suppression
from evals.crew import settle
from evals.person import load
from evals.voice.people import Role, Surroundings
from evals.voice.studio import studio

pytestmark = [pytest.mark.whole_call, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
PERSON = "opts_out_over_the_opening"


def test_an_opt_out_in_noise(settings: LazySettings) -> None:
    settle(settings)
    person = next(one for one in load() if one.id == PERSON)
    role = Role(person, seed=2, number=142, room="pink")
    with studio([role], Surroundings(20.0), lines=1) as here:
        came = here.call(role)
    assert came.run.failures == ()
    assert (came.run.opted_out, came.run.wanted_out, came.run.disposition) == (True, True, "do_not_call")
    *_, said = [one.text for one in came.talk if one.who == "lead"]  # a "Hello?" before it, where nothing cut it off
    assert said in person.lines[0].says
    assert came.text("agent").startswith("Hi Maria")
    assert came.text("heard")
    assert Suppression.objects.get().phone.endswith("0142")
    assert Appointment.objects.count() == 1  # that of somebody else
