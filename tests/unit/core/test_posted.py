"""Faults of any posted type are told by path; alerts' own are tested with `intake`."""

from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from klaroen.core.errors import InputError
from klaroen.core.posted import shaped


class Colour(Struct):
    name: Annotated[Literal["red", "blue"], Meta(description="as painted")]


class Palette(Struct):
    colours: Annotated[tuple[Colour | None, ...], Meta(description="in order")]


def test_choices_are_read_off_the_type_through_lists_and_descriptions() -> None:
    """The words never lag behind the type."""
    with pytest.raises(InputError) as caught:
        shaped({"colours": [None, {"name": "green"}]}, Palette)
    assert caught.value.problem.at == "$.colours[1].name"
    assert caught.value.problem.detail == "colours[1].name must be one of blue, red."


def test_what_fits_is_returned() -> None:
    """As the type that was asked."""
    assert shaped({"colours": [{"name": "red"}]}, Palette) == Palette((Colour("red"),))
