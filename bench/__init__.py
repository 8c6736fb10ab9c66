"""What is measured, one command each."""

from pathlib import Path

SPEECH = Path(__file__).resolve().parents[2] / "shared" / "speech"
"""Where recordings of people are looked for, unless ``--speech`` names another folder."""
