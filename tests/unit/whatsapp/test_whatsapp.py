"""What a section of the configuration becomes."""

from pathlib import Path

from klaroen.core.model import CarrierName
from klaroen.setting_whatsapp import Whatsapp
from klaroen.testing import TrioClock
from klaroen_adapters.whatsapp.whatsapp import account_of, build
from klaroen_adapters.whatsapp.whatsapp_wire import Account


async def test_a_number_is_asked_at_its_own_address_in_the_templates_languages(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    settings = Whatsapp(
        name=CarrierName("meta"),
        channels=("whatsapp",),
        url="https://graph.test/v23.0/",
        phone_id="17",
        token_file=str(token),
        template="bin",
        template_languages={"en": "en_GB", "mul": "fr"},
    )

    async def emit(events: object) -> None:
        """Nobody listens."""

    codes = {"nl": "nl", "fr": "fr", "de": "de", "en": "en_GB", "mul": "fr"}
    assert Account("https://graph.test/v23.0/17/messages", "t0ken", "bin", codes, 1024) == account_of(settings)
    assert CarrierName("meta") == build(settings, emit, TrioClock()).name
