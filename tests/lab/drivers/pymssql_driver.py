"""pymssql, over the FreeTDS that its wheel carries. Where FreeTDS reads a setting only from its configuration file, one is written.

The database it is told as users do: it names it in the login, and then again as `USE [name]`, in which the gateway puts the real name.
"""

import freetds
from dbapi import DbApi
from job import NUMBERS, NotApplicable, failing, serve


class Pymssql(DbApi):
    mark = "%s"

    def connect(self, job, packet_size=None, timeout=0):
        if job.get("token"):
            raise NotApplicable("FreeTDS has no access tokens (FEDAUTH)")
        freetds.configure(job, packet_size, strict=job["mode"] == "strict", database=False)
        import pymssql

        return pymssql.connect(
            server=freetds.address(job), port=job["port"] or "1433", user=job["user"], password=job["password"], database=job["database"], appname=job["app_name"],
            timeout=timeout, login_timeout=20, autocommit=True, tds_version="7.4", use_datetime2=True,
        )

    def told(self, job):
        return {"host": freetds.own_host_name(), "app": job["app_name"]}

    def begin(self, connection):
        connection.autocommit(False)

    def end(self, connection):
        connection.autocommit(True)

    def load(self, job, connection, table, rows):
        if not hasattr(connection, "bulk_copy"):
            raise NotApplicable("this pymssql has no bulk_copy")
        connection.bulk_copy(table, rows)

    def cancel(self, job):
        """The driver cancels from its own thread only: in the middle of a result."""
        with self.open(job) as connection:
            session = self.one(connection, "SELECT @@SPID")[0]
            cursor = connection.cursor()
            cursor.execute(f"SELECT id, label, REPLICATE(N'x', 400) AS padding FROM {NUMBERS} ORDER BY id")
            cursor.fetchmany(100)
            failed = failing(connection._conn.cancel)
            return {"error": "cancelled" if failed["error"] is None else failed["error"], "seconds": failed["seconds"],
                    "same_session": self.one(connection, "SELECT @@SPID")[0] == session}

    def timeout(self, job):
        with self.open(job, timeout=5) as connection:
            failed = failing(lambda: self.rows(connection, "WAITFOR DELAY '00:00:30'; SELECT 1"))
            if failed["error"] and not connection._conn.connected:
                raise NotApplicable(f"db-lib closes the connection when its query timeout is met (after {failed['seconds']:.1f} s: {failed['error']})")
            return {**failed, "same_session": self.one(connection, "SELECT 1")[0] == 1}


if __name__ == "__main__":
    serve(Pymssql())
