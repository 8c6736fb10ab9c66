"""``make run``: everything on one machine, on the embedded services unless the environment names others."""

import os
import signal
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")

from reautomation import embedded, roles
from reautomation.env import BadEnvironment, Environment
from reautomation.processes import StartError, Stopped, Supervisor, require_port, stop_on_signals


def main() -> int:
    """Serve until Ctrl-C or TERM; 2 with one sentence when it cannot start."""
    stop_on_signals()
    try:
        return _serve()
    except (BadEnvironment, embedded.EmbeddedError, StartError) as error:
        print(error, file=sys.stderr)
        return 2
    except Stopped:
        return 0


def _serve() -> int:
    import django
    from django.conf import settings
    from django.core.management import call_command

    environment = settings.ENV
    require_port(environment.web_host, environment.web_port, "WEB_PORT")
    require_port("127.0.0.1", environment.flower_port, "FLOWER_PORT")
    if settings.USES_EMBEDDED:
        embedded.join(settings.EMBEDDED)
    django.setup()
    call_command("migrate", verbosity=0)
    with Supervisor(settings.VAR_DIR / "log", keeps_up=True) as supervisor:
        supervisor.start(roles.web(environment.web_host, environment.web_port, {}))
        supervisor.start(roles.worker(supervisor.log_of("worker"), {}))
        for process in roles.voices(environment, supervisor.log_of, queues=settings.VOICE_QUEUES):
            supervisor.start(process)
        supervisor.start(roles.beat(supervisor.log_of("beat"), {}))
        supervisor.start(roles.flower(environment.flower_port, {}))
        supervisor.wait_until_ready()
        _greet(environment, carrier=bool(settings.TWILIO_ACCOUNT_SID))
        while True:
            supervisor.check()
            signal.sigtimedwait({signal.SIGUSR1}, 1)


def _greet(environment: Environment, *, carrier: bool) -> None:
    from django.contrib.auth import get_user_model

    print(f"Admin:   http://{environment.web_host}:{environment.web_port}/admin/")
    print(f"Flower:  http://127.0.0.1:{environment.flower_port}/")
    if not get_user_model().objects.exists():
        print("There is no user yet: .venv/bin/python manage.py createsuperuser")
    if not carrier:
        print("No carrier is configured, so calls will fail: set TWILIO_ACCOUNT_SID and its kin, see .env.example.")
    print("Ctrl-C stops everything.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
