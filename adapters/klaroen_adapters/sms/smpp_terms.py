"""What every session of one account goes by, and how it says why it ended.

Law: values only; the password is in here and in nothing that is ever written down.
"""

from typing import Literal

from msgspec import Struct

from klaroen.settings import Smpp
from klaroen_adapters.sms.smpp_receipt import IdForm, ReceiptReader
from klaroen_adapters.sms.smpp_status import Statuses


class Terms(Struct, frozen=True):
    """The same for every bind of the account."""

    system_id: str
    password: str
    system_type: str
    window: int
    first_sequence: int
    rate_per_s: float
    """One bind's share of what the carrier drains."""
    response_ms: int
    enquire_ms: int
    id_form: IdForm
    statuses: Statuses
    receipts: ReceiptReader

    def __repr__(self) -> str:
        return f"Terms({self.system_id!r})"


class Ending(Struct, frozen=True):
    """Why a session closed, and what that says about the next one."""

    words: str
    retry: Literal["back_off", "ghost", "refused"] = "back_off"


def make_terms(settings: Smpp, password: str) -> Terms:
    profile = settings.profile
    return Terms(
        system_id=settings.system_id,
        password=password,
        system_type=profile.system_type,
        window=settings.window,
        first_sequence=settings.first_sequence,
        rate_per_s=settings.rate_per_s / settings.binds,
        response_ms=int(profile.response_s * 1000),
        enquire_ms=int(profile.enquire_link_s * 1000),
        id_form=profile.id_resp,
        statuses=Statuses(profile.statuses),
        receipts=ReceiptReader(profile.id_receipt, profile.receipt_means),
    )
