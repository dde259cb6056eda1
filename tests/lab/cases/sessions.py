"""Sessions that an administrator ends: in the middle of a result, and while idle; and what a driver that tries again meets."""

import time

from stalls import Stalls

from .case import Case, Wrong, refused, saw, speaks

WITHIN = 1.0  # seconds after which an ended session may not be there any more


def gateway_only(bench):
    bench.person.gateway_only("name")
    return {}


def end_session(step, bench):
    for session in bench.target.sessions(bench.person.name):
        bench.target.end_session(session)
    gone(bench)


def disable(step, bench):
    bench.target.disable(bench.person.name)
    gone(bench)


def gone(bench):
    with Stalls() as stalls:
        began = time.monotonic()
        while left := bench.target.sessions(bench.person.name):
            if time.monotonic() - began > WITHIN + stalls.longest:
                raise Wrong(f"after {WITHIN} s, and stalls of {stalls.longest:.3f} s, the session was still there: {left}")
            time.sleep(0.05)


def enable(bench):
    if bench.target.gateway:
        bench.target.enable(bench.person.name)


def cut(answer, bench):
    seen = saw(answer)
    if not seen["error"]:
        raise Wrong(f"the session went on: {seen}")
    if seen.get("rows", 0) >= 100_000:
        raise Wrong("every row arrived")
    if seen["seconds"] > 5:
        raise Wrong(f"the driver noticed only after {seen['seconds']:.1f} s")
    bench.note(seen["error"])
    speaks(seen["error"], bench)
    return seen


def cut_and_welcome_again(answer, bench):
    seen = cut(answer, bench)
    if seen["again"]:
        raise Wrong(f"a new session was refused: {seen['again']}")


def cut_and_refused(answer, bench):
    seen = cut(answer, bench)
    refused({"error": seen["again"]} if seen["again"] else {}, bench, r"disabled|login failed")


CASES = [
    Case("ended in the middle of a result", "ended", cut_and_welcome_again, gateway_only, end_session),
    Case("disabled in the middle of a result", "ended", cut_and_refused, gateway_only, disable, enable),
    Case("disabled while idle", "cut_idle", cut_and_refused, gateway_only, disable, enable),
]
