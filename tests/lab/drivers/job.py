"""What every Python driver program shares: the job on standard input, the answer on standard output, and the content that is loaded and compared.

A driver program reads one JSON line, the job, and writes JSON lines: `{"say": …}` for a step that the lab waits for (the program then reads
one line, the go-ahead), and last one of `{"saw": …}` (what it observed: the lab judges), `{"error": …}` (the driver's own text), or
`{"na": …}` (what this driver cannot do, and why).
"""

import hashlib
import json
import sys
import time
import traceback

NUMBERS = "dbo.gatehouse_lab_numbers"
BULK_ROWS = 5000


class NotApplicable(Exception):
    """The driver cannot do this; the text is the reason that the table shows."""


def serve(driver):
    """Does the one job on standard input with the method of `driver` that is called like the job's action."""
    job = json.loads(sys.stdin.readline())
    try:
        action = getattr(driver, job["action"], None)
        if action is None:
            raise NotApplicable(f"the driver's program has no {job['action']}")
        answer = {"saw": action(job)}
    except NotApplicable as reason:
        answer = {"na": str(reason)}
    except Exception as error:
        answer = {"error": text_of(error), "where": traceback.format_exc(limit=-2)}
    write(answer)


def say(step, **facts):
    """Tells the lab that a step is reached, and waits for its go-ahead."""
    write({"say": step, **facts})
    sys.stdin.readline()


def write(answer):
    print(json.dumps(answer, ensure_ascii=False), flush=True)


def text_of(error):
    """The driver's text as a user meets it."""
    parts = [part.decode(errors="replace") if isinstance(part, bytes) else str(part) for part in flat(error.args) if part is not None]
    text = ": ".join(parts) or str(error) or type(error).__name__
    # What a Python user sees in the traceback, too.
    return f"{text} (from: {text_of(error.__cause__)})" if error.__cause__ else text


def flat(values):
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from flat(value)
        else:
            yield value


def failing(attempt):
    """Runs what has to fail: its text and how long it took, or no text when it did not fail."""
    began = time.monotonic()
    try:
        attempt()
    except NotApplicable:
        raise
    except Exception as error:
        return {"error": text_of(error), "seconds": time.monotonic() - began}
    return {"error": None, "seconds": time.monotonic() - began}


def digest_of_numbers(rows):
    """Count, sum and digest of rows of the numbers table."""
    count, total, digest = 0, 0, hashlib.sha256()
    for row in rows:
        count += 1
        total += row[0]
        digest.update(f"{row[0]}:{row[1]}\n".encode())
    return {"rows": count, "sum": total, "digest": digest.hexdigest()}


def big_text(length):
    """A text of `length` characters whose order can be checked."""
    unit = "0123456789abcdef"
    return (unit * (length // len(unit) + 1))[:length]


def digest_of_text(text):
    return {"length": len(text), "digest": hashlib.sha256(text.encode()).hexdigest()}


def bulk_rows(count=BULK_ROWS):
    """Rows to load in bulk: whole numbers, texts beyond ASCII, floats, bytes, and nulls of each."""
    for number in range(1, count + 1):
        yield (
            number,
            None if number % 7 == 0 else f"Name {number} é世",
            None if number % 11 == 0 else number * 0.5,
            None if number % 13 == 0 else number.to_bytes(4, "little") * 5,
        )


def digest_of_bulk(rows):
    """Count and digest of such rows, as read back."""
    count, digest = 0, hashlib.sha256()
    for number, name, price, payload in rows:
        count += 1
        fields = (
            str(number),
            "-" if name is None else name,
            "-" if price is None else str(round(price * 2)),
            "-" if payload is None else bytes(payload).hex(),
        )
        digest.update(("|".join(fields) + "\n").encode())
    return {"rows": count, "digest": digest.hexdigest()}
