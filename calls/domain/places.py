"""Where in the United States a clock may stand: the IANA zones of every state and territory."""

_EASTERN, _CENTRAL = ("America/New_York",), ("America/Chicago",)
_MOUNTAIN, _PACIFIC = ("America/Denver",), ("America/Los_Angeles",)

STATE_ZONES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("CT", "DC", "DE", "GA", "MA", "MD", "ME", "NC", "NH", "NJ", "NY", "OH", "PA", "RI"), _EASTERN),
    **dict.fromkeys(("SC", "VA", "VT", "WV"), _EASTERN),
    **dict.fromkeys(("AL", "AR", "IA", "IL", "LA", "MN", "MO", "MS", "OK", "WI"), _CENTRAL),
    **dict.fromkeys(("CO", "MT", "NM", "UT", "WY"), _MOUNTAIN),
    **dict.fromkeys(("CA", "WA"), _PACIFIC),
    **dict.fromkeys(("FL", "KY", "TN"), _EASTERN + _CENTRAL),
    **dict.fromkeys(("KS", "ND", "NE", "SD", "TX"), _CENTRAL + _MOUNTAIN),
    **dict.fromkeys(("ID", "OR"), ("America/Boise", *_PACIFIC)),
    "AK": ("America/Anchorage", "America/Adak"),
    "AS": ("Pacific/Pago_Pago",),
    "AZ": ("America/Phoenix", *_MOUNTAIN),  # the Navajo Nation keeps summer time
    "GU": ("Pacific/Guam",),
    "HI": ("Pacific/Honolulu",),
    "IN": ("America/Indiana/Indianapolis", *_CENTRAL),
    "MI": ("America/Detroit", *_CENTRAL),
    "MP": ("Pacific/Saipan",),
    "NV": (*_PACIFIC, *_MOUNTAIN),
    "PR": ("America/Puerto_Rico",),
    "VI": ("America/St_Thomas",),
}
"""The IANA zones of every state and territory: an address tells the state, and so where the person's clock may be."""

MAX_ZONES = 4
"""A number in more zones than these says nothing of a place where an address does."""
