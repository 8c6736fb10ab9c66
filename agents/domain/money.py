"""Amounts in USD: a home's price, and what is owed on it."""

import re
from functools import lru_cache

from agents.domain.numbers import digits
from agents.domain.text import normalise

_MONEY = re.compile(
    r"(\$)?(?<![\d.:])(\d{1,12}(?:\.\d+)?)(?: (\d\d))?(?![\d:]|st\b|nd\b|rd\b|th\b)"
    r"(?! ?(?:months?|weeks?|years?|days?|hours?|minutes?|bed\w*|bath\w*|br|ba|rooms?|am|pm|oclock|acres?|%|percent"
    r"|square|sq|miles?|kids|story|stories|car|yrs?|of us|\w+ (?:street|st|avenue|ave|road|rd|drive|lane|court))\b)"
)
_PRICE_CONTEXT = re.compile(r"\b(?:dollars?|bucks|budgets?|price|asking|spend|afford|up to|worth|grand|around)\b|\$")
_AMOUNT = r"\$?\d[\d.]*(?: \d\d)?(?: ?(?:thousand|k|grand|dollars))?"
_WISHED = re.compile(
    rf"\b(?:hop(?:e|ing) (?:for|to get)|wants?|need|get|take|accept|thinking|under|below|no more than|at least"
    rf"|for about|for around|(?:sell|list|go)(?:ing)?(?: it)?(?: up)? (?:for|at|to))"
    rf"(?: (?:of|for|about|around|like|maybe|say|at least|somewhere|just|to get))* (?P<wished>{_AMOUNT})"
    rf"|(?P<most>{_AMOUNT}) (?:max|maximum|tops|at (?:the )?most)\b"
)
"""What they would like to get or to spend, told by the way: "hoping for four fifty", "under four hundred"."""
_LEAST_WISHED = 100_000
_RATE = re.compile(
    rf"{_AMOUNT} (?:dollars |bucks )?(?:(?:a|an|per|every|down)\b(?: (?:month|year|week|day|hour|payment))?"
    r"|each (?:month|year|week|day|hour|payment)\b)"
    rf"|\b(?:make|earn|salary(?: of| is)?|income(?: of| is)?|put|putting|put down|taxes (?:are|of)|hoa(?: is)?)"
    rf"(?: down| about| around| like)*(?: a)? {_AMOUNT}(?: (?:a|per) (?:month|year|week|hour))?"
)
_PAID_BEFORE = re.compile(
    rf"\b(?:paid|(?:bought|got|purchased)(?: (?:it|this|the house|the place|that))?(?: back)?(?: in \d+)?(?: for"
    rf"| at))"
    rf" (?:about |around |like )?{_AMOUNT}"
)
_NO_PRICE = re.compile(
    r"\b(?:take|knock|knocked|took) off (?:about )?\$?\d[\d.]*\b|"
    r"\b(?:in|since|from|back|built|of|by) (?:19[4-9]\d|20[0-3]\d|19 \d\d|20 [0-3]\d)\b|\b\d{3} \d{3} \d{4}\b"
    r"|\b\d{10}\b"
    r"|\bzip(?: code)?(?: is)? \d{5}\b|\b\d{5}(?= (?:is )?(?:the |my |our )?(?:zip|area))"
    r"|\b(?:credit|score|fico)(?: score)?(?: (?:is|of|about|around))* \d{3}\b|\b\d{3} (?:credit|fico|score)\b"
    r"|\b(?:number is|reach me at|call me at|turned|im) \d[\d ]*"
    r"|\byou owe (?:me |us )?\$?\d[\d. ]*"
)
_OWED = re.compile(
    rf"\b(?:owe|owing|owed|payoff|pay off|balance|remaining|(?:mortgage|loan|heloc) (?:is|of|for))"
    rf"(?: (?:is|of|about|around|like|maybe|still|roughly|another|the bank|on it|a|at|just|under|over))* ({_AMOUNT})"
    rf"|({_AMOUNT})(?: (?:is|still|or so))* (?:left|remaining|to go|owing|still owed|on the (?:loan|mortgage|note)"
    rf"|to pay off)\b"
)
_SAID_OF_FIFTY = re.compile(
    r"^((?:(?:maybe|about|like|around|well|so|yes|probably|say|id|say|say) )*)(for|fore|to|too)"
    r"(?= (?:hundred|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)\b)"
)
_AND_PART = re.compile(
    r"\b(one|two|three|four|five|six|seven|eight|nine|\d) and (a half|a quarter|three quarters)\b"
    r"(?: hundred(?: thousand)?)?(?! ?(?:million|mil|months?|years?|weeks?|bath\w*))"
)
_BARE_MILLION = re.compile(r"(?:^|(?<=\babout )|(?<=\baround )|(?<=\blike )|(?<=\bmaybe ))million\b")
_PART_THOUSANDS = {"a half": 50, "a quarter": 25, "three quarters": 75}
_BAND = re.compile(
    r"\b(?:(?:the )?(low|lower|mid|middle|high|higher|upper)(?: to (?:low|mid|high|upper))?[ -](?:the )?|(?:the|in) )"
    r"(?:(one|two|three|four|five|six|seven|eight|nine|[1-9])(?: hundreds?|00s|00)"
    r"|(ones|twos|threes|fours|fives|sixes|sevens|eights|nines))(?: thousands?)?\b"
)
_MONTHLY = 1_000
"""From here to 10,000 no thousands are meant: "eighteen hundred" is what comes every month."""
_DIGIT_WORDS = {
    word: digit
    for digit, words in enumerate(
        ("one ones", "two twos", "three threes", "four fours", "five fives", "six sixes", "seven sevens",
         "eight eights", "nine nines"), start=1,
    )
    for word in words.split()
}  # fmt: skip
_IN_BAND = {"low": 20, "lower": 20, "mid": 50, "middle": 50, "high": 80, "higher": 80, "upper": 80}
"""Thousands above the hundred: the "low fives" are about 520,000, the fives alone 550,000."""


def money(text: str, *, asked: bool = False, wished: bool = False) -> int | None:
    """A home's price in whole USD; the upper end of a range; None when no price is named.

    ``asked``: a price was asked for, so "four fifty", "low fives" and "around 300" are thousands. Otherwise only a
    figure of 10,000 and more, or one with a word of money about it, counts; with ``wished`` one that they hope for
    too, which is not to be set where a time of day may be. What is owed, was paid once, or comes every month is no
    price.
    """
    words = figures(text, asked=asked)
    words = _OWED.sub(" ", words)
    others = _PAID_BEFORE.sub(" ", words)
    found = amounts(others, asked=asked or bool(_PRICE_CONTEXT.search(words)))
    found = found or (_wishes(others) if wished else [])
    if not found and others == words:
        return None
    return max(found or amounts(words, asked=asked), default=None)


def _wishes(words: str) -> list[int]:
    starts = {found.start("wished" if found["wished"] else "most") for found in _WISHED.finditer(words)}
    found = [_amount(match, hinted=True) for match in _MONEY.finditer(words) if match.start() in starts]
    return [amount for amount in found if amount is not None and amount >= _LEAST_WISHED]


def owed(text: str, *, asked: bool = False) -> int | None:
    """What is still owed on the home, in whole USD. ``asked``: a mortgage was asked about, so any amount is that."""
    words = figures(text, asked=True)
    found = [amount for match in _OWED.finditer(words) for amount in amounts(match[1] or match[2], asked=True)]
    return max(found or (amounts(words, asked=True) if asked else []), default=None)


@lru_cache(maxsize=16)
def figures(text: str, *, asked: bool) -> str:
    """The words of ``text`` with its amounts written out as figures; without numbers that are no amount."""
    words = _BARE_MILLION.sub("one million", normalise(text))
    if asked:
        words = _SAID_OF_FIFTY.sub(lambda found: f"{found[1]}{'four' if found[2].startswith('f') else 'two'}", words)
        words = _AND_PART.sub(_hundred_and_part, words)
        words = _BAND.sub(_band, words)
    words = re.sub(r"\b([1-9]) (\d\d)000\b", r"\g<1>\g<2>000", digits(words))
    if asked:
        words = _shorthand(words)
    return _RATE.sub(" ", _NO_PRICE.sub(" ", words))


def _hundred_and_part(found: re.Match[str]) -> str:
    """ "Three and a quarter" of a price is 325 thousand."""
    hundreds = int(found[1]) if found[1].isdigit() else _DIGIT_WORDS[found[1]]
    return f"{hundreds * 100 + _PART_THOUSANDS[found[2]]}000"


def _band(found: re.Match[str]) -> str:
    word = found[2] or found[3]
    if found[1] is None and found[3] is None and not found[0].endswith("s"):
        return found[0]
    hundreds = int(word) if word.isdigit() else _DIGIT_WORDS[word]
    return f"{hundreds * 100 + _IN_BAND.get(found[1] or 'mid', 50)}000"


def _shorthand(words: str) -> str:
    """What people leave out of a price: "three ninety nine nine", "six five oh", "one two fifty", "four to five"."""
    words = re.sub(r"\b([1-9]) (\d\d) (\d)(?:00)?(?= |$)(?! ?(?:bed|bath|million|month))", r"\1\g<2>\g<3>00", words)
    words = re.sub(r"\b([1-9]) (\d) 0(?= |$)", r"\1\g<2>0000", words)
    words = re.sub(r"\b1 ([1-9]) (\d\d)(?= |$)", r"1\1\g<2>000", words)
    words = re.sub(
        r"\b([1-9](?: \d\d)?) (to|or|and) ([1-9])(?= (?:or|max|tops|at most)\b|$)", r"\1 \2 \g<3>00000", words
    )
    words = re.sub(r"\b([1-9])([1-9]0) (to|or) ([1-9]0)(?= |$)", r"\1\2 \3 \1\4", words)
    words = re.sub(r"\b([1-9]) (?:and change|something|and some)\b", r"\g<1>00000", words)
    words = re.sub(r"^((?:\w+ ){0,3})1 ([1-9])$", r"\g<1>1\g<2>00000", words)
    return re.sub(
        r"\b(want|take|get|asking|about|around|at least) ([1-9])(?= (?:for it|at least)\b|$)", r"\1 \g<2>00000", words
    )


def amounts(words: str, *, asked: bool) -> list[int]:
    """All amounts in ``words`` with figures; ``asked``: small ones are thousands."""
    return [amount for match in _MONEY.finditer(words) if (amount := _amount(match, asked)) is not None]


def _amount(match: re.Match[str], hinted: bool) -> int | None:
    figure, pair = match[2], match[3]
    value = float(figure)
    if pair and value < 10 and "." not in figure:
        value = value * 100 + int(pair)
    elif "." in figure and value < 10:
        value = round(value * 100 if len(figure.split(".")[1]) == 2 and value >= 2 else value * 1_000_000, 2)
    if value >= 10_000:
        return int(value) if value < 1_000_000_000 else None
    if not hinted or not 40 <= value < _MONTHLY:
        return None
    return round(value * 1_000)
