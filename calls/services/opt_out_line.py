"""What a caller of one of our numbers hears: who we are, and how not to be called again."""

from django.conf import settings

from calls.models import Call

ASK_AGAIN = "If you do not want to be called again, press 9, or say stop."
NOTHING_CHANGED = "Nothing was changed. Call this number at any time and press 9 to not be called again. Goodbye."
OPTED_OUT = "You will not be called again. Goodbye."
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


def company_for(number: str) -> str:
    """In whose name the number was called last; the company of the settings where it never was."""
    dialed = Call.objects.filter(to_number=number, dialed_at__isnull=False).select_related("campaign")
    last = dialed.order_by("-dialed_at").first()
    return (last.campaign.company_name if last else "") or settings.COMPANY_NAME
