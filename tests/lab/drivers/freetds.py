"""FreeTDS's configuration file: what its programs and pymssql cannot be told otherwise."""

import os
import pathlib
import socket

SERVER = "gatehouse"


def configure(job, packet_size=None, strict=False, timeout=None):
    """Writes a configuration with one server, and points FreeTDS at it."""
    lines = [
        "[global]",
        "tds version = 7.4",
        "client charset = UTF-8",
        "text size = 16777216",
        f"[{SERVER}]",
        f"host = {job['host']}",
        f"port = {job['port']}",
        f"encryption = {'strict' if strict else 'require'}",
    ]
    if job["ca_file"]:
        lines += [f"ca file = {job['ca_file']}", "check certificate hostname = yes"]
    if packet_size:
        lines.append(f"initial block size = {packet_size}")
    if timeout:
        lines.append(f"timeout = {timeout}")
    path = pathlib.Path(job["work"]) / "freetds.conf"
    path.write_text("\n".join(lines) + "\n")
    os.environ["FREETDSCONF"] = str(path)


def own_host_name():
    return socket.gethostname()
