"""What a caller of one of our numbers hears: who we are, and how not to be called again."""

from django.conf import settings

from calls.models import Call

ASK_AGAIN = "If you do not want to be called again, press 9, or say stop."
NOTHING_CHANGED = "Nothing was changed. Call this number at any time and press 9 to not be called again. Goodbye."
OPTED_OUT = "You will not be called again. Goodbye."
CALLING_BACK = "We will call you back. Goodbye."
NUMBER_HIDDEN = (
    "Your number is hidden, so it could not be taken off our list. Please call again and show your number, "
    "or send the word stop to this number. Goodbye."
)


def greeting(company: str) -> str:
    """One sentence."""
    return (
        f"Hello, this is the automated assistant of {company}, and if you do not want to be called again, "
        f"press 9, or say stop."
    )


def promise(company: str, *, cut_off: bool = False) -> str:
    """For a lead whom the agent could not take, or whose conversation broke off."""
    begin = "I am sorry, we were cut off." if cut_off else f"Hello, this is the automated assistant of {company}."
    return f"{begin} We will call you back very soon. {ASK_AGAIN}"


def apology(company: str) -> str:
    """The conversation broke off, and the person is not to be called."""
    return f"I am sorry, we were cut off. {greeting(company)}"


def listed(company: str) -> str:
    """For a number that is on the list already."""
    return (
        f"Hello, this is the automated assistant of {company}. Your number is on our do-not-call list, "
        f"and you will not be called. Goodbye."
    )


def company_for(number: str) -> str:
    """In whose name the number, in E.164, was called last; the company of the settings where it never was."""
    dialed = Call.objects.filter(to_number=number, dialed_at__isnull=False).select_related("campaign")
    last = dialed.order_by("-dialed_at").first() if number else None
    return (last.campaign.company_name if last else "") or settings.COMPANY_NAME
