"""People speak of messages, machines and numbers too, above all to somebody who called: their words are theirs."""

import pytest

from agents.domain.machines import Spoken, answers_us, key_to_a_person, may_greet, spoken_by


@pytest.mark.parametrize(
    "said",
    [
        "Sorry, I'm at work right now and I'm not available to talk, so can you call me back later tonight?",
        "Hello, you've reached Tom Miller, how can I help you?",
        "Hi, you have reached Summit Homes, this is Kate speaking, how may I help you today?",
        "You've reached the Garcia residence, Ann speaking, who's calling please?",
        "We're not home right now, we are on vacation in Florida, what is this about exactly?",
        "I'm not in right now, I mean I am driving, so please call me tomorrow at noon if you can.",
        "He isn't available right now, he's in a meeting. Can I take a message?",
        "He's not available at the moment. Do you want his voicemail?",
        "Just leave me a message next time, I hate these calls.",
        "Send me a text or leave a message with my wife.",
        "Why did you leave a message on my machine?",
        "You left me a voicemail yesterday, what is it about?",
        "I got your voicemail. What do you want?",
        "I got a voice mail from you guys about my house.",
        "You people left a message and I'm returning your call.",
        "I'm returning your call. I had a missed call from this number.",
        "I missed a call from this number.",
        "What's your name and number?",
        "Give me your name and your phone number and I'll call you back.",
        "Can I get your name and number please?",
        "Let me get your name and number and I will call you back when I'm free.",
        "Say your name again? I didn't catch that.",
        "What's the reason for your call?",
        "Who's calling and what is it about?",
        "Let me see if he is available. Who's calling?",
        "Let me see if she's in. One moment.",
        "Is this a recording? Are you a robot?",
        "Am I talking to an answering machine?",
        "Is this an answering machine or a real person?",
        "Is this a virtual assistant?",
        "Are you a virtual assistant or a real person?",
        "Is this one of those Google Voice numbers?",
        "This is my Google Voice number, who is this?",
        "I don't answer calls from numbers that I don't know, this is screened by my phone.",
        "Hang on, my phone is doing the call screening thing. Hello?",
        "Sorry about that, my call screen popped up. Who is this?",
        "I press one and it does nothing.",
        "The number is not in service? What are you talking about?",
        "My old phone has been disconnected, so use this one.",
        "My number has been changed, how did you get this one?",
        "That number is no longer in service, so I'm glad you called this one.",
        "My mother's number has been disconnected. She passed away.",
        "The house has been changed a lot since we bought it.",
        "My mailbox is full of your letters. Stop it.",
        "My mailbox is full of mail from you people.",
        "My voicemail is full, sorry about that. Who's this?",
        "I have not been set up with an agent yet.",
        "I can't take your call right now, I am in a meeting.",
        "I can't talk right now, I'm at work. Call me back at five.",
        "Sorry I can't take your call right now because I'm driving, could you try me again in an hour?",
        "I'm away from my desk, can you call me back in ten minutes?",
        "I'm going to have to call you back. What's your number?",
        "Can I call you back? I'll call you right back in five minutes, I'm with a client at the moment.",
        "I'll call you back in ten minutes, okay, I just need to put the kids to bed first.",
        "No thank you, have a good day, and please take me off your list, okay?",
        "Thanks but we are not interested in selling the house, have a great day, bye bye.",
        "Okay, well, I will be right back, let me just turn the television down for a second.",
        "I forwarded to my husband all that mail you sent.",
        "It was forwarded to me by my brother.",
        "My calls are forwarded to my cell, so you have reached me on my cell phone now.",
        "For sale? To sell, I'd have to talk to my wife first.",
        "Listen carefully, I don't want you to call here again.",
        "Listen closely, I'm not selling.",
        "Calls may be recorded for what? I don't agree with that.",
        "I'll leave a message for my husband.",
        "After the beep I thought it was a machine. Hello?",
        "I heard the beep, is this being recorded?",
        "I hear the tone, are you there?",
        "What's the beep?",
        "Hello? I heard a beep. Are you recording this call right now without asking me first?",
        "You have reached the wrong number, there is nobody called Maria living at this address.",
        "You've reached a wrong number.",
        "The person you are calling for is not here anymore, he moved out two years ago I think.",
        "The person you are trying to reach isn't here, this is his brother, can I help you with something?",
        "The number you called is my work number, can't talk here, please call my cell instead okay?",
        "Hello, Miller residence, this is Tom speaking, we were just sitting down to dinner, who is this please?",
        "Yes hello this is Maria, I can't hear you very well, could you speak up a little bit please?",
        "Speaking. Is this about the house? I already told the other guy that I'm not available until Monday.",
        "It isn't available anymore, we sold it last month.",
        "The house is not available, it's been rented out to a family until next June at least.",
        "It's not in service, the furnace I mean, so the house needs some work before we can sell it.",
        "Please leave me alone.",
        "Leave me alone and remove my number.",
        "Please don't leave a message again.",
        "Don't leave me any more messages.",
        "Stop leaving messages on my voicemail.",
        "Stop leaving a message every day.",
        "Leave your number and I'll think about it.",
        "You can leave your name and number with me.",
        "I am his assistant, he is not available, may I ask what this is regarding and who is calling?",
        "This is the answering service for Doctor Miller, how can I help you?",
        "Mr. Miller's office, this is Jane, he's not in the office today, may I ask who is calling?",
        "Thank you for calling Lakewood Dental, this is Susan, how may I direct your call?",
        "Thanks for calling Lakewood Dental, all our lines are busy, can you hold?",
        "Please hold.",
        "Hold please, I'll connect you.",
        "One second, I'm getting to a quiet place.",
        "Who do you want to speak with?",
        "Which extension? This is the operator.",
        "Do you know your party's extension?",
        "Please stay on the line while I get her.",
        "Stay on the line, I'll get him.",
        "To be honest with you I have to press on, I'm late.",
        "For me it's about price, my neighbor was pressed for money.",
        "To sell the house I would be pressed for time.",
        "Hello? Hello? You have to press something, I can't hear you.",
        "Hit number two on the list, that is my house.",
        "Dial it down a bit, will you.",
        "I dialed nine one one last night, I can't talk.",
        "If you want to talk dial my other number, I'm at work.",
        "Please check the number and call again, nobody here by that name.",
        "You should check the number and stop calling us.",
        "That is not a valid number for him.",
        "This is not a working number for that person anymore.",
        "I have a screening service for calls like this.",
        "What you are calling about?",
    ],
)
def test_a_persons_words_are_no_machines(said: str) -> None:
    assert spoken_by(said) is None


@pytest.mark.parametrize(
    "said", ["State your name and your business.", "Tell me why you're calling.", "Name and reason?"]
)
def test_who_asks_like_a_screening_service_is_told_what_one_is(said: str) -> None:
    assert spoken_by(said) is Spoken.SCREENING


@pytest.mark.parametrize(
    ("said", "by"),
    [
        ("Leave a message.", Spoken.VOICEMAIL),
        ("Hi, it's Ann, leave me a message and have a great day.", Spoken.VOICEMAIL),
        ("You can leave your name and number after the tone.", Spoken.VOICEMAIL),
        ("This is my voicemail. You can guess the rest.", Spoken.VOICEMAIL),
        ("You have reached Tom Miller of Miller and Sons, we are out on a roof today.", Spoken.VOICEMAIL),
        ("You've reached Tom. I'm away from my desk.", Spoken.VOICEMAIL),
        ("You've reached Tom Miller.", None),
        ("I'm sorry, I can't come to the phone right now, I'll get back to you.", Spoken.VOICEMAIL),
        ("The customer you have called is not available.", Spoken.VOICEMAIL),
        ("The voicemail box of the subscriber has not been set up yet.", Spoken.VOICEMAIL),
        ("The wireless customer has not set up their mailbox.", Spoken.VOICEMAIL),
        ("To leave a message, press 5. For Ann, press 1.", Spoken.IVR),
        ("After the tone, leave a message. For more options, press 1.", Spoken.VOICEMAIL),
        ("All of our representatives are currently busy.", Spoken.IVR),
        ("The number you have reached, 303 555 0100, has been changed.", Spoken.INTERCEPT),
        ("You have dialed a number that is not in service.", Spoken.INTERCEPT),
        ("Hi, this is Call Assist by Google.", Spoken.SCREENING),
        ("I'm the virtual assistant of Ann.", Spoken.SCREENING),
    ],
)
def test_a_machines_words(said: str, by: Spoken | None) -> None:
    assert spoken_by(said) is by


@pytest.mark.parametrize(
    ("said", "listens"),
    [
        ("Hello?", True),
        ("Hello, hello? Hi!", True),
        ("How may I direct your call?", True),
        ("Who is calling?", True),
        ("What do you want?", True),
        ("Hi, this is Ann and I am out in the garden.", False),
        ("Tom Miller.", False),
        ("", False),
    ],
)
def test_what_is_said_to_somebody_who_listens(said: str, listens: bool) -> None:
    assert answers_us(said) is listens


@pytest.mark.parametrize(
    ("said", "greets"),
    [
        ("Hi, this is Steve. Sorry I missed your call.", True),
        ("You've reached Tom.", True),
        ("I'm not available.", True),
        ("Hi, this is Steve.", False),
    ],
)
def test_what_may_be_the_beginning_of_a_greeting(said: str, greets: bool) -> None:
    assert may_greet(said) is greets


def test_a_key_without_a_purpose_is_not_pressed() -> None:
    assert key_to_a_person("Press 1. Press 2. For Ann, thank you.") == ""
