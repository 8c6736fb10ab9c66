"""PostgreSQL's advisory locks have one number space for the whole database."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LOCK = re.compile(r"^(_[A-Z_]*LOCK) = ([\d_]+)$", re.MULTILINE)


def test_no_two_tasks_share_a_lock() -> None:
    """Two that did would each skip its round while the other is at it."""
    keys: Counter[int] = Counter()
    for app in ("billing", "calls", "integrations", "reautomation"):
        for path in (ROOT / app).rglob("*.py"):
            keys.update(int(number) for _, number in _LOCK.findall(path.read_text()))
    assert len(keys) >= 4
    assert [key for key, count in keys.items() if count > 1] == []
