"""Grants, and networks stopped and resumed, over HTTP."""

import json

import msgspec
import pytest
from msgspec.structs import replace
from tests.unit.edge import samples
from tests.unit.edge.virtual import in_virtual_time
from tests.unit.edge.world import edge_world

from klaroen.core import calls, mandates, upkeep
from klaroen.core.errors import Problem
from klaroen.core.mandates import GrantRequest, HaltRequest
from klaroen.core.phrases import say
from klaroen.core.refusals import refuse
from klaroen.core.views import RefusedNetwork
from klaroen.edge.languages import read_language

GRANT = "/v1/networks/BIN-0001/grants/K1_0"
JSON = {"content-type": "application/json"}


@in_virtual_time
async def test_R09_the_police_grant_and_withdraw_over_http() -> None:
    """PUT names classes (cold unless said) and a date; DELETE answers with what it was; GET lists."""
    async with edge_world() as world:
        given = await world.call("PUT", GRANT, JSON, b'{"until": "2027-01-31"}')
        assert (200, "K1_0") == (given.status, given.json["coordinator"])
        assert [mandates.PutGrant("BIN-0001", "K1_0", GrantRequest("2027-01-31"))] == world.dispatch.asked(
            mandates.PutGrant
        )
        assert 200 == (await world.call("DELETE", GRANT)).status
        assert [mandates.WithdrawGrant("BIN-0001", "K1_0")] == world.dispatch.asked(mandates.WithdrawGrant)
        listed = await world.get("/v1/networks/BIN-0001/grants")
        assert ["K1_0"] == [one["coordinator"] for one in listed.json["items"]]


@in_virtual_time
async def test_R01_a_network_is_stopped_and_resumed_with_a_reason() -> None:
    """Why, and with whom of the municipality, goes to the audit trail."""
    async with edge_world() as world:
        body = json.dumps({"reason": "It patrols.", "with": "mayor"}).encode()
        stopped = await world.call("POST", "/v1/networks/BIN-0001/stop", JSON, body)
        assert (200, True) == (stopped.status, stopped.json["stopped"])
        assert 200 == (await world.call("POST", "/v1/networks/BIN-0001/resume", JSON, body)).status
        why = HaltRequest("It patrols.", "mayor")
        assert [mandates.StopNetwork("BIN-0001", why)] == world.dispatch.asked(mandates.StopNetwork)
        assert [mandates.ResumeNetwork("BIN-0001", why)] == world.dispatch.asked(mandates.ResumeNetwork)


@pytest.mark.parametrize(
    ("method", "path", "body", "at"),
    [
        ("PUT", GRANT, b"{}", "$.until"),
        ("PUT", GRANT, b'{"until": "tomorrow"}', "$.until"),
        ("PUT", GRANT, b'{"until": "2027-01-31", "classes": ["crisis"]}', "$.classes[0]"),
        ("PUT", GRANT, b'{"until": "2027-01-31", "classes": []}', "$.classes"),
        ("POST", "/v1/networks/BIN-0001/stop", b'{"reason": "x"}', "$.with"),
        ("POST", "/v1/networks/BIN-0001/resume", b'{"with": "mayor"}', "$.reason"),
    ],
)
@in_virtual_time
async def test_what_lacks_a_field_or_breaks_its_bounds_is_refused(method, path, body, at) -> None:
    async with edge_world() as world:
        answer = await world.call(method, path, JSON, body)
        assert (422, "invalid", at) == (answer.status, answer.problem, answer.json["at"])
        assert [] == world.dispatch.asks


MEMBER = "/v1/networks/BIN-0001/members/M1"


@in_virtual_time
async def test_R07_members_are_listed_put_and_removed_over_http() -> None:
    """What is left out is none; a page says where the next begins."""
    async with edge_world() as world:
        listed = await world.get("/v1/networks/BIN-0001/members?limit=1&after=M0")
        assert (["M1"], "M1") == ([one["member"] for one in listed.json["items"]], listed.json["next"])
        assert [upkeep.ListMembers("BIN-0001", "M0", 1)] == world.dispatch.asked(upkeep.ListMembers)
        put = await world.call("PUT", MEMBER, JSON, b'{"name": "An", "adult": true, "mobile": "0470 12 34 56"}')
        assert (200, "active") == (put.status, put.json["status"])
        asked = upkeep.PutMember("BIN-0001", "M1", upkeep.MemberRequest("An", adult=True, mobile="0470 12 34 56"))
        assert [asked] == world.dispatch.asked(upkeep.PutMember)
        assert 200 == (await world.call("DELETE", MEMBER)).status
        assert [upkeep.RemoveMember("BIN-0001", "M1")] == world.dispatch.asked(upkeep.RemoveMember)
        assert "R6" == (await world.get("/v1/networks/BIN-0001/members/check")).json["items"][0]["rule"]


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (b'{"adult": true}', "$.name"),
        (b'{"name": "An"}', "$.adult"),
        (b'{"name": "An\\n", "adult": true}', "$.name"),
        (b'{"name": "An", "adult": true, "status": "removed"}', "$.status"),
        (b'{"name": "An", "adult": true, "number": "0470123456"}', "$.number"),
        (b'{"name": "An", "adult": true, "mobile": "' + b"0" * 41 + b'"}', "$.mobile"),
    ],
)
@in_virtual_time
async def test_a_member_who_lacks_a_field_or_breaks_its_bounds_is_refused(body, at) -> None:
    async with edge_world() as world:
        refused = await world.call("PUT", MEMBER, JSON, body)
        assert (422, at) == (refused.status, refused.json["at"])
        assert [] == world.dispatch.asked(upkeep.PutMember)


REFUSED = [{"network": "BIN-0002", "rule": "R1", "reason": "It was stopped by the police (art. 3).", "code": "stopped"}]


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("nl-BE,nl;q=0.9", "Het werd door de politie stopgezet (art. 3)."),
        ("fr", "Il a été arrêté par la police (art. 3)."),
        ("de-BE", "Es wurde von der Polizei gestoppt (Art. 3)."),
        ("en", "It was stopped by the police (art. 3)."),
        ("zh", "It was stopped by the police (art. 3)."),
    ],
)
@in_virtual_time
async def test_R01_a_refusal_is_said_in_the_callers_language(language: str, reason: str) -> None:
    """In the 202 that names who is left out, and in the problem where nobody is left."""
    async with edge_world() as world:
        refused = tuple(msgspec.convert(REFUSED, list[RefusedNetwork]))
        world.dispatch.answers[calls.Submit] = replace(samples.ACCEPTED, refused=refused)
        accepted = await world.post_alert(headers={"accept-language": language})
        assert [reason] == [one["reason"] for one in accepted.json["refused"]]
        problem = refuse("not-allowed", "crisis_only", at="$.class").problem
        world.dispatch.answers[calls.Submit] = replace(problem, refused=list(REFUSED))
        answer = await world.post_alert(key="k2", headers={"accept-language": language})
        assert (403, [reason]) == (answer.status, [one["reason"] for one in answer.json["refused"]])
        assert say(problem.saying, read_language(language)) == answer.json["detail"]


@in_virtual_time
async def test_what_no_table_says_is_said_as_it_came() -> None:
    async with edge_world() as world:
        unknown = RefusedNetwork("BIN-0009", None, "odd")
        world.dispatch.answers[calls.Submit] = replace(samples.ACCEPTED, refused=(unknown,))
        accepted = await world.post_alert(headers={"accept-language": "nl"})
        assert "odd" == accepted.json["refused"][0]["reason"]
        world.dispatch.answers[calls.Submit] = Problem(
            "nobody", "words", refused=[{"network": "B", "rule": None, "reason": "odd"}]
        )
        answer = await world.post_alert(key="k2", headers={"accept-language": "nl"})
        assert ("words", "odd") == (answer.json["detail"], answer.json["refused"][0]["reason"])
