"""Content: many rows, large values both ways, bulk load, every packet size; all compared with what was sent."""

import pathlib
import sys

from .case import Case, Wrong, same, saw

sys.path.append(str(pathlib.Path(__file__).parent.parent / "drivers"))
from job import big_text, bulk_rows, digest_of_bulk, digest_of_numbers, digest_of_text  # noqa: E402

ROWS = 100_000
BIG = 2 * 1024 * 1024  # characters of two bytes: 4 MiB
PACKET_SIZES = (512, 4096, 16384, 32767)


def numbers():
    """The content of the numbers table."""
    return ((number, f"row {number}") for number in range(1, ROWS + 1))


def all_rows(answer, bench):
    same(saw(answer), digest_of_numbers(numbers()))


def big_value(answer, bench):
    same(saw(answer), digest_of_text(big_text(BIG)))


def big_parameter(answer, bench):
    same(saw(answer), digest_of_text(big_text(BIG)) | {"bytes": BIG * 2})


def loaded(answer, bench):
    same(saw(answer), digest_of_bulk(bulk_rows()))


def packets(size):
    def judge(answer, bench):
        seen = saw(answer)
        same(seen, {"rows": 20_000, "sum": sum(range(1, 20_001)), "text": True})
        agreed = seen.get("negotiated")
        if agreed and agreed > size:
            raise Wrong(f"asked for packets of {size} bytes, got {agreed}")

    return judge


CASES = [
    Case("100,000 rows", "all_rows", all_rows),
    Case("a parameter of 4 MB", "big_parameter", big_parameter, lambda bench: {"length": BIG}),
    Case("a value of 4 MB", "big_value", big_value, lambda bench: {"length": BIG}),
    Case("bulk load, read back", "bulk", loaded),
    Case("array inserts, read back", "array_inserts", loaded),
    *(Case(f"packets of {size}", "packets", packets(size), lambda bench, size=size: {"packet_size": size}) for size in PACKET_SIZES),
]
