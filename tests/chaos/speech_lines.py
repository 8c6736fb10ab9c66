"""What the people of a run say: 0.4, 0.9 and 2.9 s of voice."""

HELLO, REFUSES, STOPS = (
    "Hello?",
    "I'm not interested.",
    "Please stop calling me and take me off your list right now.",
)
