"""The page behind the link in a cold mail: one click, and only a click (RFC 8058)."""

from tests.unit.edge.virtual import in_virtual_time
from tests.unit.edge.world import edge_world

from klaroen.core.errors import Problem
from klaroen.core.replies import SayFarewell

PATH = "/v1/farewells/" + "a1" * 16
FORM = {"content-type": "application/x-www-form-urlencoded"}


@in_virtual_time
async def test_looking_at_the_page_changes_nothing() -> None:
    """Mail programs and virus scanners open links."""
    async with edge_world() as world:
        page = await world.call("GET", PATH, secret=None)
        assert (200, "text/html; charset=utf-8", "no-store") == (
            page.status,
            page.headers["content-type"],
            page.headers["cache-control"],
        )
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert b"List-Unsubscribe" in page.body
        assert [] == world.dispatch.asks


@in_virtual_time
async def test_R17_one_click_is_durable_before_200() -> None:
    async with edge_world() as world:
        clicked = await world.call("POST", PATH, FORM, b"List-Unsubscribe=One-Click", secret=None)
        assert 200 == clicked.status
        (question,) = world.dispatch.asked(SayFarewell)
        assert "a1" * 16 == question.farewell
        world.dispatch.answers[SayFarewell] = Problem("unavailable", "The store cannot write now.")
        assert 503 == (await world.call("POST", PATH, FORM, b"", secret=None)).status


@in_virtual_time
async def test_a_link_that_is_none_is_not_found() -> None:
    async with edge_world() as world:
        for path in ("/v1/farewells/x", "/v1/farewells/" + "A1" * 16, PATH + "0"):
            assert 404 == (await world.call("POST", path, FORM, b"", secret=None)).status
        world.dispatch.answers[SayFarewell] = Problem("not-found", "There is no such link.")
        assert 404 == (await world.call("POST", PATH, FORM, b"", secret=None)).status
        assert 413 == (await world.call("POST", PATH, FORM, b"x" * 5_000, secret=None)).status
