"""``python -m reautomation.demo [--keep]``: exits 0 only if every call came to what its person was scripted for."""

import argparse
import fcntl
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VAR = ROOT / "var" / "demo"
ACCOUNT_SID = f"AC{'d' * 32}"
LINES = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep serving after the summary, until Ctrl-C")
    keep: bool = parser.parse_args().keep

    os.environ["ENV_FILE"] = os.devnull  # the demo has an environment of its own, whatever .env says
    from reautomation import env
    from reautomation.embedded import EmbeddedError
    from reautomation.processes import StartError, Stopped, free_port, listening, stop_on_signals

    stop_on_signals()
    try:
        with _only_demo():
            auth_token = secrets.token_hex(16)
            web_port = env.read().web_port
            if listening("127.0.0.1", web_port)():
                web_port = free_port()
            carrier_port = free_port()
            _set_environment(auth_token, web_port, carrier_port)
            from reautomation.demo import stage

            return stage.run(VAR, auth_token, web_port, carrier_port, keep=keep)
    except (env.BadEnvironment, EmbeddedError, StartError) as error:
        print(error, file=sys.stderr)
        return 2
    except Stopped:
        print("\nStopped.", file=sys.stderr)
        return 130


@contextmanager
def _only_demo() -> Iterator[None]:
    """Every demo starts from nothing, so there can be one at a time in a checkout."""
    from reautomation.processes import StartError

    VAR.mkdir(parents=True, exist_ok=True)
    with (VAR.parent / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError("A demo of this checkout is running already: stop it first (Ctrl-C there).") from None
        with (VAR / "users.lock").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)  # the last demo's servers may still be stopping
        shutil.rmtree(VAR)
        VAR.mkdir()
        yield


def _set_environment(auth_token: str, web_port: int, carrier_port: int) -> None:
    """The demo's own environment: embedded servers and the simulated carrier, whatever ``.env`` says."""
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "VOICE_MEDIA_URL",
        "VOICE_MEDIA_PORT",
        "TWILIO_FROM_NUMBER",
    ):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="reautomation.settings",
        VAR_DIR=str(VAR),
        WEB_HOST="127.0.0.1",
        WEB_PORT=str(web_port),
        PUBLIC_URL=f"http://127.0.0.1:{web_port}",
        VOICE_LINES=str(LINES),
        TWILIO_ACCOUNT_SID=ACCOUNT_SID,
        TWILIO_AUTH_TOKEN=auth_token,
        TWILIO_API_URL=f"http://127.0.0.1:{carrier_port}",
    )


if __name__ == "__main__":
    sys.exit(main())
