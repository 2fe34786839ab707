"""What may be asked of replies (R17), and by whom.

Law: words are shown to the police of the writer's zone and to nobody else; who wants no cold messages is the list
keeper's to know and to change.
"""

from typing import Final

from klaroen.core import audit, policy
from klaroen.core.errors import InputError, StoreUnavailableError
from klaroen.core.model import MemberId, Network, NetworkId, Token
from klaroen.core.refusals import refuse
from klaroen.core.replies import (
    Correspondence,
    EndQuiet,
    ListQuiet,
    ListReplies,
    PutReplies,
    Quiet,
    QuietPage,
    QuietView,
    ReplyPage,
    ReplyRow,
    ReplyView,
    SayFarewell,
)
from klaroen.core.views import (
    rfc3339,
)
from klaroen.dispatch.accept import unavailable
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.hearing import People, keep
from klaroen.dispatch.hearing import put as put_quiet
from klaroen.dispatch.quieting import member_of
from klaroen.dispatch.subjects import find_subject, read_cursor

SCAN_MAX: Final = 5_000
"""Replies looked at for one page: a token may see few of an alert that concerns many zones."""


async def answer(desk: Desk, token: Token, question: Correspondence) -> ReplyPage | QuietPage:
    """Raises InputError."""
    match question:
        case ListReplies():
            page = _replies(desk, token, question)
            await _enter(desk, token, question, len(page.items))
            return page
        case ListQuiet():
            return _quiet(desk, _kept(desk, token, question.network))
        case EndQuiet():
            return await _end(desk, token, question)


async def _enter(desk: Desk, token: Token, question: ListReplies, count: int) -> None:
    """What members said is a look at members (R7): it is entered before it is shown. Raises InputError."""
    deed = audit.looked(token, desk.clock.now(), count, alert=question.alert)
    try:
        await desk.writer.write(desk.store.enter, deed, urgent=True)
    except StoreUnavailableError as error:
        raise unavailable() from error


async def put(desk: Desk, people: People, question: PutReplies) -> None:
    """Keep what a webhook brought: durable when this returns. Raises InputError."""
    if question.carrier not in desk.stations:
        raise InputError("not-found", "There is no such carrier.")
    try:
        await keep(desk, people, question.replies)
    except StoreUnavailableError as error:
        raise unavailable() from error


async def say_farewell(desk: Desk, question: SayFarewell) -> None:
    """No more cold mails to whose link it is; again and again, if they like. Raises InputError: `not-found`."""
    member = member_of(desk, question.farewell)
    if member is None:
        raise InputError("not-found", "There is no such link, or its reader is no member any more.")
    try:
        await put_quiet(desk, (), [Quiet(member, "email", desk.clock.now(), "mail")], desk.clock.now())
    except StoreUnavailableError as error:
        raise unavailable() from error


# --- what is shown ----------------------------------------------------------------------------------------------------


def _replies(desk: Desk, token: Token, question: ListReplies) -> ReplyPage:
    subject = find_subject(desk, token, question.alert)
    policy.demand(token, "see_replies")
    store, networks, covers = desk.store.replies, desk.register.snapshot.networks, policy.scope_of(token)
    items: list[ReplyView] = []
    after = read_cursor(question.after) or 0
    found = store.of(subject.alert.id, after, SCAN_MAX)
    for number, row in found:
        if len(items) == question.limit:
            return ReplyPage(tuple(items), str(after), store.count(subject.alert.id))
        after = number
        network = networks.get(row.network)
        if network is not None and covers(network):
            items.append(reply_view(row))
    following = str(after) if len(found) == SCAN_MAX else None
    return ReplyPage(tuple(items), following, store.count(subject.alert.id))


def reply_view(row: ReplyRow) -> ReplyView:
    return ReplyView(rfc3339(row.at) or "", row.member, row.network, row.channel, row.kind, row.text)


# --- who wants no cold messages ---------------------------------------------------------------------------------------


def _kept(desk: Desk, token: Token, name: str) -> Network:
    """Return a network whose list the token keeps. Raises InputError."""
    policy.demand(token, "lift_quiet")
    network = desk.register.snapshot.networks.get(NetworkId(name))
    if network is None or not policy.scope_of(token)(network):
        raise refuse("not-found", "no_such_network")
    if token.role == "coordinator" and network.list_keeper != "coordinator":
        raise refuse("not-allowed", "not_list_keeper")
    return network


def _quiet(desk: Desk, network: Network) -> QuietPage:
    ids = desk.register.snapshot.member_ids
    people = sorted({ids[number] for number in desk.register.members_of(network.id)})
    views = [
        QuietView(one.member, one.channel, rfc3339(one.at) or "", one.by)
        for member in people
        for one in desk.quiet.of(member)
    ]
    return QuietPage(tuple(views))


async def _end(desk: Desk, token: Token, question: EndQuiet) -> QuietPage:
    """The member wants cold messages again, as the list keeper has heard."""
    network = _kept(desk, token, question.network)
    number = desk.register.numbers_of.get(MemberId(question.member))
    if number is None or number not in desk.register.members_of(network.id):
        raise refuse("not-found", "no_such_member")
    now = desk.clock.now()
    async with desk.deciding:
        for one in desk.quiet.of(MemberId(question.member)):
            deed = audit.quiet_ended(one, token, now)
            try:
                await desk.writer.write(desk.store.decree, "quiet", one.name, None, now, deed, urgent=True)
            except StoreUnavailableError as error:
                raise unavailable() from error
            desk.quiet.remove(one)
    return _quiet(desk, network)
