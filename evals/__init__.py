"""People on the phone, thousands of times over: what the agents make of them, graded by the database.

``person`` and ``people/`` say who there is, ``mind`` what they say in one seeded call, ``noise`` what becomes of
their words, ``line`` puts the agents at the other end, ``house`` is the installation, ``running`` makes one call
through the real services, ``grading`` compares what was meant with what is on record. ``python -m evals`` does it by
the thousand.
"""

from pathlib import Path

PEOPLE = Path(__file__).resolve().parent / "people"
"""The people and the words that they share."""

DIALOGUE = Path(__file__).resolve().parents[2] / "shared" / "dialogue" / "sgd_homes.jsonl"
"""Where people's own sentences are looked for, unless ``--dialogue`` names another file."""
