"""Which bucket recordings are kept in."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bucket:
    """``endpoint`` is empty for Amazon's own; without keys the machine's own credentials are used."""

    name: str
    endpoint: str = ""
    prefix: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
