"""The tables of ``voice.speech.spoken``: how what is written short is said in full."""

MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MONTHS = {name.lower(): place for place, name in enumerate(MONTH_NAMES, start=1)} | {
    name[:3].lower(): place for place, name in enumerate(MONTH_NAMES, start=1)
} | {"sept": 9}  # fmt: skip

STREETS = {
    "St": "Street", "Street": "Street", "Ave": "Avenue", "Av": "Avenue", "Avenue": "Avenue", "Rd": "Road",
    "Road": "Road", "Dr": "Drive", "Drive": "Drive", "Ln": "Lane", "Lane": "Lane", "Blvd": "Boulevard",
    "Boulevard": "Boulevard", "Ct": "Court", "Court": "Court", "Pl": "Place", "Place": "Place", "Cir": "Circle",
    "Circle": "Circle", "Ter": "Terrace", "Terrace": "Terrace", "Pkwy": "Parkway", "Parkway": "Parkway",
    "Hwy": "Highway", "Highway": "Highway", "Trl": "Trail", "Trail": "Trail", "Sq": "Square", "Square": "Square",
    "Way": "Way", "Loop": "Loop", "Xing": "Crossing",
}  # fmt: skip
"""Kinds of street, as they end its name."""

DIRECTIONS = {
    "N": "North", "S": "South", "E": "East", "W": "West", "NE": "Northeast", "NW": "Northwest", "SE": "Southeast",
    "SW": "Southwest",
}  # fmt: skip

STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "D C", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii",
    "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip

UNITS = {
    "sqft": ("square foot", "square feet"), "sf": ("square foot", "square feet"), "sqm": ("square meter",
    "square meters"), "sqmi": ("square mile", "square miles"), "ft": ("foot", "feet"), "mi": ("mile", "miles"),
    "mph": ("mile an hour", "miles an hour"), "km": ("kilometer", "kilometers"), "lbs": ("pound", "pounds"),
    "lb": ("pound", "pounds"), "hrs": ("hour", "hours"), "hr": ("hour", "hours"), "mins": ("minute", "minutes"),
    "min": ("minute", "minutes"), "secs": ("second", "seconds"), "sec": ("second", "seconds"),
    "yrs": ("year", "years"), "yr": ("year", "years"), "mos": ("month", "months"), "wks": ("week", "weeks"),
    "wk": ("week", "weeks"), "bd": ("bedroom", "bedrooms"), "bds": ("bedroom", "bedrooms"),
    "br": ("bedroom", "bedrooms"), "bdrm": ("bedroom", "bedrooms"), "bdrms": ("bedroom", "bedrooms"),
    "beds": ("bedroom", "bedrooms"), "ba": ("bath", "baths"), "bth": ("bath", "baths"), "ac": ("acre", "acres"),
}  # fmt: skip
"""After a figure: one of it, and several."""

HALVES = (
    "baths?", "bathrooms?", "hours?", "days?", "weeks?", "months?", "years?", "miles?", "acres?", "stories",
    "bedrooms?", "percent",
)  # fmt: skip
"""What ".5" of is a half of."""

FRACTIONS = {
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters",
    "1/8": "one eighth",
}  # fmt: skip
"""Written so, they are no dates."""

SCALES = {
    "k": "thousand", "thousand": "thousand", "m": "million", "mm": "million", "mil": "million", "million": "million",
    "b": "billion", "bn": "billion", "billion": "billion",
}  # fmt: skip

ABBREVIATIONS = {
    "approx.": "approximately", "appt.": "appointment", "w/o": "without", "e.g.": "for example",
    "i.e.": "that is", "etc.": "and so on", "vs.": "versus", "vs": "versus", "mr.": "Mister", "mrs.": "Missus",
    "ms.": "Miz", "jr.": "Junior", "sr.": "Senior", "asap": "as soon as possible", "hoa": "H O A", "faq": "F A Q",
}  # fmt: skip
"""In lower case; said so whatever their case."""
