"""Words recognised, ours beside plain greedy search of the same model: ``python -m bench.speech [--speech FOLDER]``.

Two sets of people's recordings, each clean, as mu-law, and with babble at 20 and 10 dB; then a set of our own, spoken
by the installed voices, judged by what the agents understand of it. Exit status 1 where ours is worse than plain by
more than chance. Without the folder only our own set is measured, with the noise left out.
"""

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import SPEECH
from bench.speech import said
from bench.speech.corpus import CONDITIONS, Line, NoSpeech, Utterance, recordings, under
from bench.speech.recognisers import Ours, Plain, median, timed
from bench.speech.words import word_error

TOLERANCE = 0.5
"""Points of word error by which ours may be worse: less than what one recording is worth."""
_CHANCE = 1  # sentence of our own set: the voices speak them a little differently each time

Said = Sequence[tuple[Mapping[str, Any], Utterance]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder with recordings and their manifest.json")
    parser.add_argument("--limit", type=int, help="recordings of each set, and sentences of our own")
    parser.add_argument("--model", default="", help="a faster-whisper model, for both; the installed one by default")
    parser.add_argument("--markdown", type=Path, help="write the tables there too")
    options = parser.parse_args(arguments)
    both: list[Ours | Plain] = [Ours(options.model), Plain(options.model)]
    tables, worse = [], []
    try:
        people = recordings(options.speech, options.limit)
        line = Line.of(options.speech)
    except NoSpeech as error:
        print(f"Left out: recordings of people. {error}")
        line, people = Line(np.zeros(1, dtype=np.float32)), []
    for group in dict.fromkeys(one.group for one in people):
        table, losses = word_errors([one for one in people if one.group == group], line, both)
        tables.append(f"**{group}**: word error and p50\n\n{table}")
        worse += [f"{group}, {condition}" for condition in losses]
    conditions = [name for name in CONDITIONS if people or name in ("clean", "mu-law")]
    table, losses = answers(_spread(asyncio.run(said.spoken()), options.limit), line, both, conditions)
    tables.append(f"**Our own set**: understood rightly\n\n{table}")
    worse += [f"our own set, {condition}" for condition in losses]
    text = "\n\n".join(tables)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n")
    for where in worse:
        print(f"Ours is worse than plain greedy search: {where}.")
    return 1 if worse else 0


def word_errors(people: list[Utterance], line: Line, both: Sequence[Ours | Plain]) -> tuple[str, list[str]]:
    """A table of ``people``, and the conditions in which ours, the first of ``both``, is worse."""
    rows, lost = defaultdict[str, list[str]](list), []
    for condition in CONDITIONS:
        errors = []
        for recogniser in both:
            results = [(one.text, *timed(recogniser, pcm)) for one, pcm in under(line, people, condition)]
            errors.append(word_error([text for text, _, _ in results], [heard for _, heard, _ in results]))
            rows[recogniser.name].append(f"{errors[-1]:.1f} %, {median([ms for _, _, ms in results]):.0f} ms")
        if errors[0] > errors[-1] + TOLERANCE:
            lost.append(condition)
    return _table(["", *CONDITIONS], [[name, *cells] for name, cells in rows.items()]), lost


def answers(
    spoken: Said, line: Line, both: Sequence[Ours | Plain], conditions: Sequence[str]
) -> tuple[str, list[str]]:
    """A table of what was understood of each kind, and the conditions in which ours is worse in all.

    Ours is told the names that the campaign knows, as in a call; plain has no use for them.
    """
    rows, lost = [], []
    kinds = [kind for kind in said.KINDS if any(said.kind_of(sentence) == kind for sentence, _ in spoken)]
    for condition in conditions:
        rights = []
        for recogniser in both:
            right = defaultdict[str, list[bool]](list)
            for seed, (sentence, one) in enumerate(spoken):
                text = recogniser(line.pcm(one.samples, condition, seed), hints=said.names())
                right[said.kind_of(sentence)].append(said.understood(sentence, text))
            every = [one for kind in kinds for one in right[kind]]
            rights.append(sum(every))
            cells = [f"{sum(right[kind])}/{len(right[kind])}" for kind in kinds]
            rows.append([f"{condition}, {recogniser.name}", *cells, f"{100 * rights[-1] / len(every):.1f} %"])
        if rights[0] < rights[-1] - _CHANCE:
            lost.append(condition)
    return _table(["", *kinds, "all"], rows), lost


def _spread(spoken: Said, limit: int | None) -> Said:
    """``limit`` of ``spoken``, of all kinds."""
    return spoken[:: max(1, len(spoken) // limit)][:limit] if limit else spoken


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.exit(main())
