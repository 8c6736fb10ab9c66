"""The application's numbers, and what people write to them."""

from dataclasses import dataclass, field
from datetime import datetime
from xml.etree import ElementTree as ET

import httpx
import structlog

from simulator.script import Fetch
from simulator.webhooks import Webhooks

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Number:
    """One number, with what is asked when somebody writes to it or calls it."""

    sid: str
    phone_number: str
    created_at: datetime
    sms: Fetch | None = None
    voice: Fetch | None = None


@dataclass(slots=True)
class Message:
    """A text message to a number, each answer of the application, and the messages that it sends back."""

    sid: str
    from_: str
    to: str
    body: str
    at: datetime
    answers: list[tuple[str, int]] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    async def deliver(self, number: Number, account_sid: str, webhooks: Webhooks) -> None:
        fields = {
            "MessageSid": self.sid,
            "SmsMessageSid": self.sid,
            "SmsSid": self.sid,
            "AccountSid": account_sid,
            "From": self.from_,
            "To": self.to,
            "Body": self.body,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsStatus": "received",
            "ApiVersion": "2010-04-01",
        }
        asked = number.sms
        while asked is not None:
            try:
                response = await webhooks.request(asked.url, asked.method, fields)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                log.warning("message.failed", sid=self.sid, url=asked.url, error=repr(error))
                self.answers.append((asked.url, 0))
            else:
                self.answers.append((asked.url, response.status_code))
                if response.is_success:
                    self.replies += _messages(response.text)
                    return
            asked = asked.fallback

    def observation(self) -> dict[str, object]:
        return {
            "sid": self.sid,
            "from": self.from_,
            "to": self.to,
            "body": self.body,
            "at": self.at.isoformat(),
            "answers": [{"url": url, "status": status} for url, status in self.answers],
            "replies": list(self.replies),
        }


def _messages(document: str) -> list[str]:
    """The texts of a messaging TwiML's ``<Message>`` verbs; none for what is no TwiML."""
    try:
        root = ET.fromstring(document.strip())  # noqa: S314  (expat bounds entity expansion since 2.4.1)
    except ET.ParseError:
        log.warning("message.answer_not_xml")
        return []
    return ["".join(message.itertext()).strip() for message in root.iter("Message")]
