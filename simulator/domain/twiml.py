"""TwiML documents as verbs. Source: https://www.twilio.com/docs/voice/twiml"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET


class TwimlError(ValueError):
    """The document cannot be carried out; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Stream:
    """``<Connect><Stream>``: a media socket in both directions. ``action`` is asked for more when it closes."""

    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    status_callback: str = ""
    action: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Pause:
    length_s: int = 1


@dataclass(frozen=True, slots=True)
class Play:
    url: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Dial:
    """``whisper`` is asked for what the called party hears before the two are put together; a hang-up in it ends
    their side alone.
    """

    number: str
    action: str = ""
    method: str = "POST"
    timeout_s: int = 30
    time_limit_s: int = 14_400
    caller_id: str = ""
    whisper: str = ""
    whisper_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Gather:
    """Keys pressed or words said; ``prompts`` play until then. ``num_digits`` 0: to ``finish_on_key`` or the timeout.

    ``speech`` says whether words are listened for, ``keys`` whether keys are.
    """

    prompts: tuple["Verb", ...] = ()
    action: str = ""
    method: str = "POST"
    timeout_s: int = 5
    num_digits: int = 0
    finish_on_key: str = "#"
    keys: bool = True
    speech: bool = False


Verb = Stream | Hangup | Reject | Redirect | Pause | Play | Say | Dial | Gather


def parse(document: str) -> tuple[Verb, ...]:
    """The verbs in order. Raises TwimlError for anything that is not TwiML or that this carrier does not do."""
    try:
        root = ET.fromstring(document.strip())  # noqa: S314  (expat bounds entity expansion since 2.4.1)
    except ET.ParseError as error:
        raise TwimlError(f"not well-formed XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(f"the root element is <{root.tag}>, not <Response>")
    return tuple(_verb(element) for element in root)


def _verb(element: ET.Element) -> Verb:
    reader = _READERS.get(element.tag)
    if reader is None:
        raise TwimlError(f"<{element.tag}> is not a verb that this carrier knows")
    return reader(element)


def _text(element: ET.Element) -> str:
    text = (element.text or "").strip()
    if not text:
        raise TwimlError(f"<{element.tag}> is empty")
    return text


def _count(element: ET.Element, name: str, default: int) -> int:
    value = element.get(name, str(default))
    if not value.isdigit():
        raise TwimlError(f"<{element.tag}> {name}={value!r} is not a whole number")
    return int(value)


def _method(element: ET.Element) -> str:
    method = element.get("method", "POST").upper()
    if method not in {"GET", "POST"}:
        raise TwimlError(f"<{element.tag}> method={method!r} is neither GET nor POST")
    return method


def _connect(element: ET.Element) -> Stream:
    streams = [child for child in element if child.tag == "Stream"]
    if len(streams) != 1 or len(element) != 1:
        raise TwimlError("<Connect> needs exactly one <Stream>")
    stream = streams[0]
    url = stream.get("url", "")
    if urlsplit(url).scheme not in {"ws", "wss"} or not urlsplit(url).netloc:
        raise TwimlError(f"<Stream> url={url!r} is not a ws or wss URL")
    parameters: dict[str, str] = {}
    for child in stream:
        if child.tag != "Parameter" or not child.get("name"):
            raise TwimlError("<Stream> may hold only <Parameter name= value=>")
        parameters[child.attrib["name"]] = child.get("value", "")
    return Stream(
        url=url,
        parameters=parameters,
        name=stream.get("name", ""),
        status_callback=stream.get("statusCallback", ""),
        action=element.get("action", ""),
        method=_method(element),
    )


def _dial(element: ET.Element) -> Dial:
    number = element.find("Number")
    return Dial(
        number=_text(element if number is None else number),
        action=element.get("action", ""),
        method=_method(element),
        timeout_s=_count(element, "timeout", 30),
        time_limit_s=_count(element, "timeLimit", 14_400),
        caller_id=element.get("callerId", ""),
        whisper="" if number is None else number.get("url", ""),
        whisper_method="POST" if number is None else _method(number),
    )


def _gather(element: ET.Element) -> Gather:
    prompts = tuple(_verb(child) for child in element)
    if not all(isinstance(prompt, Say | Play | Pause) for prompt in prompts):
        raise TwimlError("<Gather> may hold only <Say>, <Play> and <Pause>")
    kinds = set(element.get("input", "dtmf").split())
    if not kinds or kinds - {"dtmf", "speech"}:
        raise TwimlError(f"<Gather> input={element.get('input')!r} is not dtmf, speech or both")
    return Gather(
        keys="dtmf" in kinds,
        speech="speech" in kinds,
        prompts=prompts,
        action=element.get("action", ""),
        method=_method(element),
        timeout_s=_count(element, "timeout", 5),
        num_digits=_count(element, "numDigits", 0),
        finish_on_key=element.get("finishOnKey", "#"),
    )


_READERS: dict[str, Callable[[ET.Element], Verb]] = {
    "Connect": _connect,
    "Hangup": lambda element: Hangup(),
    "Reject": lambda element: Reject(element.get("reason", "rejected")),
    "Redirect": lambda element: Redirect(_text(element), _method(element)),
    "Pause": lambda element: Pause(_count(element, "length", 1)),
    "Play": lambda element: Play(_text(element), _count(element, "loop", 1)),
    "Say": lambda element: Say(_text(element), _count(element, "loop", 1)),
    "Dial": _dial,
    "Gather": _gather,
}
