"""The cases of the lab, in the order of its table: what a driver is asked to do, and how what it saw is judged."""

from . import content, queries, sessions, signing_in

CASES = signing_in.CASES + queries.CASES + content.CASES + sessions.CASES
