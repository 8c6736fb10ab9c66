"""Spanish as far as a call back needs it: that it is spoken, and a day, an hour, a yes or a no, put into English."""

import re

from agents.domain.text import normalise

SPANISH = "es"
_SPOKEN = re.compile(
    r"\b(?:espanol|habl[ao]\w*|ingles|entiendo|comprendo|entendi|llam(?:e|en|eme|ame|ar|arme)|manana|por favor"
    r"|speak spanish|quien (?:es|habla)|que (?:quiere|desea)|lunes|martes|miercoles|jueves|viernes)\b"
)
_ENGLISH = tuple(
    (re.compile(rf"\b(?:{spanish})\b"), english)
    for spanish, english in (
        ("despues (?:del almuerzo|de comer|de almorzar)", "after lunch"),
        ("despues del trabajo", "after work"),
        ("(?:de|por|en) la manana", "in the morning"),
        ("(?:de|por|en) la tarde", "in the afternoon"),
        ("(?:de|por|en) la noche", "in the evening"),
        ("pasado manana", "day after tomorrow"),
        ("manana", "tomorrow"),
        ("hoy", "today"),
        ("mediodia", "noon"),
        ("lunes", "monday"),
        ("martes", "tuesday"),
        ("miercoles", "wednesday"),
        ("jueves", "thursday"),
        ("viernes", "friday"),
        ("sabado", "saturday"),
        ("domingo", "sunday"),
        ("y media", "thirty"),
        ("y cuarto", "fifteen"),
        ("media hora", "30 minutes"),
        ("minutos?", "minutes"),
        ("horas?", "hours"),
        ("(?:la|el) primer[ao]", "the first"),
        ("(?:la|el) segund[ao]", "the second"),
        ("en(?= \\w+ (?:minutes|hours))|dentro de", "in"),
        ("a las once", "at eleven"),
        ("a las?", "at"),
        ("llam(?:e|en|eme|ame|ar|arme)", "call me"),
        ("si|claro|vale|de acuerdo|esta bien|perfecto|bueno", "yes"),
        ("una?", "one"),
        ("dos", "two"),
        ("tres", "three"),
        ("cuatro", "four"),
        ("cinco", "five"),
        ("seis", "six"),
        ("siete", "seven"),
        ("ocho", "eight"),
        ("nueve", "nine"),
        ("diez", "ten"),
        ("doce", "twelve"),
        ("quince", "fifteen"),
        ("veinte", "twenty"),
        ("treinta", "thirty"),
    )
)
"""The longer before the shorter: "por la mañana" is no tomorrow."""


def is_spanish(text: str) -> bool:
    """Whether ``text`` holds words that only a speaker of Spanish says to us, or that name the language."""
    return _SPOKEN.search(normalise(text)) is not None


def in_english(text: str) -> str:
    """``text`` with the words of a time, and of yes and no, in English; the others as they are, without accents."""
    words = normalise(text)
    for spanish, english in _ENGLISH:
        words = spanish.sub(english, words)
    return words
