"""What the drivers connect to: the gateway before the sample server (the demonstration) or before a real one, or such a server itself."""

import contextlib
import os
import pathlib
import re
import sys
import urllib.parse

from appliance import Appliance
from authority import foreign_authority
from cases.case import NotHere

APP_NAME = "gatehouse lab"
DEFAULT_BINARY = pathlib.Path(__file__).parents[2] / "target" / "release" / "gatehouse"


@contextlib.contextmanager
def open_target(options, folder, drivers):
    """The target that the options and GATEHOUSE_TEST_SERVER ask for, ready; what was started for it is stopped at the end."""
    server = Server.named(os.environ["GATEHOUSE_TEST_SERVER"]) if os.environ.get("GATEHOUSE_TEST_SERVER") else None
    if server and options.direct:
        yield Direct(server, folder)
        return
    appliance = Appliance(options.binary or DEFAULT_BINARY, folder / "data", options.keep_log, options.door == "sql")
    with appliance.running(server) as facts:
        if options.direct:
            yield Direct(Server.of_demonstration(facts), folder)
        else:
            server = server or Server.of_demonstration(facts)
            yield (Carried if options.door == "connector" else Gateway)(appliance, facts, server, folder, drivers)


class Server:
    """A SQL Server: its address, a SQL login that may create tables, and a database."""

    def __init__(self, host, port, login, password, database, ca_file, what):
        self.host, self.port, self.login, self.password, self.database, self.ca_file, self.what = host, port, login, password, database, ca_file, what

    @classmethod
    def named(cls, text):
        """`mssql://login:password@host:port/database?ca=/file.pem`, percent-encoded where needed; without `ca`, its certificate is not verified."""
        url = urllib.parse.urlsplit(text)
        if url.scheme != "mssql" or not (url.hostname and url.username and url.password and url.path.strip("/")):
            sys.exit("GATEHOUSE_TEST_SERVER has to look like mssql://login:password@host:1433/database (see tests/lab/README.md)")
        plain = urllib.parse.unquote
        ca_file = urllib.parse.parse_qs(url.query).get("ca", [None])[0]
        return cls(url.hostname, url.port or 1433, plain(url.username), plain(url.password), plain(url.path.strip("/")), ca_file, "the server of GATEHOUSE_TEST_SERVER")

    @classmethod
    def of_demonstration(cls, facts):
        ca_file = facts["server_ca_file"]
        return cls("localhost", facts["server_port"], facts["server_login"], facts["server_password"], facts["server_database"], ca_file, "the sample server")


class Target:
    """Where a driver's program connects to."""

    gateway = False
    hidden = ()
    instance = None  # the name that SQL Browser answers for
    mode = "tls"  # of the cases that do not say it themselves: "tls" is TDS 7.x, "strict" TDS 8.0

    def __init__(self, host, port, database, real_database, ca_file, folder):
        self.host, self.port, self.database, self.real_database, self.ca_file = host, port, database, real_database, ca_file
        self.foreign_ca_file = foreign_authority(folder)

    def job(self, bench):
        name = re.sub(r"\W", "_", bench.driver.lower())
        return {
            "host": self.host, "port": self.port, "database": self.database, "ca_file": self.ca_file, "mode": self.mode,
            "host_name": f"lab-{name}", "app_name": APP_NAME, "table": f"dbo.gatehouse_lab_{name}",
        } | bench.person.sign_in("any")


class Direct(Target):
    """A server itself: whoever signs in is its SQL login."""

    def __init__(self, server, folder):
        super().__init__(server.host, server.port, server.database, server.database, server.ca_file, folder)
        self.login, self.password = server.login, server.password
        self.description = f"{server.what}, without the gateway"

    def person(self, driver):
        return Login(self.login, self.password)


class Login:
    """A SQL login of the server itself."""

    def __init__(self, name, password):
        self.name, self.password, self.wrong_name = name, password, name

    def sign_in(self, kind):
        if kind not in ("any", "password"):
            raise NotHere("straight to the server: it knows only its SQL login")
        return {"user": self.name, "password": self.password}

    def gateway_only(self, what):
        raise NotHere("straight to the server: there is no gateway that could do it")


class Gateway(Target):
    """The gateway, with an account for each driver and all that it can sign in with."""

    gateway = True

    def __init__(self, appliance, facts, server, folder, drivers):
        port, through = (facts["sql_only_port"], "its door for SQL clients") if appliance.sql_door else (facts["sql_port"], "its one port")
        super().__init__(facts["sql_host"], port, facts["database"], server.database, facts["ca_file"], folder)
        self.appliance = appliance
        self.instance = appliance.instance
        self.description = f"the gateway ({through}) before {server.what}"
        self.hidden = [server.login, f"{server.host}:{server.port}", f"{server.host},{server.port}", f":{server.port}", f",{server.port}"]
        grant = {"database": facts["database"], "login": server.login, "password": server.password}
        self.people = {driver: appliance.make_person(driver, grant) for driver in [*drivers, "setup"]}

    def person(self, driver):
        return self.people[driver]

    def sessions(self, name):
        return self.appliance.sessions(name)

    def end_session(self, session):
        self.appliance.end_session(session)

    def disable(self, name):
        self.appliance.disable(name)

    def enable(self, name):
        self.appliance.enable(name)


class Carried(Gateway):
    """The same, reached through `gatehouse connect`: a connector for each driver, by its person's device. The drivers sign in with
    any name and password, and speak without TLS."""

    gateway = False

    def __init__(self, appliance, facts, server, folder, drivers):
        super().__init__(appliance, facts, server, folder, drivers)
        self.instance = None
        self.description = f"gatehouse connect, before the gateway, before {server.what}"
        self.ports = {driver: appliance.connector(facts, self.people[driver], folder) for driver in drivers}

    def person(self, driver):
        return self.people[driver] if driver == "setup" else Anybody(self.people[driver].name)

    def job(self, bench):
        if bench.person is self.people["setup"]:
            return super().job(bench) | {"mode": "tls"}
        return super().job(bench) | {"host": "127.0.0.1", "port": self.ports[bench.driver], "ca_file": None}


class Anybody:
    """Whoever: the connector does not look at names and passwords."""

    def __init__(self, name):
        self.name = name

    @property
    def wrong_name(self):
        raise NotHere("the connector takes any name and password")

    def sign_in(self, kind):
        if kind not in ("any", "password"):
            raise NotHere("the connector signs in by itself")
        return {"user": "anybody", "password": "whatever"}

    def gateway_only(self, what):
        raise NotHere("the connector signs in by itself")
