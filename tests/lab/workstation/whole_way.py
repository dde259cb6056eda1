"""The whole way of a person, from the demo to the disabled account, as the demo's own words tell it.

    whole_way.py [--binary target/release/gatehouse]

Nothing is looked up in a file: addresses, passwords and commands are what `gatehouse demo` prints. Chromium is the person's browser; Microsoft's ODBC driver
is given the string that the page shows; FreeTDS's tsql, without encryption, goes through `gatehouse connect`. Each step needs those before it.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import mssql_python_odbc

from chromium import Chromium
from session import Session

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "drivers"), str(HERE.parent)]

import freetds  # noqa: E402  (it lies in another folder)
from stalls import Stalls  # noqa: E402

ODBC_LIBRARY = next(pathlib.Path(mssql_python_odbc.__file__).parent.glob("libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18*"))
START_LIMIT = 60  # seconds
CUT_LIMIT = 1.0  # seconds after the command that disables the account has ended
SIGNED_OUT = 4  # the connector's exit code for it


class Way:
    """The steps, and what each leaves to the next."""

    def __init__(self, binary, folder, ends):
        self.binary, self.folder, self.ends = binary.resolve(), folder, ends
        home = folder / "home"
        home.mkdir()
        # A machine of its own, with a screen: what opens a page there notes its address.
        tools = folder / "tools"
        tools.mkdir()
        self.opened = folder / "opened"
        (tools / "xdg-open").write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >>{shlex.quote(str(self.opened))}\n')
        (tools / "xdg-open").chmod(0o755)
        (folder / "odbcinst.ini").write_text(f"[ODBC Driver 18 for SQL Server]\nDriver = {ODBC_LIBRARY}\n")
        self.environment = {"HOME": str(home), "TMPDIR": str(folder), "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin", "DISPLAY": ":0", "LANG": "C.UTF-8",
                            "ODBCSYSINI": str(folder)}

    def start(self, command, log):
        """A program that runs until the way has ended."""
        errors = self.ends.enter_context(open(self.folder / log, "wb"))
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, env=self.environment)
        self.ends.callback(stop, program)
        return program

    def logs(self):
        """The end of what the programs logged."""
        return "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in sorted(self.folder.glob("*.log")))

    # The steps.

    def the_demo_says_where_to_go(self):
        self.demo = self.start([self.binary, "demo", "--port", "0"], "demo.log")
        printed = until(self.demo, "Ctrl-C ends it.")
        facts = dict(re.findall(r"^  (\S+) +(\S+)$", printed, re.M))
        facts |= {"SHA-256": re.search(r"^  SHA-256 +(\S+)$", printed, re.M)[1], "trust": re.search(r"^  trust +(.+)$", printed, re.M)[1]}
        self.url, self.account, self.password, self.database = (facts[name] for name in ("page", "account", "password", "database"))
        self.authority = facts["trust"]
        self.connect, self.disable = (shlex.split(re.search(rf"^  (.* {words} .*)$", printed, re.M)[1]) for words in ("connect", "admin account disable"))
        assert self.url.startswith("https://"), self.url
        assert self.disable[-3] == self.account, self.disable
        self.environment["SSL_CERT_FILE"] = self.authority

    def the_printed_page_opens_and_its_form_signs_in(self):
        (self.folder / "browser").mkdir()
        self.browser = self.ends.enter_context(Chromium(self.folder / "browser", self.authority))
        self.browser.open(self.url)
        self.browser.follow("Sign in")
        self.browser.fill("Sign in", name=self.account, password=self.password)
        assert f"You are signed in as {self.account}" in self.browser.text(), self.browser.text()

    def the_workstations_page_has_an_odbc_string_to_copy(self):
        self.browser.follow("Workstations")
        assert self.password not in self.browser.driver.page_source, "the page tells the account's own password"
        without = self.browser.copy_below("ODBC driver 18")
        self.browser.fill("Make a password, and show the strings with it")
        self.string = self.browser.copy_below("ODBC driver 18")
        rest, passwords = re.subn(r"PWD=\{[^}]+\};", "", self.string)
        assert passwords == 1 and rest == without, (without, self.string)
        assert self.password not in self.string, "the string has the account's own password"

    def odbc_connects_with_exactly_that_string(self):
        self.odbc = Session.odbc(self.string, self.environment)
        self.ends.callback(self.odbc.end)
        self.real_name = self.odbc.ask("SELECT DB_NAME()")
        assert self.real_name.isalnum() and self.real_name != self.database, self.odbc.end()
        self.odbc.keep()

    def a_program_that_the_person_refuses_is_told_so(self):
        connector, link = self.started_connector("--sign-in")
        self.browser.open(link)
        assert "Let" in self.browser.text() and "asks to act for you" in self.browser.text(), self.browser.text()
        self.browser.fill("Deny")
        assert "The sign-in was refused" in self.browser.text(), self.browser.text()
        assert connector.wait(START_LIMIT) not in (0, None), "it is let in"

    def gatehouse_connect_signs_in_by_the_browser(self):
        self.connector, link = self.started_connector("--listen", "127.0.0.1:0")
        self.browser.open(link)
        self.browser.fill("Allow")
        assert self.browser.driver.current_url.startswith("http://127.0.0.1:"), self.browser.driver.current_url
        assert "You may close this page" in self.browser.text(), self.browser.text()
        printed = until(self.connector, "connected to ")
        assert f"as {self.account}; databases: {self.database}" in printed, printed
        self.port = int(re.search(r"^programs connect to 127\.0\.0\.1:(\d+)$", printed, re.M)[1])

    def started_connector(self, *options):
        """The printed command, and the link that it opened in the browser, which is the one that it printed."""
        self.opened.unlink(missing_ok=True)
        connector = self.start([*self.connect, "--keep", "file", *options], "connector.log")
        link = until(connector, "/oauth/authorize?").split()[-1]
        wait_for(self.opened.exists, "it opened no page")
        wait_for(lambda: self.opened.read_text().endswith("\n"), "it opened no whole address")
        assert self.opened.read_text() == f"{link}\n", (self.opened.read_text(), link)
        return connector, link

    def a_program_without_encryption_connects_to_it(self):
        job = {"host": "127.0.0.1", "port": self.port, "mode": "clear", "database": self.database, "ca_file": None, "work": str(self.folder)}
        freetds.configure(job)
        self.environment["FREETDSCONF"] = os.environ["FREETDSCONF"]
        self.tsql = self.unencrypted()
        self.ends.callback(self.tsql.end)
        answer = self.tsql.ask("SELECT DB_NAME()")
        assert answer == self.real_name, f"{answer} {self.tsql.end()}"
        self.tsql.keep()

    def unencrypted(self):
        return Session.tsql(freetds.SERVER, "sa", "any password", self.database, self.environment)

    def disabling_the_account_ends_both_within_a_second(self):
        with Stalls() as stalls:
            wait_for(lambda: self.odbc.answered and self.tsql.answered, "they do not answer")
            began = time.monotonic()
            subprocess.run(self.disable, env=self.environment, check=True, capture_output=True, timeout=60)
            ended = time.monotonic()
            for name, session in (("ODBC", self.odbc), ("tsql", self.tsql)):
                wait_for(lambda session=session: session.gone, f"{name} is still served: {session.answered}")
                words = session.end()
                limit = CUT_LIMIT + stalls.longest
                assert session.gone > began, f"{name} was gone before: {words}"
                assert session.answered > began - limit, f"{name} had stopped answering before"
                assert session.gone - ended <= limit, f"{name} was gone {session.gone - ended:.3f} s after the command, with stalls of {stalls.longest:.3f} s"
                assert "The session was ended: the account" in words, f"{name} is not told why: {words}"
                print(f"    {name} was gone {session.gone - began:.3f} s after the command was given, which took {ended - began:.3f} s")

    def nobody_gets_in_anew(self):
        words = refused(Session.odbc(self.string, self.environment))
        assert "28000" in words and "18456" in words, words
        assert self.connector.wait(START_LIMIT) == SIGNED_OUT, self.connector.returncode
        log = (self.folder / "connector.log").read_text()
        assert "sign in again" in log, log
        assert "Connection refused" in refused(self.unencrypted())

    def the_browser_is_signed_out(self):
        self.browser.open(self.url + "account")
        assert self.browser.path() == "/sign-in", (self.browser.driver.current_url, self.browser.text())
        self.browser.fill("Sign in", name=self.account, password=self.password)
        assert self.browser.path() == "/sign-in" and "You are signed in" not in self.browser.text(), self.browser.text()

    def ctrl_c_ends_the_demo_and_leaves_nothing(self):
        left = pathlib.Path(self.disable[-1])
        assert left.is_dir(), left
        self.demo.send_signal(signal.SIGINT)
        assert self.demo.wait(START_LIMIT) == 0, (self.folder / "demo.log").read_text()
        assert not left.exists(), list(left.iterdir())


def until(program, words):
    """All that it prints, up to the line with these words."""
    printed = ""
    for line in program.stdout:
        printed += line
        if words in line:
            return printed
    raise AssertionError(f"it ended without {words!r}: {printed}")


def refused(session):
    """What a program says that is let in no more."""
    session.write(f"SELECT 4711\n{session.ending}")
    words = session.end()
    assert session.program.returncode != 0 and "4711" not in words, f"it is let in: {words}"
    return words


def wait_for(condition, otherwise):
    limit = time.monotonic() + START_LIMIT
    while not condition():
        assert time.monotonic() < limit, otherwise
        time.sleep(0.01)


def stop(program):
    program.terminate()
    try:
        program.wait(20)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--binary", default="target/release/gatehouse", type=pathlib.Path)
    options = options.parse_args()
    good = bad = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        way = Way(options.binary, pathlib.Path(folder), ends)
        for step in (
            way.the_demo_says_where_to_go,
            way.the_printed_page_opens_and_its_form_signs_in,
            way.the_workstations_page_has_an_odbc_string_to_copy,
            way.odbc_connects_with_exactly_that_string,
            way.a_program_that_the_person_refuses_is_told_so,
            way.gatehouse_connect_signs_in_by_the_browser,
            way.a_program_without_encryption_connects_to_it,
            way.disabling_the_account_ends_both_within_a_second,
            way.nobody_gets_in_anew,
            way.the_browser_is_signed_out,
            way.ctrl_c_ends_the_demo_and_leaves_nothing,
        ):
            what = step.__name__.replace("_", " ")
            if bad:
                bad += 1
                print(f"NOT REACHED: {what}")
                continue
            try:
                step()
                good += 1
                print(f"ok: {what}")
            except Exception as error:  # the step is told, whatever it met
                bad += 1
                print(f"FAILED: {what}: {type(error).__name__}: {error}\n{way.logs()}")
    print(f"{good} passed, {bad} failed")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main())
