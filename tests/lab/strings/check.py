"""What the drivers' own parsers make of the connection strings in vectors.json.

Needs no server: mssql-python (ODBC), SQLAlchemy with its pyodbc dialect, and, by parse.mjs, tedious and @tediousjs/connection-string (SqlClient, ODBC).
JDBC and OLE DB have no parser that runs without Java or Windows; theirs are tested by parsers after the published rules (src/workstation/strings/tests.rs).
"""

import json
import pathlib
import subprocess
import sys

from mssql_python.connection_string_parser import _ConnectionStringParser
from sqlalchemy.engine import make_url

HERE = pathlib.Path(__file__).parent


def odbc(vector, text):
    """Microsoft's parser, which also refuses a keyword twice or one that the driver does not know."""
    pairs = _ConnectionStringParser(validate_keywords=False)._parse(text)
    assert all(keyword == "driver" or _ConnectionStringParser.normalize_key(keyword) for keyword in pairs), f"an unknown keyword in {list(pairs)}"
    return {
        "server": pairs["server"],
        "database": pairs["database"],
        "user": pairs["uid"],
        "password": pairs["pwd"],
        "encrypt": pairs["encrypt"],
        "trust": pairs["trustservercertificate"],
        "certificate_name": pairs.get("hostnameincertificate"),
    }


def sqlalchemy(vector, text):
    """What SQLAlchemy would hand to pyodbc."""
    url = make_url(text)
    arguments, options = url.get_dialect()().create_connect_args(url)
    assert not options, options
    assert make_url(url.render_as_string(hide_password=False)) == url, "it survives being written by SQLAlchemy"
    return odbc(vector, arguments[0])


def expected(vector):
    return {
        "server": f"tcp:{vector['host']},{vector['port']}",
        "database": vector["database"],
        "user": vector["user"],
        "password": vector["password"],
        "encrypt": {"strict": "strict", "mandatory": "yes"}[vector["encryption"]],
        "trust": "no",
        "certificate_name": vector["certificate_name"],
    }


def by_node():
    """parse.mjs checks for itself and answers with its counts."""
    done = subprocess.run(["node", str(HERE / "parse.mjs")], capture_output=True, text=True, timeout=60)
    told, _, counts = done.stdout.strip().rpartition("\n")
    print(told + done.stderr, end="\n" if told or done.stderr else "")
    good, bad = json.loads(counts)
    return good, bad


def main():
    vectors = json.loads((HERE / "vectors.json").read_text())
    assert len(vectors) > 50, "the vectors were read"
    good = bad = 0
    for number, vector in enumerate(vectors):
        for name, read in (("odbc", odbc), ("sqlalchemy", sqlalchemy)):
            try:
                seen = read(vector, vector["strings"][name])
                assert seen == expected(vector), f"read {seen}, meant {expected(vector)}"
                good += 1
            except Exception as error:
                bad += 1
                print(f"FAILED: {name}, vector {number}: {type(error).__name__}: {error}")
    node_good, node_bad = by_node()
    good, bad = good + node_good, bad + node_bad
    print(f"{good} passed, {bad} failed")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
