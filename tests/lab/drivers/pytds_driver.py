"""python-tds: the protocol in pure Python, TLS by pyOpenSSL."""

import socket

import pytds
import pytds.tds_types

from dbapi import DbApi
from job import NUMBERS, NotApplicable, failing, serve

# The driver tries again, for so many seconds, what it does not take for a final refusal (an unknown database, for one).
LOGIN_TIMEOUT = 20


class PyTds(DbApi):
    mark = "%s"

    def connect(self, job, packet_size=4096, mars=False, timeout=None, pooling=False):
        if job["mode"] == "strict":
            raise NotApplicable("python-tds has no TDS 8.0")
        if not job["ca_file"] and job["mode"] != "clear":
            raise NotApplicable("python-tds encrypts only with a file of authorities")
        if job.get("token"):
            who = {"access_token_callable": lambda: job["token"]}
        else:
            who = {"user": job["user"], "password": job["password"]}
        return pytds.connect(
            server=f"{job['host']}\\{job['instance']}" if job.get("instance") else job["host"], port=job["port"], database=job["database"], cafile=job["ca_file"], appname=job["app_name"], blocksize=packet_size,
            use_mars=mars, timeout=timeout, login_timeout=LOGIN_TIMEOUT, autocommit=True, pooling=pooling, bytes_to_unicode=True, disable_connect_retry=True, **who,
        )

    def told(self, job):
        return {"host": socket.gethostname(), "app": job["app_name"]}

    def begin(self, connection):
        connection.autocommit = False

    def end(self, connection):
        connection.autocommit = True

    def load(self, job, connection, table, rows):
        columns = [
            pytds.tds_base.Column(name="id", type=pytds.tds_types.IntType()),
            pytds.tds_base.Column(name="name", type=pytds.tds_types.NVarCharType(size=80), flags=pytds.tds_base.Column.fNullable),
            pytds.tds_base.Column(name="price", type=pytds.tds_types.FloatType(), flags=pytds.tds_base.Column.fNullable),
            pytds.tds_base.Column(name="payload", type=pytds.tds_types.VarBinaryType(size=200), flags=pytds.tds_base.Column.fNullable),
        ]
        schema, name = table.split(".")
        connection.cursor().copy_to(table_or_view=name, schema=schema, columns=columns, data=rows)

    def cancel(self, job):
        """The driver cancels from its own thread only: in the middle of a result."""
        with self.open(job) as connection:
            session = self.one(connection, "SELECT @@SPID")[0]
            cursor = connection.cursor()
            cursor.execute(f"SELECT id, label, REPLICATE(N'x', 400) AS padding FROM {NUMBERS} ORDER BY id")
            cursor.fetchmany(100)
            failed = failing(cursor.cancel)
            return {"error": "cancelled" if failed["error"] is None else failed["error"], "seconds": failed["seconds"],
                    "same_session": self.one(connection, "SELECT @@SPID")[0] == session}

    def mars(self, job):
        with self.open(job, mars=True) as connection:
            return self.interleaved(connection)

    def packet_size(self, connection):
        return connection._tds_socket.bufsize if hasattr(connection._tds_socket, "bufsize") else None

    def pool(self, job):
        with self.open(job, pooling=True) as connection:
            session = self.one(connection, "SELECT @@SPID")[0]
            self.run(connection, "CREATE TABLE #gatehouse_lab (id int)")
        with self.open(job, pooling=True) as connection:
            leftover = self.one(connection, "SELECT OBJECT_ID('tempdb..#gatehouse_lab')")[0]
            return {"same_session": self.one(connection, "SELECT @@SPID")[0] == session, "leftover": leftover}


if __name__ == "__main__":
    serve(PyTds())
