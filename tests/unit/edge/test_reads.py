"""Pages, single things, parameters, roles' doors: each call of the contract, its bounds and its problems."""

import jsonschema
import msgspec
import pytest
from tests.unit.edge import samples
from tests.unit.edge.virtual import in_virtual_time
from tests.unit.edge.world import edge_world

from klaroen.core import calls, policy
from klaroen.core.calls import ListAlerts, ListDeliveries, ListNetworks, ShowDelivery, SwitchCarrier
from klaroen.core.errors import PROBLEMS, Problem
from klaroen.core.follow_up import FollowUpRequest
from klaroen.core.intake import AlertRequest
from klaroen.core.mandates import GrantRequest, HaltRequest
from klaroen.core.upkeep import MemberRequest
from klaroen.edge.languages import read_language
from klaroen.edge.openapi import document
from klaroen.edge.rights import RIGHTS, Right
from klaroen.edge.routes import ROUTES, Route

DOCUMENT = document()
TARGETS = {
    "id": "A1",
    "member": "M1",
    "name": "malformed",
    "carrier": "plain",
    "clip": "a" * 64 + ".wav",
    "coordinator": "K1",
    "farewell": "0" * 32,
}
BODIES: dict[object, bytes] = {
    AlertRequest: b'{"class": "warm", "targets": {"networks": ["BIN-0001"]}, "content": {"nl": {"text": "Dag"}}}',
    FollowUpRequest: b'{"to": "reached", "content": {"nl": {"text": "Dank u."}}}',
    MemberRequest: b'{"name": "An Peeters", "adult": true, "mobile": "0470 12 34 56"}',
    GrantRequest: b'{"until": "2027-01-31"}',
    HaltRequest: b'{"reason": "It patrols.", "with": "mayor"}',
}


def secret_for(route: Route) -> str:
    """The police's, save where only another role may call."""
    right = RIGHTS[route.method, route.path]
    barred = isinstance(right, Right) and right.action and not policy.may(samples.token(), right.action)
    return samples.OPERATOR_SECRET if barred else samples.SECRET


def target(route: Route) -> str:
    path = route.path
    for name, value in TARGETS.items():
        path = path.replace("{" + name + "}", value)
    return path


@pytest.mark.parametrize("route", [one for one in ROUTES if one.answer is not None], ids=lambda one: one.path)
@in_virtual_time
async def test_each_answer_is_in_the_shape_that_is_described(route: Route) -> None:
    """What is served and what `/openapi.json` promises are one."""
    async with edge_world() as world:
        if route.path == "/v1/alerts" and route.method == "POST":
            answer = await world.post_alert()
        elif route.body in BODIES:
            headers = {"content-type": "application/json", "idempotency-key": "k"}
            answer = await world.call(route.method, target(route), headers, BODIES[route.body])
        else:
            body = b"RIFF" if route.method == "POST" else b""
            answer = await world.call(route.method, target(route), body=body, secret=secret_for(route))
        assert answer.status == route.success
        responses = DOCUMENT["paths"][route.path][route.method.lower()]["responses"]
        schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
        whole = {**schema, "components": DOCUMENT["components"]}
        jsonschema.Draft202012Validator(whole).validate(answer.json)


@pytest.mark.parametrize("name", PROBLEMS)
@in_virtual_time
async def test_each_problem_is_in_the_shape_that_is_described(name: str) -> None:
    async with edge_world() as world:
        refused: list[dict[str, str | None]] = [{"network": "BIN-1", "rule": None, "reason": "unknown"}]
        unreachable: dict[str, object] = {"count": 1, "reasons": {"no_address": 1}}
        problem = Problem(name, "words", "$.a", "R8", refused, unreachable, 2.0)  # type: ignore[arg-type]
        world.dispatch.answers[calls.ListNetworks] = problem
        answer = await world.get("/v1/networks")
        assert (answer.status, answer.problem) == (PROBLEMS[name][0], name)  # type: ignore[index]
        whole = {"$ref": "#/components/schemas/ProblemView", "components": DOCUMENT["components"]}
        jsonschema.Draft202012Validator(whole).validate(answer.json)
        kind = await world.get(answer.json["type"], secret=None)
        assert kind.json == {"type": answer.json["type"], "title": answer.json["title"], "status": answer.status}


@pytest.mark.parametrize("route", [one for one in ROUTES if one.secured], ids=lambda one: f"{one.method} {one.path}")
@in_virtual_time
async def test_without_a_token_nothing_is_asked(route: Route) -> None:
    async with edge_world() as world:
        for secret in (None, "", "wrong", "x" * 600):
            answer = await world.call(route.method, target(route), secret=secret)
            assert (answer.status, answer.problem) == (401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert world.dispatch.asks == []


@pytest.mark.parametrize("path", sorted({one.path for one in ROUTES}))
@in_virtual_time
async def test_a_method_that_is_not_taken_is_405_with_those_that_are(path: str) -> None:
    async with edge_world() as world:
        route = next(one for one in ROUTES if one.path == path)
        answer = await world.call("PATCH", target(route))
        assert (answer.status, answer.problem) == (405, "method-not-allowed")
        expected = {one.method for one in ROUTES if one.path == path}
        expected |= {"HEAD"} if any(one.method == "GET" and one.headed for one in ROUTES if one.path == path) else set()
        assert set(answer.headers["allow"].split(", ")) == expected


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/alerts/", "/v2/alerts", "/v1/alerts/A-1", f"/v1/alerts/{'x' * 41}", "/v1/receipts/a/b",
     "/v1/receipts/", "/v1/receipts/unknown", "/problems/none", "/v1/alerts/A1\n", "/v1/carriers/a b/avoid"],
)  # fmt: skip
@in_virtual_time
async def test_what_is_served_nowhere_is_404(path: str) -> None:
    async with edge_world() as world:
        method = "POST" if "receipts" in path or "carriers" in path else "GET"
        answer = await world.call(method, path)
        assert (answer.status, answer.problem) == (404, "not-found")


@in_virtual_time
async def test_the_head_of_a_get_can_be_had_and_that_of_a_stream_cannot() -> None:
    async with edge_world() as world:
        assert (await world.call("HEAD", "/healthz", secret=None)).status == 200
        assert (await world.call("HEAD", "/v1/alerts/A1/events")).status == 405
        assert (await world.call("HEAD", "/v1/receipts/kannel")).status == 405


@in_virtual_time
async def test_filters_are_asked_as_they_were_given() -> None:
    async with edge_world() as world:
        await world.get("/v1/alerts?class=warm&state=sending&zone=Z1&before=41")
        await world.get("/v1/alerts/A1/deliveries?network=BIN-0001&state=failed&channel=sms&after=7&limit=1000")
        await world.get("/v1/networks?street=Kerkstraat&municipality=Sint-Niklaas&near=4.03,50.94,500")
        await world.get("/v1/alerts/A1/deliveries")
        listed, paged, near, first = (ask.question for ask in world.dispatch.asks)
        assert listed == ListAlerts("warm", "sending", "Z1", "41")
        assert paged == ListDeliveries("A1", "BIN-0001", "failed", "sms", "7", 1000)  # type: ignore[arg-type]
        assert near == ListNetworks("Kerkstraat", "Sint-Niklaas", (4.03, 50.94, 500.0))
        assert first.limit == 100


@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("/v1/alerts/A1/deliveries?limit=0", "?limit"),
        ("/v1/alerts/A1/deliveries?limit=1001", "?limit"),
        ("/v1/alerts/A1/deliveries?limit=1e2", "?limit"),
        ("/v1/alerts/A1/deliveries?limit=", "?limit"),
        ("/v1/alerts/A1/deliveries?limit=5&limit=6", "?"),
        ("/v1/alerts/A1/deliveries?channel=fax", "?channel"),
        ("/v1/alerts?class=null", "?class"),
        ("/v1/alerts?state=", "?state"),
        ("/v1/alerts?zone=a%0Ab", "?zone"),
        ("/v1/alerts?zones=Z1", "?zones"),
        ("/v1/alerts?before=" + "1" * 201, "?before"),
        ("/v1/networks/BIN-0001/evaluation?from=2026-1-1", "?from"),
        ("/v1/networks/BIN-0001/evaluation?to=yesterday", "?to"),
        ("/v1/networks/BIN-0001/evaluation?since=2026-01-01", "?since"),
        ("/v1/networks?near=4,50", "?near"),
        ("/v1/networks?near=181,50,5", "?near"),
        ("/v1/networks?near=180.5,50,5", "?near"),
        ("/v1/networks?near=4,90.1,5", "?near"),
        ("/v1/networks?near=4,50,0", "?near"),
        ("/v1/networks?near=4,50,50000.1", "?near"),
        ("/v1/networks?near=nan,50,5", "?near"),
    ],
)
@in_virtual_time
async def test_a_parameter_out_of_bounds_is_refused_by_name(path: str, at: str) -> None:
    """A filter that is silently ignored would show more than was asked for."""
    async with edge_world() as world:
        answer = await world.get(path)
        assert (answer.status, answer.problem, answer.json["at"]) == (422, "invalid", at)
        assert world.dispatch.asks == []


@pytest.mark.parametrize("query", ["a=%ff", "&".join(f"a{n}=1" for n in range(17))])
@in_virtual_time
async def test_a_query_that_cannot_be_read_is_400(query: str) -> None:
    async with edge_world() as world:
        answer = await world.get("/v1/alerts?" + query)
        assert (answer.status, answer.problem) == (400, "malformed")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("nl", "nl"),
        ("nl-BE,fr;q=0.8", "nl"),
        ("es, fr;q=0.3, de;q=0.9", "de"),
        ("FR-be", "fr"),
        ("fr;q=0, de;q=0.1", "de"),
        ("*", "en"),
        (";;;,,q=1", "en"),
        ("fr;q=2", "en"),
        ("en;q=0.2, nl;q=0.2", "en"),
    ],
)
def test_the_language_is_the_one_preferred_of_ours(header: str | None, language: str) -> None:
    """texts follow Accept-Language nl, fr, de, en"""
    assert language == read_language(header)


@in_virtual_time
async def test_why_is_asked_in_the_callers_language() -> None:
    async with edge_world() as world:
        await world.get("/v1/alerts/A1/deliveries/M1", headers={"accept-language": "fr-BE"})
        assert world.dispatch.asked(ShowDelivery) == [ShowDelivery("A1", "M1", "fr")]  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", ["avoid", "restore"])
@in_virtual_time
async def test_the_operators_switch(verb: str) -> None:
    async with edge_world() as world:
        answer = await world.call("POST", f"/v1/carriers/proximus/{verb}", secret=samples.OPERATOR_SECRET)
        assert (answer.status, answer.json["name"]) == (200, "proximus")
        assert world.dispatch.asked(SwitchCarrier) == [SwitchCarrier("proximus", verb)]  # type: ignore[arg-type]


@in_virtual_time
async def test_metrics_count_answers_by_pattern_and_never_by_path() -> None:
    async with edge_world() as world:
        await world.get("/v1/alerts/A1")
        await world.get("/v1/alerts/SECRETID/networks", secret=None)
        await world.get("/nowhere/at/all")
        await world.post_alert()
        text = (await world.get("/metrics", secret=None)).body.decode()
        assert 'klaroen_http_requests_total{route="/v1/alerts/{id}",status="200"} 1.0' in text
        assert 'klaroen_http_requests_total{route="/v1/alerts/{id}/networks",status="401"} 1.0' in text
        assert 'klaroen_http_requests_total{route="other",status="404"} 1.0' in text
        assert "klaroen_accept_seconds_count 1.0" in text
        assert "SECRETID" not in text


@in_virtual_time
async def test_the_page_shows_every_call_and_may_load_nothing() -> None:
    async with edge_world() as world:
        answer = await world.get("/docs", secret=None)
        page = answer.body.decode()
        assert all(f"{route.method} {route.path}" in page for route in ROUTES)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "<script" not in page
        assert "http://" not in page
        assert "https://" not in page


@in_virtual_time
async def test_the_document_describes_every_call_once() -> None:
    async with edge_world() as world:
        answer = await world.get("/openapi.json", secret=None)
        assert answer.json == msgspec.json.decode(msgspec.json.encode(DOCUMENT))
        operations = [one for methods in answer.json["paths"].values() for one in methods.values()]
        assert len(operations) == len(ROUTES)
        assert len({one["operationId"] for one in operations}) == len(ROUTES)


@in_virtual_time
async def test_answers_are_for_nobody_else() -> None:
    """What one token may see at one instant is stored nowhere on its way."""
    async with edge_world() as world:
        answer = await world.get("/v1/alerts/A1")
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
        assert samples.SECRET not in str(answer)
