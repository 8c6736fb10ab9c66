"""What a process of the crew does with a task; its house is built on the first one."""

from functools import cache

from evals.house import House, build
from evals.injections import Attempt, attempt
from evals.noise import Noise
from evals.person import load
from evals.running import Run, run


def call(task: tuple[str, int]) -> Run:
    """One call of the person and seed."""
    name, seed = task
    person = next(person for person in load() if person.id == name)
    try:
        return run(_house(), person, seed)
    except Exception as error:  # noqa: BLE001 - whatever breaks a call is one more way to fail, and ends no others
        return Run(name, person.kind, seed, Noise.CLEAN, failures=(f"the call broke: {error!r}",))


def inject(tried: Attempt) -> tuple[Run, tuple[str, ...]]:
    """One attempt, and what it brought about."""
    return attempt(_house(), tried)


@cache
def _house() -> House:
    return build()
