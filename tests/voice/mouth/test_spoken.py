"""What is written, said: prices, dates, times, telephones, addresses, measures."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.speech.spoken import spoken

PRICES = [
    ("$425,000", "four hundred twenty five thousand dollars"),
    ("It is listed at $1,250,000.", "It is listed at one million two hundred fifty thousand dollars."),
    ("$1", "one dollar"),
    ("$0.99", "ninety nine cents"),
    ("$4.50", "four dollars and fifty cents"),
    ("$10.01", "ten dollars and one cent"),
    ("$4.00", "four dollars"),
    ("$1.2M", "one point two million dollars"),
    ("$1.2 million", "one point two million dollars"),
    ("about $450k", "about four hundred fifty thousand dollars"),
    ("$450K-$500K", "four hundred fifty thousand to five hundred thousand dollars"),
    ("$400-450k", "four hundred thousand to four hundred fifty thousand dollars"),
    ("$425,000 – $450,000", "four hundred twenty five thousand to four hundred fifty thousand dollars"),
    ("$500 dollars", "five hundred dollars"),
    ("£300", "three hundred pounds"),
    ("€20.50", "twenty euros and fifty cents"),
    ("450k is fine", "four hundred fifty thousand is fine"),
    ("6.5%", "six point five percent"),
    ("3% down", "three percent down"),
    ("20 % of it", "twenty percent of it"),
]
DATES = [
    ("2026-11-24", "November twenty fourth, twenty twenty six"),
    ("2026-11-24 14:30", "November twenty fourth, twenty twenty six at two thirty P M"),
    ("2026-11-24T09:05:00Z", "November twenty fourth, twenty twenty six at nine oh five A M"),
    ("2026-02-30", "two oh two six oh two three oh"),
    ("3/14", "March fourteenth"),
    ("3/14/2026", "March fourteenth, twenty twenty six"),
    ("12/1/26", "December first, twenty twenty six"),
    ("Nov 24", "November twenty fourth"),
    ("Nov. 24, 2026", "November twenty fourth, twenty twenty six"),
    ("on November 3rd", "on November third"),
    ("the 3rd of November", "the third of November"),
    ("24 December 2026", "December twenty fourth, twenty twenty six"),
    ("Sept 9", "September ninth"),
    ("in 1985", "in nineteen eighty five"),
    ("in 2005", "in two thousand five"),
    ("by 2030", "by twenty thirty"),
    ("built in 1900", "built in nineteen hundred"),
    ("the 1990s", "the nineteen nineties"),
    ("the 80s", "the eighties"),
    ("24/7", "twenty four seven"),
    ("13/25", "thirteen over twenty five"),
    ("we may 5 times", "we may five times"),
]
TIMES = [
    ("10:30 am", "ten thirty A M"),
    ("10:30", "ten thirty"),
    ("14:30", "two thirty P M"),
    ("10am", "ten A M"),
    ("2 p.m. works", "two P M works"),
    ("See you at 2 p.m.", "See you at two P M."),
    ("9:05 AM", "nine oh five A M"),
    ("at 10:00", "at ten o'clock"),
    ("00:15", "twelve fifteen A M"),
    ("12:00 pm", "twelve P M"),
    ("9-11 am", "nine to eleven A M"),
    ("1:30-3 pm", "one thirty to three P M"),
    ("9 to 5", "nine to five"),
    ("5 a.m. or 6 a.m.", "five A M or six A M."),
    ("10:30:00", "ten thirty"),
]
TELEPHONES = [
    ("+13035550123", "three oh three, five five five, oh one two three"),
    ("+1 (303) 555-0123", "three oh three, five five five, oh one two three"),
    ("303-555-0123", "three oh three, five five five, oh one two three"),
    ("(303) 555-0123", "three oh three, five five five, oh one two three"),
    ("303.555.0123", "three oh three, five five five, oh one two three"),
    ("1-303-555-0123.", "three oh three, five five five, oh one two three."),
    ("Call +442071234567", "Call four four two, oh seven one, two three four, five six seven"),
]
ADDRESSES = [
    ("1245 Tejon St", "twelve forty five Tejon Street"),
    ("1245 Tejon St.", "twelve forty five Tejon Street."),
    ("Your home on Maple Street.", "Your home on Maple Street."),
    ("12 Maple Ave, Denver, CO 80202", "twelve Maple Avenue, Denver, Colorado eight oh two oh two"),
    ("105 N Main St", "one oh five North Main Street"),
    ("300 Elm Rd Apt 4B", "three hundred Elm Road apartment four B"),
    ("1200 W 32nd Ave, Unit 12", "twelve hundred West thirty second Avenue, Unit twelve"),
    ("12345 Oak Blvd", "twelve three forty five Oak Boulevard"),
    ("7 St. James Ct", "seven Saint James Court"),
    ("1000 Cherry Creek Dr #4", "one thousand Cherry Creek Drive number four"),
    ("Meet at Tejon St, please", "Meet at Tejon Street, please"),
    ("the home on Maple Dr", "the home on Maple Drive"),
    ("Dr. Smith", "Doctor Smith"),
    ("St. Paul is nice", "Saint Paul is nice"),
    ("in Denver, CO", "in Denver, Colorado"),
    ("zip 80202", "zip eight oh two oh two"),
    ("I-25 and US-36", "I twenty five and US thirty six"),
    ("42B Baker Ln", "forty two B Baker Lane"),
]
MEASURES = [
    ("2.5 baths", "two and a half baths"),
    ("3BR/2BA", "three bedrooms two baths"),
    ("3 bd, 2.5 ba", "three bedrooms, two and a half baths"),
    ("1,850 sq ft", "one thousand eight hundred fifty square feet"),
    ("1500 sq. ft.", "fifteen hundred square feet."),
    ("2000 sqft", "two thousand square feet"),
    ("1 sq ft", "one square foot"),
    ("0.25 ac", "zero point two five acres"),
    ("1-2 mi", "one to two miles"),
    ("30 mins", "thirty minutes"),
    ("1 hr", "one hour"),
    ("1 1/2 hours", "one and a half hours"),
    ("2½ baths", "two and a half baths"),
    ("1/2 acre", "one half acre"),
    ("3/4 of it", "three quarters of it"),
    ("1.5 years", "one and a half years"),
    ("3-4 months", "three to four months"),
]
OTHERS = [
    ("Smith & Sons", "Smith and Sons"),
    ("#1 in Denver", "number one in Denver"),
    ("w/ a garage", "with a garage"),
    ("approx. 20", "approximately twenty"),
    ("Mr. Lee vs. Mrs. Lee", "Mister Lee versus Missus Lee"),
    ("and/or", "and or or"),
    ("21st", "twenty first"),
    ("the 2nd one", "the second one"),
    ("0", "zero"),
    ("007", "oh oh seven"),
    ("1,000", "one thousand"),
    ("it was -5", "it was minus five"),
    ("B2B", "B two B"),
    ("5+ beds", "five plus beds"),
    ("3.14", "three point one four"),
    ("Wait... 5?", "Wait... five?"),
    ("Is it 5, 6, or 7?", "Is it five, six, or seven?"),
    ("٣ rooms", "three rooms"),
    ("5² is fine", "fifty two is fine"),
    ("Great, thanks.", "Great, thanks."),
    ("It's Ava — from “Summit”.", "It's Ava — from “Summit”."),
    ("May I ask?", "May I ask?"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "said"), [*PRICES, *DATES, *TIMES, *TELEPHONES, *ADDRESSES, *MEASURES, *OTHERS])
def test_it_is_said_as_an_american_would(written: str, said: str) -> None:
    assert spoken(written) == said
    assert spoken(said) == said


_SNIPPETS = st.sampled_from(
    [written for table in (PRICES, DATES, TIMES, TELEPHONES, ADDRESSES, MEASURES, OTHERS) for written, _ in table]
)
_PIECES = st.one_of(
    _SNIPPETS,
    st.text(alphabet="0123456789 $.,:/-+()#%&@'kMapm", max_size=14),
    st.text(max_size=6),
    st.sampled_from(["St", "Dr", "CO", "am", "p.m.", "sq ft", "Nov", "½"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=4).map(" ".join))
def test_no_figure_is_left_and_it_never_raises(text: str) -> None:
    said = spoken(text)
    assert not [char for char in said if char.isdigit()]
    assert spoken(said) == said
