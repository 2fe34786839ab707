"""The sections about what is posted, and what is kept of persons: under which keys, for how long.

Law: as in `settings`, of which they are a part.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from klaroen.setting_kinds import Days, Nis5, OpenFile, SecretFile, Section, Years


class Cap(Section, frozen=True):
    """How CAP messages are read: the profile of the authorities that post them."""

    text: Literal["description", "instruction"] = "description"
    headline: Literal["subject", "ignore"] = "subject"
    municipalities: Mapping[Nis5, Annotated[str, Meta(min_length=1, max_length=200)]] = {}
    """NIS5 code -> the municipality's name in the register."""
    signers: Annotated[tuple[OpenFile, ...], Meta(max_length=100)] = ()
    """Certificates in PEM; where there are any, each message is signed by one of them."""


class RegisterSettings(Section, frozen=True):
    keys_file: SecretFile | None = None
    """Holds the keys that seal members' names, numbers and addresses; else `data_dir/keys/register.keys`."""


class Retention(Section, frozen=True):
    addresses_days: Days = 30
    texts_days: Days = 365
    recordings_days: Days = 30
    replies_days: Days = 30
    audit_years: Years = 10
    counts_years: Years = 10
