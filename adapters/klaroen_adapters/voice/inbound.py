"""Callers to the central number at one Asterisk: the shell around `ari_central`.

Law: until its prompts have been spoken once nobody is answered; what a caller waits for is asked of dispatch, and a
caller who hangs up meanwhile changes nothing: what key 1 confirmed is sent.
"""

from collections.abc import Awaitable, Callable
from typing import Final, assert_never

import trio

from klaroen.core.errors import UnspeakableError
from klaroen.core.model import Instant, Language
from klaroen.core.ports import Central, Clock, Fault
from klaroen_adapters.http import Reply
from klaroen_adapters.voice import ari_wire
from klaroen_adapters.voice.ari_central import AriCentral, Question, Warn, Who
from klaroen_adapters.voice.ari_wire import Message, Request

RETRY_S: Final = 60.0
"""A voice that cannot speak now is asked again."""
ANEW_S: Final = 86_400.0
"""Clips that nobody has asked for in a month are forgotten, so these are asked for every day."""
RECORDING_BYTES_MAX: Final = 70 * 8_000
"""A minute, and some more that Asterisk may take to stop."""

Ask = Callable[[Request], Awaitable[Reply | object]]
"""Makes one request over HTTP."""


class Inbound:
    """One Asterisk's; without a central number behind it callers are hung up."""

    def __init__(self, app: str, clips: str, clock: Clock, ask: Ask) -> None:
        self._app, self._clips = app, clips
        self._clock = clock
        self._ask = ask
        self._central: Central | None = None
        self._language: Language = "nl"
        self._desk = AriCentral(app, clips, None)

    def serve(self, central: Central, language: Language) -> None:
        self._central, self._language = central, language

    @property
    def next_at(self) -> Instant | None:
        return self._desk.next_at

    async def prepare(self) -> None:
        """Have the prompts spoken, however long it takes until a voice can; then callers are answered."""
        while self._central is not None:
            try:
                self._desk.open(await self._central.prompts(self._language))
                await trio.sleep(ANEW_S)
            except UnspeakableError:
                await trio.sleep(RETRY_S)

    def receive(self, message: Message) -> None:
        """Take what is about no call of ours."""
        self._desk.receive(message, self._clock.now())

    def tick(self) -> None:
        self._desk.tick(self._clock.now())

    def lost(self) -> None:
        self._desk.lost()

    def take(self) -> tuple[list[Fault], list[Request], list[Question]]:
        return self._desk.take()

    async def answer(self, question: Question) -> None:
        """Have a question answered, and tell the dialogue."""
        central, desk = self._central, self._desk
        assert central is not None, "a caller, and nobody behind the telephone"
        match question:
            case Who(channel, caller, code, pin):
                found = await central.identify(caller, code, pin)
                desk.identified(channel, found.verdict, found.officer, self._clock.now())
            case Warn(channel, officer, recording):
                accepted = await self._warn(central, channel, officer, recording)
                desk.sent(channel, self._clock.now(), accepted=accepted)
            case _:
                assert_never(question)

    async def _warn(self, central: Central, channel: str, officer: str, recording: str) -> bool:
        reply = await self._ask(ari_wire.fetch_recording("fetch", recording))
        if not isinstance(reply, Reply) or reply.status != 200 or not 0 < len(reply.body) <= RECORDING_BYTES_MAX:
            return False
        accepted = await central.warn(channel, officer, reply.body)
        await self._ask(ari_wire.forget_recording("forget", recording))
        return accepted
