"""Which script a conversation is held by."""

import hashlib
from pathlib import Path


def version_of(package: Path) -> str:
    """8 hex digits over the names and contents of every source file and phrase list below ``package``."""
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.toml")]):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:8]


VERSION = version_of(Path(__file__).parents[1])
"""The version of this process's script: the same on every machine, as long as nothing in ``agents`` changes.

To be kept with each call, so that costs and results can be compared by script. It covers the whole package:
``phrases.toml`` is only what people say, while our own words, the order of the questions and the answers to
objections stand in the modules. So a change that nobody hears gives a new version too, and no audible one is missed.
"""
