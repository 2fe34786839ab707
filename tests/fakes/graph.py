"""Meta's Graph API as far as messages of the WhatsApp Cloud API go: it refuses what Meta refuses.

Law: it shares no code with our adapters, and signs its posts by its own hand. What befalls a number is written in
`errors`; what a telephone shows is kept in `copies`.
Source: WhatsApp Business Platform, "Messages API", "Template messages", "Error codes", "Webhooks".
"""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import Any

import trio
from tests.fakes.carrier_peers import StreamPeer
from tests.fakes.http_peer import Got, Stream, read_request, response

from klaroen.testing import Copy

PHONE_ID, TEMPLATE = "106540352242922", "bin_bericht"
NO_PARAM = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
BODY_MAX = 1024


class GraphPeer(StreamPeer):
    """One number with one approved template, which has one parameter and these languages."""

    languages: Sequence[str] = ("nl", "fr", "de", "en")

    def __init__(self, nursery: trio.Nursery) -> None:
        super().__init__(nursery)
        self.errors: dict[str, int] = {}
        """Number -> the code with which a message to it is refused."""
        self.sent: list[tuple[str, str]] = []
        """(id, our own mark), in order."""
        self.tokens: set[str] = set()
        """What callers showed."""

    async def serve(self, stream: Stream) -> None:
        while (got := await read_request(stream)) is not None:
            self.tokens.add(got.headers.get("authorization", ""))
            message = json.loads(got.body)
            code, words = self._fault(got, message)
            if code is None:
                text = message["template"]["components"][0]["parameters"][0]["text"]
                self.copies.append(Copy(message["to"], text))
                self.sent.append((f"wamid.{len(self.sent)}", message["biz_opaque_callback_data"]))
            if self.manner == "cut":
                return
            if self.manner == "silence":
                await trio.sleep_forever()
            if code is None:
                contact = {"input": message["to"], "wa_id": message["to"].lstrip("+")}
                answer = {"messaging_product": "whatsapp", "contacts": [contact]}
                answer["messages"] = [{"id": self.sent[-1][0], "message_status": "accepted"}]
                await stream.send_all(response(200, json.dumps(answer).encode()))
            else:
                status = {130429: 429, 190: 401, 131000: 500}.get(code, 400)
                error = {"message": f"(#{code}) {words}", "type": "OAuthException", "code": code, "fbtrace_id": "A"}
                await stream.send_all(response(status, json.dumps({"error": error}).encode()))

    def _fault(self, got: Got, message: dict[str, Any]) -> tuple[int | None, str]:
        """Return the code and words of what is wrong with a message, if anything is."""
        if (got.method, got.target) != ("POST", f"/v23.0/{PHONE_ID}/messages"):
            return 100, "Unsupported post request"
        head = (message["messaging_product"], message["recipient_type"], message["type"])
        if head != ("whatsapp", "individual", "template") or len(message["biz_opaque_callback_data"]) > 512:
            return 100, "Invalid parameter"
        template = message["template"]
        (component,) = template["components"]
        (parameter,) = component["parameters"]
        if template["name"] != TEMPLATE or template["language"]["code"] not in self.languages:
            return 132001, "Template does not exist in the translation"
        if (component["type"], parameter["type"]) != ("body", "text"):
            return 132012, "Template Parameter Format Mismatch"
        if re.search("[\n\r\t\u2028\u2029]| {5}", parameter["text"]):
            return 100, NO_PARAM
        if len(parameter["text"]) > BODY_MAX:
            return 132005, "Template Hydrated Text Too Long"
        if self.manner == "refuse":
            return 131026, "Message undeliverable"
        code = self.errors.get(message["to"])
        return code, "as it was told"


def status(
    ref: str, state: str, mark: str | None = None, *, at_s: int = 1_795_302_931, code: int = 0
) -> dict[str, Any]:
    """Return one status of a message, as Meta tells it."""
    told: dict[str, Any] = {"id": ref, "status": state, "timestamp": str(at_s), "recipient_id": "32470000001"}
    told["conversation"] = {"id": "c", "origin": {"type": "utility"}}
    if mark is not None:
        told["biz_opaque_callback_data"] = mark
    if code:
        told["errors"] = [{"code": code, "title": "t", "message": "m", "error_data": {"details": "d"}}]
    return told


def post(*statuses: dict[str, Any], phone: str = PHONE_ID, field: str = "messages", **value: Any) -> bytes:
    """Return the body of one post to the webhook."""
    metadata = {"display_phone_number": "3221234567", "phone_number_id": phone}
    told = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": list(statuses), **value}
    entry = {"id": "102290129340398", "changes": [{"field": field, "value": told}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def sign(secret: bytes, body: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
