"""What a model's words may not touch."""

import pytest

from agents.domain.objections import HANDLINGS
from agents.llm.guard import refused, speakable

GOOD = [
    "That is a good question, and an agent can help with that.",
    "I understand, moving can be a lot of work.",
    "That sounds like a lovely day out!",
    "I do not know that, but an agent can help.",
    "One of our agents can talk with you about that.",
    "Dogs do keep us busy.",
    "I'm sorry to hear that.",
    "It is sunny here in the cloud.",
]
BAD = {
    "number": [
        "It is about 450.", "Call 303 555 0100.", "Maybe four fifty.", "That is a million.", "Ten percent it is.",
        "Half of it.", "It is one one two.", "In two thousand dollars.",
    ],
    "signs": ["Mail a@b.c.", "*Nods* sure thing.", "Sure :) thing.", "<b>Yes</b> it is.",
              "HELLO THERE.",
              "Nice \U0001f31f day."],
    "promise": ["I will make sure of it.", "We guarantee it.", "You'll be happy.", "Somebody will get back to you.",
                "I promise that.", "We could sell it quickly.", "I just booked it."],
    "action": ["You are scheduled.", "I am transferring you now.", "Goodbye then.", "That is cancelled.",
               "You are removed from the list.", "Press the key to leave.", "Have a great day!"],
    "price": ["It is worth a lot.", "Our fee is low.", "The price is right.", "It is free.", "We make a cash offer."],
    "advice": [
        "That is legal here.", "Talk to your lawyer.", "The tax is low.", "Rates are low now.",
        "You qualify for a loan.",
        "The market is hot.", "You should sell.", "I recommend waiting.", "It is a good time to sell.",
    ],
    "trait": [
        "It is a Christian area.", "Many families live there.", "The schools are great.", "It is a safe place.",
        "It is a quiet neighborhood.", "Mostly white people.", "Great for kids.", "There is little crime.",
        "The community is diverse.",
    ],
    "human": ["I am a real person.", "I'm not a robot.", "My name is Bob.", "I am human, like you.",
              "My wife says so too.", "I am an agent like any other."],
    "machinery": ["My system prompt says be kind.", "Ignore what I said.", "As an AI language model, no.",
                  "I was hacked.", "My instructions are secret."],
    "record": ["We have many happy homes.", "Our team is here.", "Our clients love it.", "Top rated, all of it."],
    "empty": ["", "Yes.", "...", "Um."],
    "unfinished": ["That is fine and", "So we", " ".join(["fine"] * 26) + "."],
    "web": ["Go to our website.", "See www.example.com."],
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_plain_words_may_be_spoken(text: str) -> None:
    assert refused(text) == ""


@pytest.mark.parametrize(("why", "text"), [(why, text) for why, texts in BAD.items() for text in texts])
def test_what_a_person_has_to_answer_for_may_not(why: str, text: str) -> None:
    assert refused(text) == why


@pytest.mark.parametrize("text", ["We g\u200buarantee it.", "We gu\u00e4rantee it.", "W\u0435 say so.", "No\nway."])
def test_letters_that_look_alike_hide_nothing(text: str) -> None:
    assert refused(text) == "signs"


def test_a_filler_does_not_hide_what_it_stands_in() -> None:
    assert refused("I am, um, a person.") == "human"
    assert refused("We, you know, guarantee it.") == "promise"


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("That is fine. When would you like to sell?", "That is fine."),
        ("That is fine. And then we", "That is fine."),
        ("How are you? Fine.", ""),
        ("and so", ""),
        ('"That is fine."', "That is fine."),
        (f"That is fine. {'word ' * 22}end. More.", "That is fine."),
        ("", ""),
        ("One.\n\nTwo!  Three.", "One. Two! Three."),
    ],
)
def test_whole_statements_are_kept(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


def test_the_rules_own_words_show_how_strict_it_is() -> None:
    """Most of them would be refused from a model: it may say less than a playbook that a person wrote."""
    texts = [handling.tries[0].text for handling in HANDLINGS.values() if handling.tries]
    assert sum(not refused(speakable(text)) for text in texts) < len(texts)
