"""The section of a carrier of WhatsApp messages.

Law: as in `settings`, of which it is a part.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from klaroen.core.model import Channel, Language
from klaroen.core.template import BODY_MAX
from klaroen.core.template import unable as unable_text
from klaroen.core.words import TEXT_MAX
from klaroen.setting_kinds import Rate, SecretFile, TextCarrier, Url

CODES: Final[Mapping[Language, str]] = {"nl": "nl", "fr": "fr", "de": "de", "en": "en", "mul": "nl"}
"""Under which language of the template a text goes, unless told otherwise."""

TemplateLanguage = Annotated[
    str, Meta(pattern=r"^[a-z]{2,3}(_[A-Z]{2,3})?\Z", description="a code such as nl or en_GB")
]


class Whatsapp(TextCarrier, frozen=True, kw_only=True, tag_field="kind", tag="whatsapp"):
    """Templates by the WhatsApp Cloud API, one message a member (R7); never crisis (R10), urgent as R13 has it."""

    url: Url = "https://graph.facebook.com/v23.0"
    """The Graph API with its version; Meta keeps each for some two years."""
    phone_id: Annotated[str, Meta(pattern=r"^[0-9]{1,32}\Z", description="the id of the number, in digits")]
    token_file: SecretFile
    template: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,512}\Z", description="1 to 512 of a-z 0-9 _")]
    """Approved, with one parameter in its body, which gets the text."""
    template_languages: Mapping[Language, TemplateLanguage] = {}
    """Language of the text -> language of the template, where it is another than `CODES` has."""
    text_max: Annotated[int, Meta(ge=1, le=TEXT_MAX)] = BODY_MAX
    """Characters; less where the template has many words of its own."""
    receipt_secret_file: SecretFile | None = None
    """The app's secret, which signs what is posted to us."""
    verify_token_file: SecretFile | None = None
    """What Meta says once, when the webhook is set up."""
    rate_per_s: Rate = 80.0
    """Messages: what a number has by default."""
    requests_max: Annotated[int, Meta(ge=1, le=128)] = 40
    """At once: eighty a second that are answered within half of one."""
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 8.0
    """Below the ten seconds after which an envelope without an answer is unknown."""
    carries: ClassVar[tuple[Channel, ...]] = ("whatsapp",)

    @property
    def names_attempts(self) -> bool:
        """Each receipt brings our key back."""
        return True

    def unable(self, text: str) -> str | None:
        return unable_text(text, self.text_max)
