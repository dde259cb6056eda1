"""The client lab: real SQL Server drivers against Gatehouse (or straight against a server), case by case, and a table of what came of it.

Started by run.sh, which installs the drivers; README.md says how to use it.
"""

import argparse
import concurrent.futures
import contextlib
import pathlib
import sys
import tempfile
import time

import report
import targets
from bench import DRIVERS, Bench
from cases import CASES
from cases.case import Case, saw


MODES = {"tls": "over TDS 7.x", "strict": "over TDS 8.0 (strict)", "clear": "without TLS"}


def main():
    options = arguments()
    drivers = chosen(options.driver, list(DRIVERS))
    cases = [case for case in CASES if not options.case or any(part.lower() in case.name.lower() for part in options.case)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gatehouse-lab-") as folder, targets.open_target(options, pathlib.Path(folder), drivers) as target:
        target.mode = options.mode
        print(f"The lab runs {len(drivers)} drivers × {len(cases)} cases against {target.description}, {MODES[options.mode]}.", flush=True)
        with numbers_table(target):
            outcomes = run(drivers, cases, target, options.jobs)
    report.table(drivers, cases, outcomes)
    report.explanations(drivers, cases, outcomes)
    print(f"The lab took {time.monotonic() - began:.0f} s against {target.description}, {MODES[options.mode]}.")
    return report.closing_line(outcomes)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--direct", action="store_true", help="straight to the server, without the gateway in between: what is the driver's, and what is the gateway's?")
    parser.add_argument("--driver", action="append", help=f"only this driver (may be repeated): {', '.join(DRIVERS)}")
    parser.add_argument("--case", action="append", help="only cases whose name contains this (may be repeated)")
    parser.add_argument("--mode", choices=("tls", "strict"), default="tls", help="TDS 7.x, with TLS inside PRELOGIN (tls), or TDS 8.0, with TLS first (strict)")
    parser.add_argument("--door", choices=("one", "sql", "connector"), default="one", help="the gateway's one port for everything (one), its door for SQL clients alone (sql), or `gatehouse connect` before it, without TLS (connector)")
    parser.add_argument("--jobs", type=int, default=3, help="how many drivers work at the same time (3)")
    parser.add_argument("--binary", type=pathlib.Path, help="the gatehouse to test (target/release/gatehouse)")
    parser.add_argument("--keep-log", type=pathlib.Path, help="where to leave the appliance's log")
    options = parser.parse_args()
    if options.door == "connector":
        options.mode = "clear"
    return options


def chosen(wanted, known):
    unknown = set(wanted or []) - set(known)
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]


@contextlib.contextmanager
def numbers_table(target):
    """The table of 100,000 rows that the cases read."""
    bench = Bench("ODBC 18", target, target.person("setup"))

    def act(action):
        outcome = bench.try_case(Case(action, action, lambda answer, bench: saw(answer)))
        if outcome.state != "ok":
            sys.exit(f"The lab could not set up its table ({action}): {outcome.text}")

    act("make_numbers")
    try:
        yield
    finally:  # also when the run is interrupted: the server may be somebody's own
        act("drop_numbers")


def run(drivers, cases, target, jobs):
    """Each driver takes its cases one after the other; several drivers work at the same time."""

    def work(driver):
        bench = Bench(driver, target)
        outcomes = {}
        for case in cases:
            outcomes[driver, case.name] = outcome = bench.try_case(case)
            detail = f": {outcome.text}" if outcome.state == "FAIL" else ""
            print(f"  {driver:10}  {case.name:36}  {outcome.state:4}  {outcome.seconds:5.1f} s{detail}", flush=True)
        return outcomes

    outcomes = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in pool.map(work, drivers):
            outcomes |= done
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
