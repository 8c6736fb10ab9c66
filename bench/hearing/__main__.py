"""What the rules understand of people's sentences: ``python -m bench.hearing``; ``--wrong`` tells every mistake."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from bench.hearing import homes, opt_outs
from bench.hearing.measuring import OWN, Tally, measure, read_sayings, total, understood, with_noise

_SEEDS = 3


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench.hearing", description=__doc__)
    asked.add_argument("--sayings", type=Path, default=OWN, help="another file of sentences, in the form of ours")
    asked.add_argument("--wrong", action="store_true", help="print every sentence with a mistake")
    asked.add_argument("--opt-outs", type=Path, help="sentences that ask not to be called, and others, alone")
    given = asked.parse_args()
    if given.opt_outs:
        _print_opt_outs(given.opt_outs, wrong=given.wrong)
        return
    sayings = read_sayings(given.sayings)
    print(f"{given.sayings.name}: {len(sayings)} sentences")
    _print(measure(sayings), wrong=given.wrong)
    noise = list(with_noise(sayings, seeds=_SEEDS))
    print(f"\nwith fillers, without punctuation: {len(noise)} sentences")
    _print(measure(noise), wrong=False)
    if homes.HOMES.exists():
        print(f"\n{homes.HOMES.name}, other people's sentences")
        _print({name: {name: tally} for name, tally in homes.measured().items()}, wrong=given.wrong)
    else:
        print(f"\n{homes.HOMES} is not here, so other people's sentences are not measured.")
    begun = perf_counter()
    for saying in sayings:
        understood(saying)
    print(f"\n{1_000 * (perf_counter() - begun) / len(sayings):.2f} ms a turn")


def _print_opt_outs(path: Path, *, wrong: bool) -> None:
    asks, others = opt_outs.read(path)
    print(f"{path.name}: {asks.count} that ask, {others.count} others")
    print(*opt_outs.told(asks, others), sep="\n")
    if wrong:
        for name, sentences in (
            ("missed", asks.neither), ("asked about", asks.asked), ("in vain", others.ended),
            ("asked in vain", others.asked),
        ):  # fmt: skip
            print(f"  {name}:", *(f"\n      {said!r}" for said in sentences))


def _print(tallies: Mapping[str, Mapping[str, Tally]], *, wrong: bool) -> None:
    for kind, by_group in tallies.items():
        whole = total(by_group.values())
        print(
            f"  {kind:12} precision {whole.precision:6.1%}  recall {whole.recall:6.1%}  F1 {whole.f1:6.1%}"
            f"  ({whole.found + whole.missed} to find)"
        )
        for line in whole.wrong if wrong else ():
            print(f"      {line}")


if __name__ == "__main__":
    main()
