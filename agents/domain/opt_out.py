"""Has the person told us to stop calling? Decided by phrases alone, and in doubt for them.

A missed opt-out breaks the law and the promise of the opening ("say stop"); a needless one costs a lead. So every
imperative "stop" counts unless its words clearly speak of something else (renting, a bus, stopping by), and what
speech recognition commonly makes of "calling", "list" and "number" counts too. Fuzzy words (rapidfuzz, 0 to 100) are
accepted only inside a frame that leaves no other sense, such as "stop ... me".
"""

import re

from rapidfuzz import fuzz

from agents.domain.text import clauses

_POLITE = (
    r"(?:(?:please|just|now|no|hey|hi|hello|hold on|wait|ok|yes|yeah|look|listen|well|so|and|but|sorry|sir|maam"
    r"|i said|i say|im saying|can you|could you|would you|will you|you can|you could|you should|you need to"
    r"|you have to|you must|yall|you guys|guys|you|i want you to|i need you to|i would like you to|id like you to"
    r"|i told you to|i asked you to|im asking you to|im telling you to|ill ask you to|kindly|thanks|thank you"
    r"|for the last time|one more time|really|not interested|im not interested|why dont you|lets|let us"
    r"|just please|ava) )*+"
)
_ELSEWHERE = (
    r"by|in|at|over|off|near|sign|signs|light|lights|street|gap|loss|paying|renting|living|commuting|throwing|moving"
    r"|driving|spending|working|looking|waiting|having|being|thinking|losing|dealing|sharing|struggling|doing"
)
_PHRASES = tuple(
    re.compile(pattern)
    for pattern in (
        # stop
        rf"^{_POLITE}stop(?! (?:{_ELSEWHERE})\b)",
        r"(?<!dont )(?<!bus )(?<!non )(?<!full )(?<!pit )(?<!rest )(?<!truck )(?<!train )(?<!transit )(?<!metro )"
        r"(?<!subway )(?<!shuttle )(?<!one )(?<!\ba )(?<!the )(?<!to )(?<!wont )(?<!cant )(?<!last )(?<!first )"
        r"(?<!next )(?<!every )(?<!didnt )(?<!never )(?<!would )(?<!id )\bstop(?: please| now| ok| it| this| that)?$",
        r"\b(?:you|this|it|them|all of you|the calls|these calls) to stop\b(?! (?:" + _ELSEWHERE + r")\b)",
        r"(?<!please dont )(?<!^dont )\b(?:stop|quit|cease|halt|end|no more|enough)"
        r" (?:all |with |of )?(?:the |these |those |this |your |any )*"
        r"(?:calls?|calling|phoning|ringing|dialing|dialling|contacting|contact|bothering|bugging|harassing|pestering"
        r"|phone calls|robocalls|spam|spamming|soliciting|solicitation)\b",
        r"\bwish you(?:d| would)? stop\b",
        # do not call
        r"(?:^|(?<!\bi )(?<!\bwe )(?<!they )(?<!\bhe )(?<!she )(?<!people )(?<!agents )(?<!you )(?<!\bit ))"
        r"\b(?:dont|never|not to|not|cant|shouldnt|mustnt)(?: you| ever| please| even| dare| be| keep| to| go)*"
        r" (?:call|calling|phone|ring|dial|contact|contacting|bother|bothering|solicit)\b"
        r"(?! (?:about|it|to schedule|for a showing|the|a|an|your|their|his|her)\b)"
        r"(?! ?(?:me |us |back |here )*(?:before|until|till|unless|now|right now|tomorrow|today|tonight|yet|so early"
        r"|so late|this early|this late|too early|too late|after|at night|at work|in the|on (?:mon|tues|wednes|thurs"
        r"|fri|satur|sun|week)|during|while|between|earlier|later|at \w+ (?:am|pm|oclock|thirty)|mon|tues|wednes"
        r"|thurs|fri|satur|sun)(?!.*\b(?:again|anymore|ever)\b))",
        r"\b(?:dont|never|not|stop|quit|no)\b.{0,20}\bcall(?:ing|s|ed)?\b.{0,24}\b(?:again|anymore|ever|no more)$",
        r"\b(?:dont|didnt|not|never) (?:\w+ ){0,2}(?:want|wish|like|care|need|consent|agree|ask|asked)(?:ing|ed)?"
        r" (?:for |to (?:be |get |receive |have |keep getting |keep receiving )?)?(?:you (?:guys )?(?:to )?)?(?:any "
        r"|more |anymore |your |these |the |those |this |further |sales |phone |to |ever |keep )*(?:calls?|calling"
        r"|called|contacted|contact me|bothered|phoned|robocalls)\b(?! (?:you|it)\b)",
        r"\b(?:dont|never) (?:want|wish|need) to (?:ever )?(?:hear|be hearing) from (?:you|yall|anyone|your|this)\b",
        r"\brather (?:you|not)(?: \w+){0,3} (?:call|called|contact|contacted)\b",
        r"\b(?:lose|loose|delete|erase|forget|scratch|drop|remove|removed|scrub|clear|block) (?:my|this|our|me|the)"
        r" (?:phone |cell |telephone |contact )?(?:number|name|info|information|contact|details|data)\b",
        r"(?<!had )(?<!got )(?<!get )\bno (?:more )?(?:phone |sales )?calls\b(?! (?:from|about|yet|back|so far))",
        # take me off
        r"\b(?:take|taking|took|get|keep|cross|strike|drop|scratch|pull|put|leave)"
        r" (?:me|us|my (?:\w+ )?(?:number|name|phone|info|information|line|cell)|this (?:\w+ )?(?:number|line)|our"
        r" (?:\w+ )?(?:number|name)) (?:off|out of|of)\b(?! (?:the )?(?:speaker|hold|mute|guard|course|the hook))",
        r"\bremov(?:e|ed|ing) (?:me|us|myself|my (?:\w+ )?(?:number|name|phone|info|information|line|cell)|this"
        r" (?:\w+ )?(?:number|line|phone)|our (?:\w+ )?(?:number|name))\b",
        r"\boff (?:of )?(?:your|the|this|that|yall|all your|any) (?:\w+ ){0,2}(?:list|lists|database|system)\b",
        r"\bcease and desist\b|\bdont call (?:list|registry)\b|\bno call list\b",
        r"\b(?:un|on|an)[ ]?subscribe[d]?\b",
        r"\b(?:opt|opts|opting|opted|opped|op|opp) (?:me |us |this number )?out\b",
        # leave me alone, and the law
        r"\bleave (?:me|us|my family|my \w+) (?:the \w+ )?alone\b|^go away\b|\bget lost\b|^(?:just )?buzz off\b",
        r"\b(?:fuck|piss|bugger|eff|f) off\b|\bfuck you\b|\bscrew (?:you|off)\b|\bgo to hell\b",
        r"\b(?:this is|its|youre|thats|you are) (?:\w+ )?harass(?:ment|ing)\b",
        r"\b(?:report|sue|suing|reporting) (?:you|your company|yall|this number|this call)\b",
        r"\b(?:revoke|withdraw|take back|cancel)(?:ing)? (?:my |any |all )?(?:consent|permission)\b",
        r"\b(?:no|not|never|dont|didnt) (?:\w+ ){0,3}(?:consent|permission)(?: to)? (?:call|contact|phone|you)\b",
        r"\b(?:dont|never|not|no) (?:\w+ ){0,2}(?:have|got|give|gave) (?:you )?(?:my )?(?:consent|permission)\b",
        # said in Spanish
        r"\bno (?:me|nos) (?:llame|llames|llamen|vuelva a llamar|vuelvas a llamar|moleste)\b",
        r"\bno llame(?:n|s)? mas\b",
        r"\b(?:deje|deja|dejen) de (?:llamar|molestar)\w*\b|\b(?:quiteme|quitame|borreme|saqueme) de\b",
    )
)
_NEVER_PHRASES = re.compile(
    r"\b(?:dont|doesnt|didnt|wont) stop\b(?! calling)|^(?:please )?dont stop calling$|\bnon ?stop\b|\bstop ?over\b"
)
_CALL_SOUNDS = ("call", "calling", "calls", "caller", "collin", "coloring", "cowling", "culling", "cold", "coal")
_TRAILERS = frozenset({"again", "anymore", "ever", "no"})
_OWN = frozenset({"me", "us", "my", "this", "here"})


def opts_out(text: str) -> bool:
    """True when any clause of ``text``, or the whole of it, asks not to be called again."""
    pieces = clauses(text)
    candidates = (*pieces, " ".join(pieces)) if len(pieces) > 1 else pieces
    return any(_plain(words) or _misheard(words.split()) for words in candidates)


def _plain(words: str) -> bool:
    if _NEVER_PHRASES.search(words):
        words = _NEVER_PHRASES.sub(" ", words)
    return any(phrase.search(words) for phrase in _PHRASES)


def _misheard(words: list[str]) -> bool:
    """The frames "stop calling me", "don't call me again", "take me off your list", "lose my number", misheard."""
    for place, word in enumerate(words):
        second, third, fourth = (*words[place + 1 : place + 4], "", "", "")[:3]
        if third in _OWN and _like(word, "stop", 75) and (second.endswith("ing") or _sounds_like_call(second)):
            return word not in {"shop", "step", "start", "keep"} or _sounds_like_call(second)
        if (
            word in {"dont", "never", "not"}
            and third in _OWN
            and _sounds_like_call(second)
            and _TRAILERS & set(words[place + 3 :])
        ):
            return True
        if (
            third in {"off", "of"}
            and second in {"me", "us"}
            and _like(word, "take", 75)
            and _like_list(words[place:])
        ):
            return True
        if _like(word, "remove", 72) and (
            (second in {"my", "me", "this"} and _like(third, "number", 67)) or (second == "me" and third == "from")
        ):
            return word != "move" or (third == "from" and _like_list([fourth, *words[place + 3 :]]))
        if (
            word in {"lose", "loose", "lewis", "lewes", "los"}
            and second in {"my", "me"}
            and _like(third, "number", 67)
        ):
            return True
    return False


def _sounds_like_call(word: str) -> bool:
    return bool(word) and any(_like(word, call, 80) for call in _CALL_SOUNDS)


def _like(word: str, other: str, floor: float) -> bool:
    return fuzz.ratio(word, other) >= floor


def _like_list(words: list[str]) -> bool:
    return any(_like(word, "list", 75) for word in words)
