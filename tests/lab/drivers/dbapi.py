"""The cases as any Python driver of the database API does them; each driver's own file has how it connects and where it differs."""

from contextlib import closing

from job import (
    NUMBERS,
    NotApplicable,
    big_text,
    bulk_rows,
    digest_of_bulk,
    digest_of_numbers,
    digest_of_text,
    failing,
    say,
)

TYPES = """SELECT CAST(1 AS bit), CAST(9007199254740993 AS bigint), CAST(12345.6789 AS decimal(18,4)), CAST(1.5 AS float),
 CAST('2024-02-29T12:34:56.789' AS datetime2(3)), CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier),
 CAST(0x00FF10 AS varbinary(8)), N'Grüße, 世界 🎉', CAST(NULL AS int)"""
BULK_COLUMNS = "(id int NOT NULL, name nvarchar(80) NULL, price float NULL, payload varbinary(200) NULL)"


class DbApi:
    """A driver with connect, cursor, execute, fetch."""

    mark = "?"

    def connect(self, job, **more):
        """A connection that commits by itself."""
        raise NotImplementedError

    def open(self, job, **more):
        return closing(self.connect(job, **more))

    def rows(self, connection, sql, values=()):
        cursor = connection.cursor()
        if values:
            cursor.execute(sql.replace("?", self.mark), values)
        else:
            cursor.execute(sql)
        return cursor.fetchall()

    def one(self, connection, sql, values=()):
        return self.rows(connection, sql, values)[0]

    def run(self, connection, sql):
        connection.cursor().execute(sql)

    def told(self, job):
        """The host and application name that this driver was given to report."""
        return {"host": job["host_name"], "app": job["app_name"]}

    # The actions, in the order of the lab's table.

    def who(self, job):
        with self.open(job) as connection:
            database, login, host, app = self.one(connection, "SELECT DB_NAME(), SUSER_SNAME(), HOST_NAME(), APP_NAME()")
            return {"database": database, "login": login, "host": host, "app": app, "told": self.told(job)}

    def query(self, job):
        with self.open(job) as connection:
            one, greeting, nothing = self.one(connection, "SELECT 1 AS one, N'Grüße, 世界 🎉' AS greeting, CAST(NULL AS int) AS nothing")
            return {"one": one, "greeting": greeting, "nothing": nothing}

    def types(self, job):
        with self.open(job) as connection:
            bit, big, exact, real, when, guid, data, text, nothing = self.one(connection, TYPES)
            return {
                "bit": bool(bit), "bigint": str(big), "decimal": str(exact), "float": real, "datetime2": when.isoformat(timespec="milliseconds"),
                "guid": str(guid).upper(), "varbinary": bytes(data).hex(), "nvarchar": text, "null": nothing,
            }

    def parameters(self, job):
        with self.open(job) as connection:
            total, text, nothing = self.one(connection, "SELECT ? + 1, ?, ?", (41, "O'Brien -- 世界", None))
            return {"sum": total, "text": text, "nothing": nothing}

    def prepared(self, job):
        raise NotApplicable("the driver has no prepared statements")

    def server_error(self, job):
        with self.open(job) as connection:
            session = self.one(connection, "SELECT @@SPID")[0]
            failed = failing(lambda: self.run(connection, "RAISERROR(N'the lab asks for an error', 16, 1)"))
            return {"error": failed["error"], "same_session": self.one(connection, "SELECT @@SPID")[0] == session}

    def all_rows(self, job):
        with self.open(job) as connection:
            cursor = connection.cursor()
            cursor.execute(f"SELECT id, label FROM {NUMBERS} ORDER BY id")
            return digest_of_numbers(self.each(cursor))

    def each(self, cursor):
        while rows := cursor.fetchmany(1000):
            yield from rows

    def big_parameter(self, job):
        text = big_text(job["length"])
        with self.open(job) as connection:
            value, size = self.one(connection, "SELECT ? AS value, DATALENGTH(?) AS bytes", (text, text))
            return {**digest_of_text(value), "bytes": size}

    def big_value(self, job):
        with self.open(job) as connection:
            sql = f"SELECT REPLICATE(CAST(N'0123456789abcdef' AS nvarchar(max)), {job['length'] // 16}) AS value"
            return digest_of_text(self.one(connection, sql)[0])

    def transactions(self, job):
        table = job["table"]
        with self.open(job) as witness, self.open(job) as connection:
            self.run(witness, f"DROP TABLE IF EXISTS {table}")
            self.run(witness, f"CREATE TABLE {table} (id int NOT NULL)")
            self.begin(connection)
            self.run(connection, f"INSERT INTO {table} (id) VALUES (1), (2)")
            self.commit(connection)
            committed = self.one(witness, f"SELECT COUNT(*) FROM {table}")[0]
            self.begin(connection)
            self.run(connection, f"INSERT INTO {table} (id) VALUES (3)")
            inside = self.one(connection, f"SELECT COUNT(*) FROM {table}")[0]
            self.rollback(connection)
            rolled_back = self.one(witness, f"SELECT COUNT(*) FROM {table}")[0]
            self.end(connection)
            self.run(witness, f"DROP TABLE {table}")
            return {"committed": committed, "inside": inside, "rolled_back": rolled_back}

    def begin(self, connection):
        raise NotImplementedError

    def commit(self, connection):
        connection.commit()

    def rollback(self, connection):
        connection.rollback()

    def end(self, connection):
        """Back to a connection that commits by itself."""

    def bulk(self, job):
        table = job["table"]
        with self.open(job) as connection:
            self.run(connection, f"DROP TABLE IF EXISTS {table}")
            self.run(connection, f"CREATE TABLE {table} {BULK_COLUMNS}")
            self.load(job, connection, table, list(bulk_rows()))
            read = digest_of_bulk(self.rows(connection, f"SELECT id, name, price, payload FROM {table} ORDER BY id"))
            self.run(connection, f"DROP TABLE {table}")
            return read

    def load(self, job, connection, table, rows):
        raise NotApplicable("the driver has no bulk load")

    def array_inserts(self, job):
        raise NotApplicable("the driver has no array inserts")

    def cancel(self, job):
        raise NotApplicable("the driver cannot cancel")

    def timeout(self, job):
        with self.open(job, timeout=5) as connection:
            session = self.one(connection, "SELECT @@SPID")[0]
            failed = failing(lambda: self.rows(connection, "WAITFOR DELAY '00:00:30'; SELECT 1"))
            return {**failed, "same_session": self.one(connection, "SELECT @@SPID")[0] == session}

    def mars(self, job):
        raise NotApplicable("the driver has no MARS")

    def interleaved(self, connection):
        """Two readers that take turns on one connection."""
        first, second = connection.cursor(), connection.cursor()
        first.execute(f"SELECT id, label FROM {NUMBERS} WHERE id <= 20000 ORDER BY id")
        second.execute(f"SELECT id, label FROM {NUMBERS} WHERE id > 20000 AND id <= 40000 ORDER BY id")
        read = {"first": [], "second": []}
        for turn in range(20):
            read["first"] += first.fetchmany(1000)
            read["second"] += second.fetchmany(1000)
            if turn == 10:  # a third one comes and goes in between
                read["between"] = self.one(connection, "SELECT 7")[0]
        return {
            "first": digest_of_numbers(read["first"])["sum"], "second": digest_of_numbers(read["second"])["sum"], "between": read["between"],
        }

    def packets(self, job):
        text = big_text(100_000)
        with self.open(job, packet_size=job["packet_size"]) as connection:
            numbers = digest_of_numbers(self.rows(connection, f"SELECT id, label FROM {NUMBERS} WHERE id <= 20000 ORDER BY id"))
            value = self.one(connection, "SELECT ?", (text,))[0]
            return {"rows": numbers["rows"], "sum": numbers["sum"], "text": value == text, "negotiated": self.packet_size(connection)}

    def packet_size(self, connection):
        """What was agreed at login, if the driver tells."""
        return None

    def pool(self, job):
        raise NotApplicable("the driver has no pool")

    def ended(self, job):
        """Reads a long result; the lab has the session ended in the middle of it."""
        connection = self.connect(job)
        cursor = connection.cursor()
        cursor.execute(f"SELECT id, label, REPLICATE(N'x', 400) AS padding FROM {NUMBERS} ORDER BY id")
        read = len(cursor.fetchmany(1000))
        say("reading", rows=read)

        def read_on():
            nonlocal read
            for _ in self.each(cursor):
                read += 1

        failed = failing(read_on)
        return {**failed, "rows": read, "again": self.again(job)}

    def cut_idle(self, job):
        """Holds an idle session; the lab has its account disabled."""
        connection = self.connect(job)
        self.one(connection, "SELECT 1")
        say("idle")
        failed = failing(lambda: self.rows(connection, "SELECT 1"))
        return {**failed, "again": self.again(job)}

    def again(self, job):
        """What a new connection meets."""
        return failing(lambda: self.connect(job).close())["error"]
