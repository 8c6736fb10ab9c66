"""What tells one voice from another on disk."""

import hashlib
from pathlib import Path


def identity_of(engine: str, *models: Path) -> str:
    """``engine`` and what its model files hold, as 16 hex digits: another model is another voice."""
    found = hashlib.sha256(engine.encode())
    for model in models:
        with model.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]


def identity_of_provider(*names: str) -> str:
    """A voice of a provider, told by its names alone (provider, voice, model)."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:16]
