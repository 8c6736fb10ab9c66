"""The carrier's error answers, with Twilio's codes. Source: https://www.twilio.com/docs/api/errors"""

from dataclasses import dataclass


@dataclass(slots=True)
class CarrierError(Exception):
    """An error answer of the REST API: ``status`` is the HTTP status, ``code`` Twilio's own number."""

    status: int
    code: int
    message: str

    def body(self) -> dict[str, object]:
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def authentication() -> CarrierError:
    return CarrierError(401, 20003, "Authenticate")


def not_found(path: str) -> CarrierError:
    return CarrierError(404, 20404, f"The requested resource {path} was not found")


def invalid_parameter(message: str) -> CarrierError:
    return CarrierError(400, 20001, message)


def no_to() -> CarrierError:
    return CarrierError(400, 21201, "No 'To' number is specified")


def invalid_to(number: str) -> CarrierError:
    return CarrierError(400, 21211, f"The phone number you are attempting to call, {number}, is not valid.")


def no_from() -> CarrierError:
    return CarrierError(400, 21213, "A 'From' phone number is required.")


def invalid_from(number: str) -> CarrierError:
    return CarrierError(
        400, 21212, f"The source phone number provided, {number}, is not a valid, E.164-formatted phone number."
    )


def unverified_from(number: str) -> CarrierError:
    return CarrierError(400, 21210, f"The source phone number provided, {number}, is not yet verified.")


def no_url() -> CarrierError:
    return CarrierError(400, 21205, "Url parameter is required.")


def invalid_url(url: str) -> CarrierError:
    return CarrierError(400, 21205, f"Url is not a valid URL: {url}")


def invalid_application() -> CarrierError:
    return CarrierError(400, 21218, "ApplicationSid is not valid: this carrier knows no applications.")


def invalid_status_callback(url: str) -> CarrierError:
    return CarrierError(400, 21609, f"Invalid 'StatusCallback' URL: {url}")


def invalid_number(number: str) -> CarrierError:
    return CarrierError(400, 21421, f"PhoneNumber {number} is invalid")


def number_taken(number: str) -> CarrierError:
    return CarrierError(400, 21422, f"{number} is not available")


def not_in_progress() -> CarrierError:
    return CarrierError(400, 21220, "Call is not in-progress. Cannot redirect.")


def document_parse_failure(why: str) -> CarrierError:
    return CarrierError(400, 12100, f"Document parse failure: {why}")


def too_many_requests() -> CarrierError:
    return CarrierError(429, 20429, "Too Many Requests")
