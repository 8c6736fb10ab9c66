"""``python -m simulator.elevenlabs``: run the speech provider as a process."""

import argparse
import asyncio
import socket
from pathlib import Path

from simulator.elevenlabs.faults import Switches
from simulator.faults import FaultsError, read
from simulator.serving import listen, log_to, serve
from simulator.speech import Voice, missing_voice


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator.elevenlabs", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port; the address is printed")
    parser.add_argument("--api-key", required=True)
    parser.add_argument(
        "--voice", action="append", required=True, metavar="ID[=NAME]", help="a voice id, spoken by a hibari voice"
    )
    parser.add_argument("--concurrency", type=int, default=10, help="requests at once before the answer is 429")
    parser.add_argument("--credits", type=int, help="before the quota is exceeded; without it, they never run out")
    parser.add_argument("--tone", action="store_true", help="a tone in place of a voice: no model is loaded")
    parser.add_argument("--faults", type=Path, help="YAML file of faults")
    parser.add_argument("--log", type=Path, help="JSON lines of what happens; standard error without it")
    return parser


def main() -> None:
    parser = _arguments()
    options = parser.parse_args()
    voices = _voices(options.voice)
    for name in {voice.name for voice in voices.values()} if not options.tone else ():
        if problem := missing_voice(name):
            parser.error(f"--voice: {problem}")
    try:
        switches = read(options.faults, Switches) if options.faults else Switches()
    except FaultsError as error:
        parser.error(str(error))
    log_to(options.log)
    asyncio.run(_serve(options, voices, switches, listen(options.host, options.port)))


def _voices(given: list[str]) -> dict[str, Voice]:
    """``ID`` or ``ID=NAME``, by id."""
    pairs = (one.partition("=") for one in given)
    return {voice_id: Voice(name or Voice().name) for voice_id, _, name in pairs}


async def _serve(
    options: argparse.Namespace, voices: dict[str, Voice], switches: Switches, listener: socket.socket
) -> None:
    from simulator.elevenlabs.api import create_app
    from simulator.elevenlabs.studio import Account, SteadySpeech, Studio, ToneSpeech

    account = Account(options.api_key, options.concurrency, options.credits)
    speech = ToneSpeech() if options.tone else SteadySpeech()
    studio = Studio(account, voices, speech, switches)
    await serve(create_app(studio), listener, name="simulator.elevenlabs")


if __name__ == "__main__":
    main()
