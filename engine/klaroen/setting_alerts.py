"""The sections about what is posted and how long it is kept.

Law: as in `settings`, of which they are a part.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from klaroen.setting_kinds import Days, Nis5, OpenFile, Section, Years


class Cap(Section, frozen=True):
    """How CAP messages are read: the profile of the authorities that post them."""

    text: Literal["description", "instruction"] = "description"
    headline: Literal["subject", "ignore"] = "subject"
    municipalities: Mapping[Nis5, Annotated[str, Meta(min_length=1, max_length=200)]] = {}
    """NIS5 code -> the municipality's name in the register."""
    signers: Annotated[tuple[OpenFile, ...], Meta(max_length=100)] = ()
    """Certificates in PEM; where there are any, each message is signed by one of them."""


class Retention(Section, frozen=True):
    addresses_days: Days = 30
    texts_days: Days = 365
    recordings_days: Days = 30
    replies_days: Days = 30
    audit_years: Years = 10
    counts_years: Years = 10
