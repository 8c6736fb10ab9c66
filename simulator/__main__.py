"""``python -m simulator``: run the phone company as a process."""

import argparse
import asyncio
import socket
from pathlib import Path

from simulator.domain.people import People, PeopleError, load
from simulator.faults import FaultsError, Switches
from simulator.faults import load as load_faults
from simulator.serving import listen, log_to, serve


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port; the address is printed")
    parser.add_argument("--people", type=Path, required=True, help="YAML file of people")
    parser.add_argument("--account-sid", required=True)
    parser.add_argument("--auth-token", required=True)
    parser.add_argument("--cps", type=float, default=1.0, help="calls per second before the answer is 429")
    parser.add_argument("--caller-id", action="append", default=[], help="a verified number; without any, all are")
    parser.add_argument("--faults", type=Path, help="YAML file of faults")
    parser.add_argument("--log", type=Path, help="JSON lines of what happens; standard error without it")
    parser.add_argument("--tapes", type=Path, help="folder for a recording of each call: heard left, said right")
    parser.add_argument("--load-mode", action="store_true", help="no recognition, canned lines, any number answers")
    return parser


def main() -> None:
    parser = _arguments()
    options = parser.parse_args()
    try:
        people = load(options.people)
        switches = load_faults(options.faults) if options.faults else Switches()
        _check_voices(people)
    except (PeopleError, FaultsError) as error:
        parser.error(str(error))
    log_to(options.log)
    asyncio.run(_serve(options, people, switches, listen(options.host, options.port)))


def _check_voices(people: People) -> None:
    from simulator.speech import missing_voice

    for person in people.people:
        if problem := missing_voice(person.voice):
            raise PeopleError(f"people → {person.id} → voice: {problem}")


async def _serve(options: argparse.Namespace, people: People, switches: Switches, listener: socket.socket) -> None:
    from simulator.exchange import Account, Exchange
    from simulator.rest import create_app
    from simulator.speech import ModelSpeech

    account = Account(options.account_sid, options.auth_token, options.cps, frozenset(options.caller_id))
    speech = ModelSpeech(understands=not options.load_mode)
    exchange = Exchange(account, people, speech, switches=switches, load_mode=options.load_mode, tapes=options.tapes)
    await serve(create_app(exchange), listener, name="simulator")


if __name__ == "__main__":
    main()
