"""Microsoft's ODBC Driver 18, by pyodbc."""

import os
import pathlib
import struct
import threading

import mssql_python_odbc

import odbc_bcp
from dbapi import DbApi
from job import NUMBERS, NotApplicable, bulk_rows, digest_of_bulk, failing, serve

ACCESS_TOKEN = 1256  # SQL_COPT_SS_ACCESS_TOKEN
PACKET_SIZE = 112  # SQL_ATTR_PACKET_SIZE
LIBRARY = next(pathlib.Path(mssql_python_odbc.__file__).parent.glob("libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18*"), None)


class Odbc(DbApi):
    pooling = False

    def connect(self, job, packet_size=None, mars=False, timeout=0):
        import pyodbc

        pyodbc.odbcversion = "3.8"
        pyodbc.pooling = self.pooling
        attributes = {}
        if packet_size:
            attributes[PACKET_SIZE] = packet_size
        if job.get("token"):
            token = job["token"].encode("utf-16-le")
            attributes[ACCESS_TOKEN] = struct.pack("<i", len(token)) + token
        connection = pyodbc.connect(connection_string(job, mars, self.pooling), autocommit=True, timeout=20, attrs_before=attributes)
        connection.timeout = timeout
        return connection

    def prepared(self, job):
        with self.open(job) as connection:
            cursor = connection.cursor()  # the same text on the same cursor is prepared once
            labels = [cursor.execute(f"SELECT label FROM {NUMBERS} WHERE id = ?", number).fetchval() for number in (1, 500, 99999)]
            return {"labels": labels}

    def begin(self, connection):
        connection.autocommit = False

    def end(self, connection):
        connection.autocommit = True

    def load(self, job, connection, table, rows):
        odbc_bcp.load(LIBRARY, connection_string(job), job.get("token"), table, rows)

    def array_inserts(self, job):
        table = job["table"]
        with self.open(job) as connection:
            self.run(connection, f"DROP TABLE IF EXISTS {table}")
            self.run(connection, f"CREATE TABLE {table} (id int NOT NULL, name nvarchar(80) NULL, price float NULL, payload varbinary(200) NULL)")
            cursor = connection.cursor()
            cursor.fast_executemany = True
            cursor.executemany(f"INSERT INTO {table} (id, name, price, payload) VALUES (?, ?, ?, ?)", list(bulk_rows()))
            read = digest_of_bulk(self.rows(connection, f"SELECT id, name, price, payload FROM {table} ORDER BY id"))
            self.run(connection, f"DROP TABLE {table}")
            return read

    def cancel(self, job):
        with self.open(job) as connection:
            session = self.one(connection, "SELECT @@SPID")[0]
            cursor = connection.cursor()
            threading.Timer(2, cursor.cancel).start()
            failed = failing(lambda: cursor.execute("WAITFOR DELAY '00:00:30'"))
            return {**failed, "same_session": self.one(connection, "SELECT @@SPID")[0] == session}

    def mars(self, job):
        with self.open(job, mars=True) as connection:
            return self.interleaved(connection)

    def packets(self, job):
        try:
            return super().packets(job)
        except Exception as error:
            if "Packet size too large for SSL" in str(error):
                raise NotApplicable("the driver itself sends no packets of 16 KiB or more over TLS") from error
            raise

    def pool(self, job):
        """unixODBC's pool, which asks the driver to reset a connection before it is used again."""
        ini = pathlib.Path(job["work"]) / "odbcinst.ini"
        ini.write_text(f"[ODBC]\nPooling = Yes\n\n[Gatehouse lab]\nDriver = {LIBRARY}\nCPTimeout = 60\nCPReuse = 10\n")
        os.environ["ODBCSYSINI"] = job["work"]
        self.pooling = True
        with self.open(job) as connection:
            session = self.one(connection, "SELECT @@SPID")[0]
            self.run(connection, "CREATE TABLE #gatehouse_lab (id int)")
        with self.open(job) as connection:
            leftover = self.one(connection, "SELECT OBJECT_ID('tempdb..#gatehouse_lab')")[0]
            return {"same_session": self.one(connection, "SELECT @@SPID")[0] == session, "leftover": leftover}

    # The lab's own needs, before the first case and after the last.

    def make_numbers(self, job):
        with self.open(job) as connection:
            self.run(connection, f"DROP TABLE IF EXISTS {NUMBERS}")
            self.run(connection, f"CREATE TABLE {NUMBERS} (id int NOT NULL PRIMARY KEY, label nvarchar(60) NOT NULL)")
            for start in range(1, 100_001, 1000):
                rows = ", ".join(f"({number}, N'row {number}')" for number in range(start, start + 1000))
                self.run(connection, f"INSERT INTO {NUMBERS} (id, label) VALUES {rows}")
            return {"rows": self.one(connection, f"SELECT COUNT(*) FROM {NUMBERS}")[0]}

    def drop_numbers(self, job):
        with self.open(job) as connection:
            self.run(connection, f"DROP TABLE {NUMBERS}")
            return {}


def connection_string(job, mars=False, pooling=False):
    fields = {
        "DRIVER": "Gatehouse lab" if pooling else LIBRARY,
        "SERVER": f"tcp:{job['host']}\\{job['instance']}" if job.get("instance") else f"tcp:{job['host']},{job['port']}",
        "DATABASE": job["database"],
        "Encrypt": {"strict": "strict", "clear": "no"}.get(job["mode"], "yes"),
        "TrustServerCertificate": "no" if job["ca_file"] else "yes",
        "MARS_Connection": "yes" if mars else "no",
        "APP": job["app_name"],
        "WSID": job["host_name"],
    }
    if not job.get("token"):
        fields |= {"UID": job["user"], "PWD": job["password"]}
    return ";".join(f"{key}={{{str(value).replace('}', '}}')}}}" for key, value in fields.items())


if __name__ == "__main__":
    serve(Odbc())
