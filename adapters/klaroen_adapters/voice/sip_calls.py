"""The calling half: what is asked, what becomes of it, and what time does to it.

Law: each call gets one last event, and no telephone is left off the hook: every 2xx is acknowledged, and one that
nobody wants is hung up, however late it comes. What nobody waits for any more is not repeated.
Source: RFC 3261, 8.1.3, 9.1, 13.2.2, 15.1, 17.1.1; RFC 6026.
"""

from typing import Final, Literal

from klaroen.core.model import Instant
from klaroen.core.phases import CONNECTION_LOST
from klaroen_adapters.voice import sip_sdp
from klaroen_adapters.voice.sip_asks import Asks
from klaroen_adapters.voice.sip_call import LEGS_MAX, Ask, Call, Invite, Leg, make_leg
from klaroen_adapters.voice.sip_desk import Desk
from klaroen_adapters.voice.sip_digest import DOORS
from klaroen_adapters.voice.sip_lines import is_name, is_number
from klaroen_adapters.voice.sip_message import Request, Response
from klaroen_adapters.voice.sip_sdp import SdpError
from klaroen_adapters.voice.sip_status import read_retry_after, read_words
from klaroen_adapters.voice.sip_terms import Address, Answered, CallName, Ended, Lost, Probed, Rejected, Ringing
from klaroen_adapters.voice.sip_timers import T1_MS, TRANSACTION_MS

CHALLENGES_MAX: Final = 3
"""Of one door for one call, where it says that only our nonce was old."""
_UNANSWERED: Final = ("calling", "ringing", "cancelling")


class Calls:
    """The calls of one agent."""

    def __init__(self, desk: Desk) -> None:
        self.asks = Asks(desk, self._on_asked)
        self._desk = desk
        self._calls: dict[CallName, Call] = {}
        self._tags: dict[str, Call] = {}
        """By our tag, for as long as somebody may say something about them."""
        self._invites: dict[str, Invite] = {}

    def __len__(self) -> int:
        return len(self._calls)

    # --- what is asked ---

    def invite(
        self,
        name: CallName,
        number: str,
        caller_id: str,
        media: Address,
        *,
        ring_ms: int,
        ring_by_at: int,
        now: Instant,
    ) -> None:
        desk = self._desk
        assert is_name(name), "a call is named as an attempt is"
        assert name not in self._calls, "a call is made once"
        assert is_number(number), "what is called is a number"
        assert not caller_id or is_number(caller_id), "who calls is a number"
        tag = desk.draw()
        said_from, offer = desk.lines.said_from(caller_id, tag), sip_sdp.make_offer(media, now).encode()
        call = Call(name, tag, desk.lines.uri(number), said_from, media, offer, now, ring_ms)
        self._calls[name] = self._tags[tag] = call
        desk.deadlines.set(call, ring_by_at)
        self._send_invite(call, now)

    def hang_up(self, name: CallName, now: Instant) -> None:
        call = self._calls.get(name)
        if call is None:
            return
        if call.talking is not None and call.state == "talking":
            call.state = "hanging"
            self._send_bye(call.talking, now)
        elif call.state in ("calling", "ringing"):
            self._give_up(call, now)

    def probe(self, now: Instant, within_ms: int) -> None:
        desk = self._desk
        branch = desk.branch()
        sent = desk.lines.options(branch, desk.draw(), desk.draw())
        self.asks.send(Ask(branch, "OPTIONS", sent, Instant(now + within_ms), T1_MS), now)

    def lose(self, now: Instant) -> None:
        """The connection is gone: nobody knows of unanswered calls; what was asked is asked again on the next."""
        for call in list(self._calls.values()):
            if call.state in _UNANSWERED:
                self._finish(call, Lost(call.name, CONNECTION_LOST, call.rang), now)
        self.asks.send_again()

    # --- what time brings ---

    def on_call_due(self, call: Call, now: Instant) -> None:
        if call.state == "over":
            del self._tags[call.tag]
            call.forget()
        elif call.state == "cancelling":
            words = "no end after CANCEL" if self._invite_of(call).cancelled else "no answer to the INVITE"
            self._finish(call, Lost(call.name, words, call.rang), now)
        else:
            self._give_up(call, now)

    def on_invite_due(self, invite: Invite, now: Instant) -> None:
        call = invite.call
        if invite.state != "calling" or now >= invite.give_up_at:
            del self._invites[invite.branch]
            was, invite.state = invite.state, "completed"
            if was == "calling" and call.state == "calling":
                self._finish(call, Lost(call.name, "no answer to the INVITE"), now)
        elif call.state != "calling":  # given up: a repeat could only make it ring after all
            self._desk.deadlines.set(invite, invite.give_up_at)
        else:
            self._desk.outbox.append(invite.sent)
            invite.interval_ms *= 2
            self._desk.deadlines.set(invite, min(now + invite.interval_ms, invite.give_up_at))

    # --- what comes ---

    def on_response(self, response: Response, now: Instant) -> None:
        """An answer to nothing that we asked, or to what we wait for no longer, is let be."""
        if response.method != "INVITE":
            self.asks.on_response(response, now)
            return
        invite = self._invites.get(response.via.branch)
        if invite is None:
            return
        if response.sequence != invite.sequence or response.call_id != invite.call.name:
            self._desk.tell("an answer to another INVITE than its branch says")
        elif response.status < 200:
            self._on_provisional(invite, response, now)
        elif response.status < 300:
            self._on_success(invite, response, now)
        else:
            self._on_refusal(invite, response, now)

    def find(self, request: Request) -> Call | None:
        """Return the call in which the peer asks something."""
        call = self._tags.get(request.to_tag)
        return call if call is not None and call.name == request.call_id else None

    def on_bye(self, call: Call, request: Request, now: Instant) -> bool:
        """The peer hangs up. Return whether it is known to us: also one whose 200 is still on its way."""
        leg = call.legs.get(request.from_tag)
        if leg is not None:
            self._close(leg, "peer" if call.state == "talking" else "us", now)
            return True
        if call.state not in _UNANSWERED or len(call.gone) >= LEGS_MAX:
            return False
        call.gone.add(request.from_tag)
        return True

    def _on_provisional(self, invite: Invite, response: Response, now: Instant) -> None:
        call = invite.call
        if invite.state == "calling":
            invite.state, invite.due_at = "proceeding", None
        if invite.state != "proceeding":
            return
        if call.state not in ("calling", "ringing"):
            self._cancel(invite, now)
            return
        sdp = sip_sdp.find_sdp(response)
        if sdp:
            call.early = response.to_tag, sdp
        if response.status in (180, 183) and call.state == "calling":
            call.state = "ringing"
            self._ring(call, response.status)
            self._desk.deadlines.set(call, now + call.ring_ms)

    def _on_success(self, invite: Invite, response: Response, now: Instant) -> None:
        call, desk = invite.call, self._desk
        leg = call.legs.get(response.to_tag)
        if leg is not None:
            desk.outbox.append(leg.ack)
            return
        if len(call.legs) >= LEGS_MAX:
            desk.tell("more answers to one call than are counted")
            return
        leg, fault = make_leg(call, response, desk.terms.trunk, by_address=desk.repeats)
        if fault:
            desk.tell(fault)
        call.legs[leg.tag] = leg
        leg.ack = desk.lines.ack(invite, leg, desk.branch())
        desk.outbox.append(leg.ack)
        invite.state = "accepted"
        desk.deadlines.set(invite, now + TRANSACTION_MS)
        if call.state in ("calling", "ringing"):
            self._answer(call, leg, response, now)
            return
        self._send_bye(leg, now)
        if call.state == "cancelling":
            self._ring(call, 200)
            words = "answered as it was given up"
            self._finish(call, Rejected(call.name, 487, words, rang=True, cancelled=True), now)
        else:
            desk.tell("a second answer to one call" if call.talking else "an answer to a call that was given up")

    def _answer(self, call: Call, leg: Leg, response: Response, now: Instant) -> None:
        self._ring(call, 200)
        early_tag, early = call.early
        try:
            media = sip_sdp.read_answer(sip_sdp.find_sdp(response) or (early if early_tag == leg.tag else b""))
        except SdpError as error:
            self._send_bye(leg, now)
            self._finish(call, Rejected(call.name, 488, str(error), rang=True), now)
            return
        call.state, call.talking, call.media, call.due_at = "talking", leg, media, None
        self._desk.events.append(Answered(call.name, media))
        if leg.tag in call.gone:
            self._finish(call, Ended(call.name, "peer"), now)

    def _on_refusal(self, invite: Invite, response: Response, now: Instant) -> None:
        call, desk = invite.call, self._desk
        if invite.ack is not None:
            desk.outbox.append(invite.ack)
            return
        if invite.state == "accepted":
            return
        invite.state = "completed"
        invite.ack = desk.lines.ack_refusal(invite, response.headers["to"][0])
        desk.outbox.append(invite.ack)
        desk.deadlines.set(invite, now + TRANSACTION_MS)
        if call.state not in _UNANSWERED or self._met(call, response, now):
            return
        self._finish(
            call,
            Rejected(
                call.name,
                response.status,
                read_words(response.reason),
                read_retry_after(response.headers.get("retry-after", ("",))[0]),
                rang=call.rang,
                cancelled=call.state == "cancelling",
            ),
            now,
        )

    def _met(self, call: Call, response: Response, now: Instant) -> bool:
        """Call again with credentials, where they are asked for and we have any that were not just refused."""
        door = DOORS.get(response.status)
        if door is None or call.state == "cancelling":
            return False
        challenge = self._desk.keyring.learn(door, response)
        asked = call.challenges.get(door, 0)
        if challenge is None or asked >= (CHALLENGES_MAX if challenge.stale else 1):
            return False
        call.challenges[door] = asked + 1
        call.sequence += 1
        self._send_invite(call, now)
        return True

    # --- what leaves ---

    def _send_invite(self, call: Call, now: Instant) -> None:
        desk = self._desk
        branch, auth = desk.branch(), desk.keyring.lines("INVITE", call.uri)
        sent, give_up_at = desk.lines.invite(call, branch, auth), Instant(now + TRANSACTION_MS)
        call.invite = self._invites[branch] = Invite(call, branch, call.sequence, sent, auth, give_up_at, T1_MS)
        desk.outbox.append(sent)
        desk.deadlines.set(call.invite, now + T1_MS if desk.repeats else give_up_at)

    def _send_bye(self, leg: Leg, now: Instant, *, challenged: bool = False) -> None:
        desk = self._desk
        leg.call.sequence += 1
        branch = desk.branch()
        sent = desk.lines.bye(leg, branch, desk.keyring.lines("BYE", leg.target))
        self.asks.send(Ask(branch, "BYE", sent, Instant(now + TRANSACTION_MS), T1_MS, leg, challenged), now)

    def _give_up(self, call: Call, now: Instant) -> None:
        """Cancel it; what has not been taken at all yet cannot be cancelled, and is lost at the next tick."""
        call.state = "cancelling"
        self._desk.deadlines.set(call, now)
        invite = self._invite_of(call)
        if invite.state == "proceeding":
            self._cancel(invite, now)

    def _cancel(self, invite: Invite, now: Instant) -> None:
        if invite.cancelled:
            return
        invite.cancelled = True
        sent = self._desk.lines.cancel(invite)
        self.asks.send(Ask(invite.branch, "CANCEL", sent, Instant(now + TRANSACTION_MS), T1_MS), now)
        self._desk.deadlines.set(invite, now + TRANSACTION_MS)
        if invite.call.state == "cancelling":
            self._desk.deadlines.set(invite.call, now + TRANSACTION_MS)

    # --- how it ends ---

    def _on_asked(self, ask: Ask, response: Response | None, now: Instant) -> None:
        """What we asked has its answer, or none."""
        if ask.method == "OPTIONS":
            self._desk.events.append(Probed(None if response is None else response.status))
        if ask.leg is None:
            return
        door = None if response is None else DOORS.get(response.status)
        if response is None or door is None or ask.challenged or self._desk.keyring.learn(door, response) is None:
            self._close(ask.leg, "us", now)
        else:
            self._send_bye(ask.leg, now, challenged=True)

    def _close(self, leg: Leg, by: Literal["us", "peer"], now: Instant) -> None:
        """A leg is over, and its call with it unless that talks on another."""
        call = leg.call
        if call.talking is leg and call.state != "over":
            self._finish(call, Ended(call.name, by), now)

    def _finish(self, call: Call, end: Rejected | Lost | Ended, now: Instant) -> None:
        call.state = "over"
        del self._calls[call.name]
        self._desk.events.append(end)
        self._desk.deadlines.set(call, now + TRANSACTION_MS)
        invite = self._invite_of(call)
        if invite.state == "proceeding" and invite.due_at is None:
            self._desk.deadlines.set(invite, now + TRANSACTION_MS)

    def _ring(self, call: Call, status: int) -> None:
        if not call.rang:
            call.rang = True
            self._desk.events.append(Ringing(call.name, status))

    @staticmethod
    def _invite_of(call: Call) -> Invite:
        assert call.invite is not None, "a call has its INVITE"
        return call.invite
