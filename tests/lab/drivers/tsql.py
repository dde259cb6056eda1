"""FreeTDS's own programs: tsql for statements, freebcp for bulk load. Their text output is taken apart here."""

import pathlib
import subprocess
import time

import freetds
from job import (
    BULK_ROWS,
    NUMBERS,
    NotApplicable,
    big_text,
    bulk_rows,
    digest_of_bulk,
    digest_of_numbers,
    digest_of_text,
    say,
    serve,
)

ROWS = 100_000  # in the numbers table
SEPARATOR = "\x1f"
COMPLAINTS = ("Msg ", "Error ", "There was a problem")


class Tsql:
    """One tsql process for each session; results as rows of text."""

    def who(self, job):
        database, login, host, app = self.rows(job, "SELECT DB_NAME(), SUSER_SNAME(), HOST_NAME(), APP_NAME()")[0]
        return {"database": database, "login": login, "host": host, "app": app, "told": {"host": freetds.own_host_name(), "app": job["app_name"]}}

    def query(self, job):
        one, greeting, nothing = self.rows(job, "SELECT 1 AS one, N'Grüße, 世界 🎉' AS greeting, CAST(NULL AS int) AS nothing")[0]
        return {"one": int(one), "greeting": greeting, "nothing": none(nothing)}

    def types(self, job):
        sql = (
            "SELECT CAST(1 AS bit), CAST(9007199254740993 AS bigint), CAST(12345.6789 AS decimal(18,4)), CAST(1.5 AS float),"
            " CONVERT(nvarchar(30), CAST('2024-02-29T12:34:56.789' AS datetime2(3)), 126), CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier),"
            " CAST(0x00FF10 AS varbinary(8)), N'Grüße, 世界 🎉', CAST(NULL AS int)"
        )
        bit, big, exact, real, when, guid, data, text, nothing = self.rows(job, sql)[0]
        return {
            "bit": bit == "1", "bigint": big, "decimal": exact, "float": float(real), "datetime2": when, "guid": guid.upper(),
            "varbinary": data.removeprefix("0x").lower(), "nvarchar": text, "null": none(nothing),
        }

    def parameters(self, job):
        raise NotApplicable("tsql sends batches of text only")

    def prepared(self, job):
        raise NotApplicable("tsql sends batches of text only")

    def server_error(self, job):
        output, complaint = self.run(job, ["SELECT @@SPID", "RAISERROR(N'the lab asks for an error', 16, 1)", "SELECT @@SPID"])
        sessions = [line for line in output.split("\n") if line.strip().isdigit()]
        return {"error": complaint, "same_session": len(sessions) == 2 and sessions[0] == sessions[1]}

    def all_rows(self, job):
        rows = self.rows(job, f"SELECT id, label FROM {NUMBERS} ORDER BY id")
        return digest_of_numbers((int(number), label) for number, label in rows)

    def big_parameter(self, job):
        text = big_text(job["length"])
        value, size = self.rows(job, f"SELECT N'{text}' AS value, DATALENGTH(N'{text}') AS bytes")[0]
        return {**digest_of_text(value), "bytes": int(size)}

    def big_value(self, job):
        sql = f"SELECT REPLICATE(CAST(N'0123456789abcdef' AS nvarchar(max)), {job['length'] // 16}) AS value"
        return digest_of_text(self.rows(job, sql)[0][0])

    def transactions(self, job):
        table = job["table"]
        self.rows(job, f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} (id int NOT NULL)")
        self.rows(job, "BEGIN TRANSACTION", f"INSERT INTO {table} (id) VALUES (1), (2)", "COMMIT")
        committed = int(self.rows(job, f"SELECT COUNT(*) FROM {table}")[0][0])
        undone = self.rows(job, "BEGIN TRANSACTION", f"INSERT INTO {table} (id) VALUES (3)", f"SELECT COUNT(*) FROM {table}", "ROLLBACK")
        rolled_back = int(self.rows(job, f"SELECT COUNT(*) FROM {table}")[0][0])
        self.rows(job, f"DROP TABLE {table}")
        return {"committed": committed, "inside": int(undone[0][0]), "rolled_back": rolled_back}

    def bulk(self, job):
        table, work = job["table"], pathlib.Path(job["work"])
        columns = "(id int NOT NULL, name nvarchar(80) NULL, price float NULL, payload varbinary(200) NULL)"
        self.rows(job, f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} {columns}")
        lines = (SEPARATOR.join("" if value is None else value.hex() if isinstance(value, bytes) else str(value) for value in row) for row in bulk_rows())
        (work / "bulk.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        freetds.configure(job)
        command = ["freebcp", table, "in", str(work / "bulk.txt"), "-c", "-t", SEPARATOR, "-r", "\n", "-b", str(BULK_ROWS), "-e", str(work / "bulk.err"),
                   "-S", freetds.SERVER, "-U", job["user"], "-P", job["password"], "-D", job["database"]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError((done.stderr + done.stdout).strip())
        rows = self.rows(job, f"SELECT id, name, price, payload FROM {table} ORDER BY id")
        self.rows(job, f"DROP TABLE {table}")
        return digest_of_bulk(
            (int(number), none(name), None if price == "NULL" else float(price), None if payload == "NULL" else bytes.fromhex(payload.removeprefix("0x")))
            for number, name, price, payload in rows
        )

    def array_inserts(self, job):
        raise NotApplicable("tsql sends batches of text only")

    def cancel(self, job):
        raise NotApplicable("tsql has no key that cancels a statement and keeps the session")

    def timeout(self, job):
        raise NotApplicable("tsql ends when its query timeout is met")

    def mars(self, job):
        raise NotApplicable("FreeTDS's programs do not ask for MARS")

    def packets(self, job):
        text = big_text(100_000)
        size = job["packet_size"]
        rows = self.rows(job, f"SELECT id, label FROM {NUMBERS} WHERE id <= 20000 ORDER BY id", packet_size=size)
        numbers = digest_of_numbers((int(number), label) for number, label in rows)
        value = self.rows(job, f"SELECT N'{text}'", packet_size=size)[0][0]
        return {"rows": numbers["rows"], "sum": numbers["sum"], "text": value == text, "negotiated": None}

    def pool(self, job):
        raise NotApplicable("tsql is one session from start to end")

    def ended(self, job):
        """Reads a long result; the lab has the session ended in the middle of it."""
        tsql = self.start(job)
        tsql.stdin.write(f"SELECT id, label, REPLICATE(N'x', 400) AS padding FROM {NUMBERS} ORDER BY id\ngo\n")
        tsql.stdin.close()
        read = 0
        while read < 1000 and tsql.stdout.readline():
            read += 1
        say("reading", rows=read)
        began = time.monotonic()
        read += sum(1 for line in tsql.stdout if SEPARATOR in line)
        complaint = tsql.stderr.read().strip()
        tsql.wait(timeout=20)
        if read < ROWS and not complaint:
            complaint = "(tsql ended in the middle of the rows, without a word)"
        return {"error": complaint or None, "seconds": time.monotonic() - began, "rows": read, "again": self.again(job)}

    def cut_idle(self, job):
        """Holds an idle session; the lab has its account disabled."""
        tsql = self.start(job)
        tsql.stdin.write("SELECT 1\ngo\n")
        tsql.stdin.flush()
        while tsql.stdout.readline().strip() != "1":
            if tsql.poll() is not None:
                raise RuntimeError(tsql.stderr.read().strip())
        say("idle")
        began = time.monotonic()
        try:
            tsql.stdin.write("SELECT 2\ngo\nexit\n")
            tsql.stdin.close()
        except BrokenPipeError:
            pass
        complaint = tsql.stderr.read().strip()
        answered = "2" in [line.strip() for line in tsql.stdout]
        tsql.wait(timeout=20)
        return {"error": None if answered else complaint or "tsql ended", "seconds": time.monotonic() - began, "again": self.again(job)}

    def again(self, job):
        return self.run(job, ["SELECT 1"])[1] or None

    # tsql itself.

    def start(self, job, packet_size=None):
        if job["mode"] == "strict":
            raise NotApplicable("Debian's FreeTDS (1.3) has no TDS 8.0; it came with 1.4 (see pymssql)")
        if job.get("token"):
            raise NotApplicable("FreeTDS has no access tokens (FEDAUTH)")
        freetds.configure(job, packet_size)
        command = ["stdbuf", "-oL", "tsql", "-S", freetds.SERVER, "-U", job["user"], "-P", job["password"], "-D", job["database"], "-a", job["app_name"], "-o", "qfh", "-t", SEPARATOR]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", errors="replace")

    def run(self, job, statements, packet_size=None):
        script = "".join(f"{statement}\ngo\n" for statement in statements) + "exit\n"
        tsql = self.start(job, packet_size)
        try:
            output, complaint = tsql.communicate(script, timeout=120)
        except subprocess.TimeoutExpired:
            tsql.kill()
            raise
        return output, complaint.strip()

    def rows(self, job, *statements, packet_size=None):
        output, complaint = self.run(job, statements, packet_size)
        if any(line.startswith(COMPLAINTS) for line in complaint.split("\n")):
            raise RuntimeError(complaint)
        return [line.split(SEPARATOR) for line in output.split("\n") if line]


def none(text):
    return None if text == "NULL" else text


if __name__ == "__main__":
    serve(Tsql())
