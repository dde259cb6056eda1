"""A mail server by aiosmtpd (Debian's python3-aiosmtpd), on the loopback address, for support/post_office.rs.

Its first argument says in JSON how it is to behave. It prints its port, writes each mail that it takes as a file into a Maildir and
each command that it hears into a log, and ends when its standard input does.
"""

import asyncio
import json
import logging
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

manner = json.loads(sys.argv[1])
logging.basicConfig(filename=manner["log"], level=logging.INFO, format="%(message)s")


class Handler(Mailbox):
    async def handle_DATA(self, server, session, envelope):
        answer = await super().handle_DATA(server, session, envelope)
        if manner["silent"]:
            await asyncio.Event().wait()
        return answer

    async def handle_RCPT(self, server, session, envelope, address, options):
        if manner["recipients"] != "taken":
            return manner["recipients"]
        envelope.rcpt_tos.append(address)
        return "250 OK"


def known(server, session, envelope, mechanism, data):
    right = LoginPassword(manner["user"].encode(), manner["password"].encode())
    # Not handled: the server itself says no.
    return AuthResult(success=isinstance(data, LoginPassword) and data == right, handled=False)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(manner["certificate"], manner["key"])
    by_starttls = manner["encryption"] == "starttls"
    handler = Handler(manner["maildir"])

    def protocol():
        return SMTP(
            handler,
            hostname="mail.example",
            tls_context=context if by_starttls else None,
            require_starttls=by_starttls,
            authenticator=known,
            auth_required=manner["sign_in"],
            auth_require_tls=by_starttls,
            auth_exclude_mechanism=[] if manner["sign_in"] else ["PLAIN", "LOGIN"],
            loop=loop,
        )

    loop = asyncio.get_running_loop()
    at_once = context if manner["encryption"] == "tls" else None
    server = await loop.create_server(protocol, "127.0.0.1", manner["port"], ssl=at_once)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
