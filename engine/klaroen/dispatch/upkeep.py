"""Members' lists over HTTP, for a network's list keeper and the police of its zone (R4, R6, R7).

Law: the charter says who keeps the list: a coordinator in office where it says so, else the police alone (R23). Every
look is in the audit trail before it is answered, every change in the commit that makes it. A person who is in other
networks too is changed by whoever keeps all of them; others only add or end a membership of people whom they know.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
import trio
from msgspec.structs import asdict, replace

from klaroen.core import audit, policy, upkeep
from klaroen.core.errors import InputError, StoreUnavailableError
from klaroen.core.model import Member, MemberId, MemberNumber, Network, NetworkId, Token
from klaroen.core.phrases import say
from klaroen.core.refusals import refuse
from klaroen.core.register_rows import RegisterVersion
from klaroen.core.rules import WordsLanguage
from klaroen.core.upkeep import FindingPage, FindingView, MemberPage, MemberRequest, MemberView
from klaroen.core.views import rfc3339
from klaroen.dispatch.accept import unavailable
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.versions import edit
from klaroen.register.check import Finding, check_register
from klaroen.register.keys import KeyFault
from klaroen.register.members import COLUMNS, Person
from klaroen.register.merge import in_office
from klaroen.register.model import FieldError, Register
from klaroen.register.sealing import person_of

log = structlog.get_logger()

View = MemberPage | FindingPage | MemberView

READ: Final = ("name", "language", "mobile", "landline", "email", "whatsapp")
"""Fields that are judged as in an import; the others are bounded by their types."""


async def answer(desk: Desk, token: Token, question: upkeep.Upkeep) -> View:
    """Raises InputError; `internal-error` where a row was tampered with, or its key is another."""
    try:
        return await _answer(desk, token, question)
    except KeyFault as fault:
        log.warning("a row of the register cannot be opened", words=str(fault))
        raise InputError("internal-error", "A row of the register cannot be opened: the log says why.") from None


async def _answer(desk: Desk, token: Token, question: upkeep.Upkeep) -> View:
    match question:
        case upkeep.ListMembers():
            return await _list(desk, token, question)
        case upkeep.CheckMembers():
            return await _check(desk, token, question)
        case upkeep.PutMember():
            async with desk.enrolling:
                return await _put(desk, token, question)
        case upkeep.RemoveMember():
            async with desk.enrolling:
                return await _remove(desk, token, question)


def kept_network(desk: Desk, token: Token, name: str) -> Network:
    """Return a network whose list this token keeps. Raises InputError (R7)."""
    policy.demand(token, "keep_list")
    network = desk.register.snapshot.networks.get(NetworkId(name))
    if network is None or not policy.scope_of(token)(network):
        raise refuse("not-found", "no_such_network")
    if not keeps(token, network):
        raise refuse("not-allowed", "not_list_keeper")
    return network


def keeps(token: Token, network: Network) -> bool:
    if not policy.scope_of(token)(network):
        return False
    if token.role == "coordinator":
        return network.list_keeper == "coordinator" and token.coordinator_id in in_office(network)
    return token.role == "police"


# --- looks ------------------------------------------------------------------------------------------------------------


async def _list(desk: Desk, token: Token, question: upkeep.ListMembers) -> MemberPage:
    network = kept_network(desk, token, question.network)
    members = await trio.to_thread.run_sync(desk.book.members_of, network.id)
    found = [member for member in members if question.after is None or member.id > question.after]
    shown = found[: question.limit]
    since = await trio.to_thread.run_sync(desk.book.standing_since, network.id, [member.id for member in shown])
    items = tuple(replace(member_view(one, network.id), since=rfc3339(since.get(one.id))) for one in shown)
    await _write(desk, desk.store.enter, audit.looked(token, desk.clock.now(), len(items), network=network.id))
    return MemberPage(items, items[-1].member if len(found) > question.limit else None)


async def _check(desk: Desk, token: Token, question: upkeep.CheckMembers) -> FindingPage:
    """R6: whom the plan cannot reach, and when."""
    network, now = kept_network(desk, token, question.network), desk.clock.now()
    members = await trio.to_thread.run_sync(desk.book.members_of, network.id)
    own = tuple(replace(member, memberships=_of(member, network.id)) for member in members)
    register = Register((desk.register.snapshot.zones[network.zone],), (network,), own)
    found = await trio.to_thread.run_sync(check_register, register, now)
    await _write(desk, desk.store.enter, audit.looked(token, now, len(own), network=network.id))
    return FindingPage(tuple(finding_view(one, question.language) for one in found))


def finding_view(one: Finding, language: WordsLanguage) -> FindingView:
    words = say(one.saying, language) if one.saying else one.words
    return FindingView(one.rule, one.member, words, one.windows)


def member_view(member: Member, network: NetworkId, stopped: int = 0) -> MemberView:
    ((_, status, house_rules),) = _of(member, network)
    person = person_of(member)._asdict()
    return MemberView(member.id, network, status=status, house_rules=house_rules, deliveries_stopped=stopped, **person)


def _of(member: Member, network: NetworkId) -> tuple[Any, ...]:
    return tuple(one for one in member.memberships if one[0] == network)


# --- changes ----------------------------------------------------------------------------------------------------------


async def _put(desk: Desk, token: Token, question: upkeep.PutMember) -> MemberView:
    network, request = kept_network(desk, token, question.network), question.request
    person = read_person(request)
    if request.status == "active" and not request.adult:
        raise refuse("invalid", "members_are_adults", at="$.adult")
    known = await trio.to_thread.run_sync(desk.book.member, question.member)
    if known is not None:
        _demand_person(desk, token, known, person)
    number = await _number_of(desk, known, question.member)
    others = () if known is None else tuple(one for one in known.memberships if one[0] != network.id)
    memberships = tuple(sorted((*others, (network.id, request.status, request.house_rules))))
    member = Member(number, MemberId(question.member), *person, memberships)
    stopped = await _enrol(desk, token, network, known, member, "member_put")
    return member_view(member, network.id, stopped)


async def _remove(desk: Desk, token: Token, question: upkeep.RemoveMember) -> MemberView:
    """Leaving is a right (R4): the membership stays as removed, and nothing more is handed over."""
    network = kept_network(desk, token, question.network)
    known = await trio.to_thread.run_sync(desk.book.member, question.member)
    if known is None or not _of(known, network.id):
        raise refuse("not-found", "no_such_member")
    memberships = tuple(
        (name, "removed" if name == network.id else status, house_rules)
        for name, status, house_rules in known.memberships
    )
    member = replace(known, memberships=memberships)
    stopped = 0 if member == known else await _enrol(desk, token, network, known, member, "member_removed")
    return member_view(member, network.id, stopped)


async def _enrol(desk: Desk, token: Token, network: Network, known: Member | None, member: Member, what: Any) -> int:
    now, version = desk.clock.now(), desk.imported.version + 1
    deed = audit.enrolled(what, token, network.id, member.id, version, now)
    made = RegisterVersion(version, now, token.name, "list")
    before = () if known is None else (known,)
    try:
        return await edit(desk.book, desk.writer.write, before, (member,), made, deed, desk)
    except StoreUnavailableError as error:
        raise unavailable() from error


async def _number_of(desk: Desk, known: Member | None, name: str) -> MemberNumber:
    """Return the member's number, which is for life; the next one for somebody new."""
    if known is not None:
        return known.number
    history = await trio.to_thread.run_sync(desk.book.rows.history, "member", name)
    earlier = next((row.number for row in reversed(history) if row.number is not None), None)
    return MemberNumber(desk.book.rows.numbers_given() if earlier is None else earlier)


def _demand_person(desk: Desk, token: Token, known: Member, person: Person) -> None:
    """Raises InputError where somebody else keeps this person's data too, and they would be other than they are."""
    networks = desk.register.snapshot.networks
    elsewhere = [name for name, status, _ in known.memberships if status != "removed"]
    if person != person_of(known) and not all(keeps(token, networks[name]) for name in elsewhere if name in networks):
        raise refuse("not-allowed", "kept_elsewhere", at="$")


def read_person(request: MemberRequest) -> Person:
    """Return what the request says of the person, as an import would. Raises InputError by field and rule."""
    values: dict[str, Any] = asdict(request)
    for field in READ:
        try:
            values[field] = COLUMNS[field](values[field] or "")
        except FieldError as error:
            raise InputError("invalid", f"{field} {error.words}.", at=f"$.{field}", rule=error.rule) from None
    preference: Sequence[str] = request.preference
    if len(set(preference)) != len(preference):
        raise refuse("invalid", "channel_twice", at="$.preference")
    return Person(**{field: values[field] for field in Person._fields})


async def _write(desk: Desk, method: Callable[..., Any], *args: Any) -> None:
    """Raises InputError where the disk refuses: then it is not done either."""
    try:
        await desk.writer.write(method, *args, urgent=True)
    except StoreUnavailableError as error:
        raise unavailable() from error
