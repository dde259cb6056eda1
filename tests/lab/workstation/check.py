"""A workstation's way, walked by programs of other makers over real HTTPS: discovery, OAuth by a browser and by a device code, refreshing, reuse,
revocation, the configuration, and drivers that connect with exactly the strings that it gave.

    check.py [--binary target/release/gatehouse]

authlib (Python) and oauth4webapi (JavaScript, flows.mjs) are the programs; `Browser` is the person. ODBC 18 by pyodbc and tedious connect.
"""

import argparse
import html
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import mssql_python_odbc
import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from appliance import Appliance  # noqa: E402  (it lies one folder up)

CLIENT = "gatehouse-connect"
REDIRECT = "http://127.0.0.1:49152/callback"
WRONG_TRIES = 60
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ODBC_LIBRARY = next(pathlib.Path(mssql_python_odbc.__file__).parent.glob("libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18*"))


class Browser:
    """A person's browser: it keeps cookies, says where a form comes from, and sends the forms as they stand on the page."""

    def __init__(self, facts):
        self.facts, self.site = facts, facts["https_url"].rstrip("/")
        self.session = requests.Session()
        self.session.verify, self.session.trust_env = facts["ca_file"], False  # the machine's own list of authorities would come first
        self.session.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "User-Agent": "Firefox"})

    def open(self, url):
        answer = self.session.get(urllib.parse.urljoin(self.site, url), allow_redirects=False)
        if answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"):
            answer = self.follow(answer)
            answer = self.send(answer, name=self.facts["account"], password=self.facts["password"])
            answer = self.follow(answer)
        return answer

    def follow(self, answer):
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return self.session.get(urllib.parse.urljoin(self.site, answer.headers["location"]), allow_redirects=False)

    def send(self, page, **fields):
        assert page.status_code == 200, (page.status_code, page.text)
        body = page.text.split("<main", 1)[1]
        form = re.search(r'<form(?:[^>]*action="([^"]+)")?', body)
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', body)
        values = {name: html.unescape(value) for name, value in hidden} | fields
        return self.session.post(urllib.parse.urljoin(page.url, html.unescape(form[1] or page.url)), data=values, allow_redirects=False)

    def allow(self, url):
        """Says yes on the consent page; the URL that the program is called back with."""
        answer = self.send(self.open(url), answer="allow")
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return answer.headers["location"]

    def allow_device(self, url):
        confirm = self.send(self.open(url), user_code=urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["user_code"][0])
        done = self.send(confirm, answer="allow")
        assert done.headers.get("location") == "/device/allowed", (done.status_code, done.text)


class Walk:
    """The checks, in the order of a workstation's life."""

    def __init__(self, facts, appliance):
        self.facts, self.appliance, self.site = facts, appliance, facts["https_url"].rstrip("/")
        self.browser = Browser(facts)

    def get(self, path, token=None, **headers):
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return requests.get(urllib.parse.urljoin(self.site, path), headers=headers, verify=self.facts["ca_file"], allow_redirects=False, timeout=90)

    def client(self):
        session = OAuth2Session(
            CLIENT,
            scope="sql workstation.config",
            redirect_uri=REDIRECT,
            token_endpoint_auth_method="none",
            code_challenge_method="S256",
            revocation_endpoint_auth_method="none",
        )
        session.verify, session.trust_env = self.facts["ca_file"], False
        return session

    def metadata(self):
        discovery = self.get("/.well-known/gatehouse").json()
        metadata = self.get(discovery["endpoints"]["oauth"]).json()
        assert metadata["issuer"] == self.site, metadata["issuer"]
        return metadata

    def sign_in(self):
        """A program with a browser, let in: its session with tokens."""
        metadata, client, verifier = self.metadata(), self.client(), generate_token(64)
        url, _ = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        back = self.browser.allow(url)
        assert urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["iss"] == [self.site]
        client.fetch_token(metadata["token_endpoint"], authorization_response=back, code_verifier=verifier)
        return client, back, verifier

    # The checks.

    def a_program_with_a_browser(self):
        client, back, verifier = self.sign_in()
        token = client.token["access_token"]
        assert self.get("/api/v1/workstation/config", token).status_code == 200
        try:
            self.client().fetch_token(self.metadata()["token_endpoint"], authorization_response=back, code_verifier=verifier)
        except OAuthError as error:
            assert error.error == "invalid_grant", error
        else:
            raise AssertionError("a code counted twice")
        assert self.get("/api/v1/workstation/config", token).status_code == 401, "its program is put out"

    def refreshing_and_reuse(self):
        client, *_ = self.sign_in()
        endpoint, first = self.metadata()["token_endpoint"], client.token["refresh_token"]
        lost = client.refresh_token(endpoint, first)["refresh_token"]
        arrived = client.refresh_token(endpoint, first)
        second = arrived["refresh_token"]
        assert len({first, lost, second}) == 3
        assert self.get("/api/v1/workstation/config", arrived["access_token"]).status_code == 200
        for token in (first, second):
            try:
                client.refresh_token(endpoint, token)
            except OAuthError as error:
                assert error.error == "invalid_grant", error
            else:
                raise AssertionError("a refresh token counted that was used or put out")

    def revocation(self):
        client, *_ = self.sign_in()
        access, refresh = client.token["access_token"], client.token["refresh_token"]
        answer = client.revoke_token(self.metadata()["revocation_endpoint"], refresh, token_type_hint="refresh_token")
        assert answer.status_code == 200, answer.text
        assert self.get("/api/v1/workstation/config", access).status_code == 401

    def a_program_without_a_browser(self):
        metadata, client = self.metadata(), self.client()
        begun = requests.post(metadata["device_authorization_endpoint"], data={"client_id": CLIENT, "scope": "sql"}, verify=self.facts["ca_file"], timeout=20).json()
        try:
            client.fetch_token(metadata["token_endpoint"], grant_type=DEVICE_GRANT, device_code=begun["device_code"])
        except OAuthError as error:
            assert error.error == "authorization_pending", error
        self.browser.allow_device(begun["verification_uri_complete"])
        time.sleep(begun["interval"] + 0.5)  # the protocol's own pace
        token = client.fetch_token(metadata["token_endpoint"], grant_type=DEVICE_GRANT, device_code=begun["device_code"])
        assert token["scope"] == "sql", token

    def another_makers_second_library(self):
        """oauth4webapi checks the issuer, the state, PKCE, content types and cache headers of every answer by itself."""
        environment = os.environ | {"NODE_EXTRA_CA_CERTS": self.facts["ca_file"]}
        command = ["node", str(HERE / "flows.mjs"), self.site, CLIENT, REDIRECT]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        with program:
            for line in program.stdout:
                kind, _, rest = line.strip().partition(" ")
                if kind == "open":
                    program.stdin.write(self.browser.allow(rest) + "\n")
                elif kind == "device":
                    self.browser.allow_device(rest)
                    program.stdin.write("\n")
                else:
                    assert kind == "done", line
                program.stdin.flush()
        assert program.returncode == 0, program.returncode

    def a_change_reaches_who_waits(self):
        client, *_ = self.sign_in()
        token = client.token["access_token"]
        first = self.get("/api/v1/workstation/config", token)
        tag, answered = first.headers["etag"], []
        assert self.get("/api/v1/workstation/config", token, **{"If-None-Match": tag}).status_code == 304
        wait = threading.Thread(target=lambda: answered.append(self.get("/api/v1/workstation/config?wait=60", token, **{"If-None-Match": tag})))
        wait.start()
        self.appliance.admin("integration", "add", "intranet", "--no-check", "free", "--value", "start=https://intranet.example")
        wait.join(50)  # sooner than the wait itself would end
        assert answered and answered[0].status_code == 200, answered
        assert answered[0].json()["integrations"][0]["name"] == "intranet", answered[0].text

    def drivers_with_the_very_strings(self):
        client, *_ = self.sign_in()
        config = self.get("/api/v1/workstation/config", client.token["access_token"]).json()
        strings = config["databases"][0]["connection_strings"]
        environment = os.environ | {"SSL_CERT_FILE": self.facts["ca_file"], "NODE_EXTRA_CA_CERTS": self.facts["ca_file"]}
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "odbcinst.ini").write_text(f"[ODBC Driver 18 for SQL Server]\nDriver = {ODBC_LIBRARY}\n")
            program = "import pyodbc, sys; print(pyodbc.connect(sys.stdin.read()).execute('SELECT DB_NAME()').fetchval())"
            told = run([sys.executable, "-c", program], strings["odbc"], environment | {"ODBCSYSINI": folder})
        other = run(["node", str(HERE / "connect.mjs")], strings["tedious"], environment)
        assert told and told == other, (told, other)

    def names_are_not_told_apart_by_time(self):
        """Wrong passwords for a known, an unknown and a disabled account take equally long: the three by turns, so that a busy machine slows all of them."""
        self.appliance.admin("account", "add", "gone", secret="correct-horse-battery-9")
        self.appliance.disable("gone")
        names = {"known": self.facts["account"], "unknown": "nobody-of-that-name", "disabled": "gone"}
        times, stranger = {kind: [] for kind in names}, Browser(self.facts)
        for turn in range(WRONG_TRIES):  # a browser shows the form again, with 422
            for kind in random.sample(list(names), len(names)):
                body = {"next": "/", "name": names[kind], "password": f"wrong-horse-battery-{turn}"}
                began = time.perf_counter()
                answer = stranger.session.post(f"{self.site}/sign-in", data=body, allow_redirects=False)
                times[kind].append(time.perf_counter() - began)
                assert answer.status_code == 422, (kind, answer.status_code)
        medians = {kind: statistics.median(taken) for kind, taken in times.items()}
        told = ", ".join(f"{kind} {taken * 1000:.1f} ms" for kind, taken in medians.items())
        print(f"wrong passwords, medians of {WRONG_TRIES}: {told}")
        # A name that was looked up and not hashed would be some ten times faster.
        assert max(medians.values()) < 1.5 * min(medians.values()), told


def run(command, text, environment):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--binary", default="target/release/gatehouse", type=pathlib.Path)
    options = options.parse_args()
    good = bad = 0
    with tempfile.TemporaryDirectory() as folder:
        appliance = Appliance(options.binary, pathlib.Path(folder) / "data", None, False)
        with appliance.running() as facts:
            walk = Walk(facts, appliance)
            for check in (
                walk.a_program_with_a_browser,
                walk.refreshing_and_reuse,
                walk.revocation,
                walk.a_program_without_a_browser,
                walk.another_makers_second_library,
                walk.a_change_reaches_who_waits,
                walk.drivers_with_the_very_strings,
                walk.names_are_not_told_apart_by_time,
            ):
                try:
                    check()
                    good += 1
                except Exception as error:  # each check is told, whatever it met
                    bad += 1
                    print(f"FAILED: {check.__name__}: {type(error).__name__}: {error}")
    print(f"{good} passed, {bad} failed")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main())
