"""Statements: simple, with parameters, prepared, failing, in transactions, cancelled, several at once."""

from .case import Case, Wrong, same, saw

GREETING = "Grüße, 世界 🎉"


def seen_as(**expected):
    def judge(answer, bench):
        same(saw(answer), expected)

    return judge


def error_told(answer, bench):
    seen = saw(answer)
    if "the lab asks for an error" not in (seen["error"] or ""):
        raise Wrong(f"the server's text did not arrive: {seen['error']}")
    same(seen, {"same_session": True})


def interrupted(answer, bench):
    seen = saw(answer)
    if not seen["error"]:
        raise Wrong("the statement ran to its end")
    if seen["seconds"] > 10:
        raise Wrong(f"it took {seen['seconds']:.1f} s")
    same(seen, {"same_session": True})


def reset(answer, bench):
    seen = saw(answer)
    same(seen, {"leftover": None, "same_session": True})


CASES = [
    Case("simple query", "query", seen_as(one=1, greeting=GREETING, nothing=None)),
    Case("types", "types", seen_as(**{
        "bit": True, "bigint": "9007199254740993", "decimal": "12345.6789", "float": 1.5, "datetime2": "2024-02-29T12:34:56.789",
        "guid": "6F9619FF-8B86-D011-B42D-00C04FC964FF", "varbinary": "00ff10", "nvarchar": GREETING, "null": None,
    })),
    Case("parameters", "parameters", seen_as(sum=42, text="O'Brien -- 世界", nothing=None)),
    Case("prepared, run three times", "prepared", seen_as(labels=["row 1", "row 500", "row 99999"])),
    Case("a statement's error", "server_error", error_told),
    Case("commit and rollback", "transactions", seen_as(committed=2, inside=3, rolled_back=2)),
    Case("cancel, session lives on", "cancel", interrupted),
    Case("query timeout, session lives on", "timeout", interrupted),
    Case("MARS: readers in turns", "mars", seen_as(first=sum(range(1, 20001)), second=sum(range(20001, 40001)), between=7)),
    Case("pool: reset, no leftovers", "pool", reset),
]
