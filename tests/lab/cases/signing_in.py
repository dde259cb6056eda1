"""Connecting: encryption, each kind of credential, each kind of refusal, and what travels with a login."""

from .case import Case, NotHere, Wrong, refused, same, saw


def welcomed(answer, bench):
    seen = saw(answer)
    same(seen, {"database": bench.target.real_database})
    if bench.target.gateway and seen["login"].lower() == bench.person.name.lower():
        raise Wrong(f"the server saw the account's own name, {seen['login']}")


def names_travel(answer, bench):
    seen = saw(answer)
    same(seen, seen["told"])


def certificate_refused(answer, bench):
    text = answer.get("error")
    if text is None:
        raise Wrong(f"accepted a certificate of an authority that it was not given: {answer}")
    bench.note(text)
    if "login failed" in text.lower():
        raise Wrong(f"the login went through: {text}")


def wrong_password(answer, bench):
    refused(answer, bench, r"login failed")


def unknown_database(answer, bench):
    refused(answer, bench, r"no_such_database|login failed")


def disabled_account(answer, bench):
    refused(answer, bench, r"disabled|login failed")


def credential(kind):
    def fields(bench):
        return bench.person.sign_in(kind)

    return fields


def encrypted(mode):
    def fields(bench):
        if bench.target.mode == "clear":
            raise NotHere("this round is without TLS")
        return {"mode": mode}

    return fields


def foreign_authority(bench):
    if not bench.target.ca_file:
        raise NotHere("the lab was given no authority for this server")
    return {"ca_file": bench.target.foreign_ca_file}


def instance(bench):
    if not bench.target.gateway:
        raise NotHere("straight to the server: it has no instance names")
    if not bench.target.instance:
        raise NotHere("another program has UDP port 1434 of this machine")
    return {"instance": bench.target.instance, "port": None}


def disabled(bench):
    return {"user": bench.person.gateway_only("disabled_name")}


CASES = [
    Case("TLS 7.x, certificate verified", "who", welcomed, encrypted("tls")),
    Case("TLS 7.x, foreign certificate", "who", certificate_refused, lambda bench: foreign_authority(bench) | {"mode": "tls"}),
    Case("TLS first (strict)", "who", welcomed, encrypted("strict")),
    Case("strict, foreign certificate", "who", certificate_refused, lambda bench: foreign_authority(bench) | {"mode": "strict"}),
    Case("account and password", "who", welcomed, credential("password")),
    Case("SQL pass", "who", welcomed, credential("pass")),
    Case("device and secret", "who", welcomed, credential("device")),
    Case("access token (FEDAUTH)", "who", welcomed, credential("token")),
    Case("access token as password", "who", welcomed, credential("token_as_password")),
    Case("default database", "who", welcomed, lambda bench: {"database": bench.person.gateway_only("default_database")}),
    Case("instance name (SQL Browser)", "who", welcomed, instance),
    Case("host and application names", "who", names_travel),
    Case("wrong password", "who", wrong_password, lambda bench: {"user": bench.person.wrong_name, "password": "not the password at all"}),
    Case("unknown database", "who", unknown_database, lambda bench: {"database": "no_such_database"}),
    Case("disabled account", "who", disabled_account, disabled),
]
