"""``python -m reautomation.voices``: this machine's voice workers, one for every two cores or as many as are named.

TERM drains them: no new call is taken, and each ends with its last one.
"""

import os
import signal
import sys
from dataclasses import replace

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")

from reautomation import roles
from reautomation.env import BadEnvironment
from reautomation.processes import StartError, Stopped, Supervisor, stop_on_signals

_PAST_LONGEST_CALL_S = 45  # its last words, its recording and its report


def main() -> int:
    """Serve until TERM or Ctrl-C; 2 with one sentence when it cannot start."""
    stop_on_signals()
    try:
        return _serve()
    except (BadEnvironment, StartError) as error:
        print(error, file=sys.stderr)
        return 2
    except Stopped:
        return 0


def _serve() -> int:
    from django.conf import settings

    environment = settings.ENV
    stop_s = environment.voice_max_call_s + _PAST_LONGEST_CALL_S
    with Supervisor(None, keeps_up=True) as supervisor:
        for process in roles.voices(environment, supervisor.log_of, queues=settings.VOICE_QUEUES, stop_s=stop_s):
            supervisor.start(replace(process, ready=None))  # there is no log that could tell
        supervisor.wait_until_ready()
        while True:
            supervisor.check()
            signal.sigtimedwait({signal.SIGUSR1}, 1)


if __name__ == "__main__":
    sys.exit(main())
