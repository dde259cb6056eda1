"""The appliance under test: started, administered by its own command line, and stopped."""

import contextlib
import dataclasses
import json
import re
import secrets
import socket
import subprocess
import time

START_LIMIT = 60  # seconds


class Appliance:
    """`gatehouse` with a data folder of its own."""

    def __init__(self, binary, folder, log, sql_door):
        self.binary, self.folder, self.sql_door = str(binary), folder, sql_door
        self.instance = "LAB" if browser_port_is_free() else None
        self.log = log or folder.parent / "gatehouse.log"
        self.connectors = []

    @contextlib.contextmanager
    def running(self, server=None):
        """The demonstration, whose facts are in its demo.json; with a `server`, an alias for that one instead of the sample server's."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [self.binary, "demo", "--data-dir", str(self.folder), "--port", "0", "--server-port", "0"]
        if self.sql_door:
            command += ["--sql-port", "0"]
        # Seven drivers at one address give wrong passwords on purpose.
        command += ["--set", "sign_in.throttle_free_tries=1000"]
        if self.instance:
            command += ["--set", "listen.browser=127.0.0.1:1434,[::1]:1434", "--set", f"listen.browser_instances={self.instance}"]
        with open(self.log, "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            facts = self.facts(process)
            if server:
                facts["database"] = self.trust_and_alias(server)
            yield facts
        finally:
            for started in [*self.connectors, process]:
                started.terminate()
                try:
                    started.wait(20)
                except subprocess.TimeoutExpired:
                    started.kill()
                    started.wait()

    def facts(self, process):
        path = self.folder / "demo.json"
        limit = time.monotonic() + START_LIMIT
        while not path.exists():
            if process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"gatehouse did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.1)
        return json.loads(path.read_text())

    def connector(self, facts, person, folder):
        """The port of a `gatehouse connect` with this person's device."""
        secret = folder / f"{person.device}.secret"
        secret.touch(mode=0o600)
        secret.write_text(person.device_secret)
        url, state = facts["https_url"], folder / f"{person.device}.connector"
        command = [self.binary, "connect", url, "--fingerprint", facts["ca_sha256"], "--listen", "127.0.0.1:0", "--allow-other-users",
                   "--device-secret-file", str(secret), "--state-dir", str(state)]
        with open(self.log, "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        self.connectors.append(process)
        port = None
        for line in process.stdout:
            if line.startswith("programs connect to "):
                port = int(line.rsplit(":", 1)[1])
            if line.startswith("connected to "):
                return port
        raise SystemExit(f"gatehouse connect did not start:\n{self.log.read_text()[-2000:]}")

    # Administration, each by one call of the command line.

    def admin(self, *arguments, secret=None):
        """What `gatehouse admin … --json` answers."""
        command = [self.binary, "admin", *arguments, "--json", "--data-dir", str(self.folder)]
        if secret is not None:
            command.append("--password-stdin")
        done = subprocess.run(command, input=(secret or "") + "\n", capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[1:])}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def make_person(self, driver, grant):
        """An account that may use the database, with everything that it can sign in with, and another one that is disabled."""
        name = "lab-" + re.sub(r"\W+", "-", driver.lower())
        password = secrets.token_urlsafe(18)
        for account in (name, f"{name}-off"):
            self.admin("account", "add", account, "--default-database", grant["database"], secret=password)
            self.admin("grant", "add", grant["database"], "--account", account, "--access", "owner", "--login", grant["login"], secret=grant["password"])
        self.disable(f"{name}-off")
        return Person(
            name=name,
            password=password,
            passed=self.admin("pass", "issue", name)["secret"],
            device=f"{name}-pc",
            device_secret=self.admin("device", "add", f"{name}-pc", "--account", name)["secret"],
            token=self.admin("token", "issue", name)["secret"],
            disabled_name=f"{name}-off",
        )

    def sessions(self, account):
        return [session["id"] for session in self.admin("session", "list") if session["account"] == account]

    def end_session(self, session):
        self.admin("session", "end", session)

    def disable(self, account):
        self.admin("account", "disable", account)

    def enable(self, account):
        self.admin("account", "enable", account)

    def trust_and_alias(self, server, name="lab"):
        """A real server, and an alias for its database."""
        trust = f"--pin-authority={server.ca_file}" if server.ca_file else "--trust-anything"
        self.admin("server", "add", name, f"{server.host}:{server.port}", trust, "--yes")
        self.admin("database", "add", name, "--server", name, "--name", server.database)
        return name


def browser_port_is_free():
    """Drivers ask SQL Browser's port and no other, so it has to be that one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        try:
            four.bind(("127.0.0.1", 1434))
            six.bind(("::1", 1434))
        except OSError:
            return False
    return True


@dataclasses.dataclass
class Person:
    """An account of the appliance, and its credentials."""

    name: str
    password: str
    passed: str
    device: str
    device_secret: str
    token: str
    disabled_name: str
    default_database: str = ""

    @property
    def wrong_name(self):
        return self.name

    def sign_in(self, kind):
        """The fields of a job that signs in so."""
        if kind == "token":
            return {"user": "", "password": "", "token": self.token}
        return dict(zip(("user", "password"), {
            "any": (self.name, self.password),
            "password": (self.name, self.password),
            "pass": (self.name, self.passed),
            "device": (self.device, self.device_secret),
            "token_as_password": (self.name, self.token),
        }[kind], strict=True))

    def gateway_only(self, what):
        return getattr(self, what)
