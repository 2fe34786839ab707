"""An alert that is not over: all that dispatch holds of it.

Law: everything here is derived from what the store holds (`recover` builds it, `accept` begins it).
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from klaroen.core.account import Account
from klaroen.core.audience import Audience
from klaroen.core.contacts import OFFICERS
from klaroen.core.expand import Cargo, Planner
from klaroen.core.model import (
    FINAL_STATES,
    Alert,
    AlertState,
    Batch,
    BatchId,
    Channel,
    ClipId,
    Content,
    Instant,
    Language,
    Recorded,
    Text,
)
from klaroen.core.phases import Waits, hold_s
from klaroen.core.plan import CompiledPlan, carries_social_media, compile_plan, goes_urgently, make_offer
from klaroen.core.ports import Clip, Script
from klaroen.core.sheet import Sheet
from klaroen.core.snapshot import Snapshot
from klaroen.core.state import CANCELLED, EXPIRED
from klaroen.core.text import split_sms
from klaroen.core.verdict import Patience
from klaroen.dispatch.narrator import Spoken, Unspoken
from klaroen.dispatch.page import Page
from klaroen.settings import ClassSteps

USUAL_CLIP_S: Final = 10.0
"""What a message takes that is not read yet: some 25 words."""
PROMPT_S: Final = 12.0
"""What asks for a key takes four seconds, and the key has as much time again, with something to spare."""


class OpenAlert:
    """One alert with its audience, its account and the pages of its batches."""

    def __init__(
        self, alert: Alert, audience: Audience, account: Account, planner: Planner, steps: ClassSteps, state: AlertState
    ) -> None:
        self.alert = alert
        self.audience = audience
        self.account = account
        self.planner = planner
        self.steps = steps
        self.patience = patience(steps)
        self.cargo = Cargo(
            alert,
            self.patience.waits,
            dict.fromkeys(alert.recording, 1)
            | {language: len(split_sms(text.text).parts) for language, text in alert.content.items()},
        )
        self.state: AlertState = state
        self.shut: frozenset[int] = frozenset()
        """Networks, by index, that get nothing more of it: stopped, or their grant withdrawn."""
        self.told: frozenset[int] = frozenset()
        """Networks, by index, whose members are told through a coordinator (R11)."""
        self.barred: bytearray | None = None
        """By delivery, whether nothing more leaves: its networks are shut. None for as long as none is."""
        self.expanded = 0
        self.begun_at = alert.accepted_at
        """Since when it may be sent: its acceptance, or the word of whom it waited for."""
        self.expired = False
        self.deciding = 0
        """Words that end it and are not durable yet: nothing leaves meanwhile, and nothing has ended either."""
        self.closing = False
        self.closed = False
        self.pages: dict[BatchId, Page] = {}
        self.open_pages = 0
        self.sequence = 0
        self.first_handover_seen = account.first_ms != 0
        self._contents: dict[tuple[Channel, Language], Content] = {}
        self.spoken: dict[Language, Spoken | None] = {}
        """Its texts read aloud; None while they are being read."""
        self.unread: dict[Language, list[Page]] = {}
        """Batches of calls that wait for it."""
        self.scripts: dict[tuple[str, Language, ClipId], tuple[Script, bool]] = {}
        """By zone, language and clip, and whether nothing is missing in it."""

    @property
    def fully_expanded(self) -> bool:
        return self.expanded >= len(self.audience)

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def may_fly(self) -> bool:
        """Whether anything may be handed over now."""
        return self.state in ("accepted", "sending") and not self.expired

    @property
    def may_expand(self) -> bool:
        """Whether it has its turn: what waits for somebody's word has none before, unless it is over."""
        return self.state != "awaiting_consent" or self.expired

    @property
    def ending(self) -> int | None:
        """The fate of what has not left, once nothing more may leave."""
        if self.state in ("cancelled", "superseded") and not self.deciding:
            return CANCELLED
        return EXPIRED if self.expired else None

    def ending_of(self, delivery: int) -> int | None:
        """The fate of a delivery that has not left, once it may leave no more."""
        if self.ending is None and self.barred is not None and self.barred[delivery]:
            return CANCELLED
        return self.ending

    def ms(self, now: Instant) -> int:
        """Return milliseconds since acceptance, at least 1: the time of the journal's columns."""
        return max(1, now - self.alert.accepted_at)

    def at(self, ms: int) -> Instant:
        return Instant(self.alert.accepted_at + ms)

    def add_page(self, page: Page) -> None:
        self.pages[page.batch.id] = page
        self.open_pages += page.state != "done"

    def content(self, channel: Channel, language: Language) -> Content:
        """Return the same object for each batch, so that a carrier encodes it once."""
        content = self._contents.get((channel, language))
        if content is None:
            text = self.alert.content.get(language) or Text("")  # of a recording without a text
            content = self._contents[channel, language] = Content(
                channel=channel,
                language=language,
                alert_class=self.alert.alert_class,
                text=text.text,
                sha256=sha256(text.text),
                expires_at=self.alert.expires_at,
                parts=self.cargo.parts[language] if channel == "sms" else 1,
                subject=text.subject,
                confirm=self.alert.confirm,
            )
        return content

    @property
    def contents(self) -> Collection[Content]:
        """What has been made to be handed over."""
        return self._contents.values()

    def call_waits(self, batch: Batch, *, keyed: bool = False) -> Waits:
        """Return how long a call of this batch is waited for; a `keyed` carrier rings nobody a second time."""
        steps, clip_s = self.steps, 0.0
        ring_s = 0.0 if keyed else steps.ring_s
        found = self.played(batch.step.channel, batch.language)
        if isinstance(found, Clip | Recorded):
            clip_s = found.duration_s
        held_s = hold_s(steps.ring_s, steps.plays, clip_s, PROMPT_S if self.alert.confirm else 0.0)
        return Waits(*(int(1000 * seconds) for seconds in (batch.wait_s, steps.grace_s, ring_s, held_s)))

    @property
    def usual_call_s(self) -> float:
        """How long a call of this alert takes that is answered after half the ring time and heard to the end."""
        known: list[Clip | Recorded] = [*self.alert.recording.values()]
        known += [one for one in self.spoken.values() if isinstance(one, Clip)]
        clip_s = max((one.duration_s for one in known), default=USUAL_CLIP_S)
        steps = self.steps
        return steps.ring_s / 2 + steps.plays * (clip_s + (PROMPT_S if self.alert.confirm else 0.0))

    def played(self, channel: Channel, language: Language) -> Clip | Recorded | Unspoken | None:
        """Return what is played on this channel (R12), None where it is still being read."""
        recorded, text = self.alert.recording.get(language), self.alert.content.get(language)
        if recorded is not None and (channel == "voice" or text is None):
            return recorded
        return self.spoken.get(language) if text is not None else Unspoken("no text and no recording")

    def plan_batches(self, sheets: Collection[Sheet]) -> list[Page]:
        """Take in batches that are durable now."""
        pages = []
        for sheet in sheets:
            page = Page(self, sheet)
            self.account.plan(sheet)
            self.add_page(page)
            pages.append(page)
        return pages


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def patience(steps: ClassSteps) -> Patience:
    waits: Mapping[Channel, float] = {
        "sms": steps.sms_s,
        "voice": steps.call_s,
        "tts": steps.call_s,
        "email": steps.email_s,
        "whatsapp": steps.whatsapp_s,
    }
    return Patience(waits, steps.grace_s, steps.attempts_max, steps.retry_s)


def make_planner(
    alert: Alert, snapshot: Snapshot, carriers: Collection[Channel], unable: Collection[Channel] = ()
) -> Planner:
    """Return how this alert chooses its steps, by the plan versions that it was accepted with (R3)."""
    offer = make_offer(
        alert.alert_class,
        text=bool(alert.content),
        recording=bool(alert.recording),
        narrowed=alert.channels,
        carriers=carriers,
        unable=unable,
    )
    urgent = goes_urgently(alert.alert_class, alert.urgent)
    held = frozenset(alert.networks.index(name) for name in alert.through)
    plans, hold_ms = tuple(_plans(alert, snapshot)), int(alert.hold_s * 1000)
    return Planner(plans, offer.channels, urgent, offer.allowed & offer.content, held, hold_ms)


def _plans(alert: Alert, snapshot: Snapshot) -> Iterator[CompiledPlan]:
    for name, version in zip(alert.networks, alert.plan_versions, strict=True):
        network = snapshot.networks[name]
        plan = next(plan for plan in network.plans if plan.version == version)
        social = carries_social_media(network, snapshot.zones[network.zone], plan)
        yield OFFICERS if alert.origin == "copy" else compile_plan(plan, social_media=social)
