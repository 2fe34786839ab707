"""What is decided about networks: their members' lists, grants to coordinators, networks stopped and resumed.

Law: the edge reads and bounds what is asked; whether it is so is dispatch's to decide.
"""

from typing import TypeVar

from klaroen.core.mandates import (
    GrantPage,
    GrantRequest,
    GrantView,
    HaltRequest,
    HaltView,
    ListGrants,
    PutGrant,
    ResumeNetwork,
    StopNetwork,
    WithdrawGrant,
)
from klaroen.core.posted import read_json, shaped
from klaroen.core.upkeep import (
    CheckMembers,
    FindingPage,
    ListMembers,
    MemberPage,
    MemberRequest,
    MemberView,
    PutMember,
    RemoveMember,
)
from klaroen.edge.alerts import JSON, read_media_type
from klaroen.edge.desk import Desk
from klaroen.edge.exchange import Call, Reply
from klaroen.edge.queries import MembersQuery, read_query

T = TypeVar("T")


async def _posted(call: Call, shape: type[T]) -> T:
    """Raises InputError."""
    read_media_type(call, JSON)
    return shaped(read_json(await call.body()), shape)


async def list_grants(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, ListGrants(call.parameters["id"]), GrantPage)


async def put_grant(desk: Desk, call: Call) -> Reply:
    request = await _posted(call, GrantRequest)
    return await desk.show(call, PutGrant(call.parameters["id"], call.parameters["coordinator"], request), GrantView)


async def withdraw_grant(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, WithdrawGrant(call.parameters["id"], call.parameters["coordinator"]), GrantView)


async def list_members(desk: Desk, call: Call) -> Reply:
    query = read_query(call.query, MembersQuery)
    return await desk.show(call, ListMembers(call.parameters["id"], query.after, query.limit), MemberPage)


async def check_members(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, CheckMembers(call.parameters["id"], call.language), FindingPage)


async def put_member(desk: Desk, call: Call) -> Reply:
    request = await _posted(call, MemberRequest)
    return await desk.show(call, PutMember(call.parameters["id"], call.parameters["member"], request), MemberView)


async def remove_member(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, RemoveMember(call.parameters["id"], call.parameters["member"]), MemberView)


async def stop_network(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, StopNetwork(call.parameters["id"], await _posted(call, HaltRequest)), HaltView)


async def resume_network(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, ResumeNetwork(call.parameters["id"], await _posted(call, HaltRequest)), HaltView)
