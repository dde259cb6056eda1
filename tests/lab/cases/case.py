"""One case: a row of the lab's table."""

import dataclasses
import re
from collections.abc import Callable


class Wrong(Exception):
    """What was seen is not what it has to be; the text says both."""


class NotHere(Exception):
    """The case does not apply to this target; the text says why."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A driver program's action with some fields of its job, and the judgement of its answer."""

    name: str
    action: str
    judge: Callable  # (answer, bench) -> None, or raises Wrong
    fields: Callable = lambda bench: {}  # more fields of the job; may raise NotHere
    during: Callable | None = None  # (step, bench) -> None: what the lab does when the program says that a step is reached
    after: Callable | None = None  # (bench) -> None: what is put back in order afterwards


def saw(answer):
    """What the driver observed; its own error is wrong here."""
    if "saw" not in answer:
        raise Wrong(answer.get("error") or f"no answer: {answer}")
    return answer["saw"]


def same(seen, expected):
    """Every field that is expected is seen so."""
    for field, value in expected.items():
        if seen.get(field) != value:
            raise Wrong(f"{field} is {brief(seen.get(field))}, expected {brief(value)}")


def refused(answer, bench, *patterns):
    """The driver was refused with a text that matches, and that gives nothing away."""
    text = answer.get("error")
    if text is None:
        raise Wrong(f"was not refused: {brief(answer)}")
    bench.note(text)
    speaks(text, bench, *patterns)


def speaks(text, bench, *patterns):
    """The text says what its reader needs, and neither the SQL login nor the server's address."""
    for pattern in patterns:
        if not re.search(pattern, text, re.IGNORECASE):
            raise Wrong(f"the text lacks {pattern!r}: {text}")
    for secret in bench.target.hidden:
        if secret.lower() in text.lower():
            raise Wrong(f"the text shows {secret!r}: {text}")


def brief(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
