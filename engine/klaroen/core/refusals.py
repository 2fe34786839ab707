"""A refusal: a code and what it is about, said in English where it happens and a caller's language where he reads."""

from msgspec import UNSET

from klaroen.core.errors import InputError, Problem, ProblemName, Saying
from klaroen.core.phrases import rule_of, say


def refuse(name: ProblemName, code: str, *, at: str | None = None, rule: str | None = None, **about: str) -> InputError:
    """Return the error that says so; `rule` is for phrases that serve several rules."""
    saying = (Saying(code, about),)
    cited = rule or rule_of(code)
    return InputError.of(Problem(name, say(saying), at or UNSET, cited or UNSET, saying=saying))
