"""FreeTDS's configuration file: what its programs and pymssql cannot be told otherwise."""

import os
import pathlib
import socket

SERVER = "gatehouse"


def configure(job, packet_size=None, strict=False, database=True):
    """Writes a configuration with one server, and points FreeTDS at it. `database` where the program cannot be told it."""
    lines = [
        "[global]",
        "tds version = 7.4",
        "client charset = UTF-8",
        "text size = 16777216",
    ]
    server = [f"host = {job['host']}", place(job), f"encryption = {'strict' if strict else 'off' if job['mode'] == 'clear' else 'require'}"]
    if database:
        server.append(f"database = {job['database']}")
    if job["ca_file"]:
        server += [f"ca file = {job['ca_file']}", "check certificate hostname = yes"]
    if packet_size:
        server.append(f"initial block size = {packet_size}")
    # pymssql puts the port behind the name before FreeTDS looks for it.
    for name in {SERVER, f"{SERVER}:{job['port']}", address(job)}:
        lines += [f"[{name}]", *server]
    path = pathlib.Path(job["work"]) / "freetds.conf"
    path.write_text("\n".join(lines) + "\n")
    os.environ["FREETDSCONF"] = str(path)


def address(job):
    """What pymssql is told as the server: the name of the configuration, or the host with an instance, as users write it."""
    return f"{job['host']}\\{job['instance']}" if job.get("instance") else SERVER


def place(job):
    """A port, or the name of an instance, for whose port SQL Browser is asked."""
    return f"instance = {job['instance']}" if job.get("instance") else f"port = {job['port']}"


def own_host_name():
    return socket.gethostname()
