"""What the API answers instead of audio: an object under ``detail``, or a list of what is wrong with the shape."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

_DOCS = "https://elevenlabs.io/docs/eleven-api/resources/errors"


@dataclass
class Refusal(Exception):
    """``code`` names the error, ``legacy`` is its older name, ``param`` what it is about."""

    http_status: int
    type: str
    code: str
    message: str
    legacy: str = ""
    param: str | None = None

    def body(self, request_id: str) -> dict[str, Any]:
        detail = {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "status": self.legacy or self.code,
            "request_id": request_id,
            "param": self.param,
            "docs_url": _DOCS,
        }
        return {"detail": detail}


@dataclass
class Malformed(Exception):
    """A request of a wrong shape: HTTP 422."""

    problems: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, error: ValidationError, where: str) -> "Malformed":
        return cls(
            tuple(
                {"loc": [where, *problem["loc"]], "msg": problem["msg"], "type": problem["type"]}
                for problem in error.errors()
            )
        )

    def body(self) -> dict[str, Any]:
        return {"detail": list(self.problems)}


def no_key() -> Refusal:
    message = "Neither authorization header nor xi-api-key received, please provide one."
    return Refusal(401, "authentication_error", "missing_api_key", message, "needs_authorization")


def wrong_key() -> Refusal:
    return Refusal(401, "authentication_error", "invalid_api_key", "Invalid API key")


def over_quota(quota: int, left: int, needed: int) -> Refusal:
    message = (
        f"This request exceeds your quota of {quota}. You have {left} credits remaining, while {needed} credits are "
        f"required for this request."
    )
    return Refusal(401, "invalid_request", "quota_exceeded", message)


def unpaid() -> Refusal:
    message = "Your account has not enough credits for this request."
    return Refusal(402, "payment_required", "insufficient_credits", message)


def no_voice(voice_id: str) -> Refusal:
    message = f"A voice with the voice_id {voice_id} was not found."
    return Refusal(404, "not_found", "voice_not_found", message, param="voice_id")


def no_model(model_id: str) -> Refusal:
    message = f"A model with the model_id {model_id} was not found."
    return Refusal(404, "not_found", "model_not_found", message, param="model_id")


def no_text() -> Refusal:
    return Refusal(400, "validation_error", "input_text_empty", "The input text is empty.", param="text")


def too_long(characters: int, most: int) -> Refusal:
    message = f"This request's text has {characters} characters and exceeds the character limit of {most} characters."
    return Refusal(400, "validation_error", "max_character_limit_exceeded", message, param="text")


def not_encoded(output_format: str) -> Refusal:
    message = f"The simulator has no encoder for {output_format}: ask for a pcm, ulaw or alaw format."
    return Refusal(400, "validation_error", "unsupported_output_format", message, param="output_format")


def too_many(most: int) -> Refusal:
    message = (
        f"Too many concurrent requests. Your current subscription is associated with a maximum of {most} concurrent "
        f"requests (running in parallel)."
    )
    return Refusal(429, "rate_limit_error", "concurrent_limit_exceeded", message, "too_many_concurrent_requests")


def out_of_order() -> Refusal:
    return Refusal(500, "internal_error", "internal_server_error", "An unexpected error occurred.")
