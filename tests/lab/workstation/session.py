"""A client's session that is kept busy: asked for one value over and over, so that the moment is known when it was there last, and the one when it was gone."""

import subprocess
import sys
import threading
import time

PAUSE = 0.02  # seconds between two questions
END_LIMIT = 20  # seconds
# An ODBC program: the connection string comes first, then one query a line.
ODBC = """
import sys, pyodbc
connection = pyodbc.connect(sys.stdin.readline().rstrip("\\n"), autocommit=True)
for query in sys.stdin:
    print(connection.execute(query).fetchval(), flush=True)
"""


class Session:
    """A program that answers each query with one line."""

    def __init__(self, command, environment, ending="", first=""):
        self.program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self.ending, self.answered, self.gone, self.words = ending, None, None, ""
        if first:
            self.write(first)

    @classmethod
    def odbc(cls, string, environment):
        """Microsoft's driver by pyodbc, with exactly this connection string."""
        return cls([sys.executable, "-c", ODBC], environment, first=string + "\n")

    @classmethod
    def tsql(cls, server, user, password, database, environment):
        """FreeTDS's tsql, to a server of its configuration file."""
        command = ["stdbuf", "-oL", "tsql", "-S", server, "-U", user, "-P", password, "-D", database, "-o", "qfh"]
        return cls(command, environment, ending="go\n")

    def write(self, text):
        try:
            self.program.stdin.write(text)
            self.program.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it has ended, or is ended here: what it said is still to be read

    def ask(self, query):
        """The answer; nothing where the program has ended."""
        self.write(f"{query}\n{self.ending}")
        return self.program.stdout.readline().strip()

    def keep(self):
        """From now on it is asked in a thread of its own, until it no longer answers."""
        self.thread = threading.Thread(target=self.ask_on, daemon=True)
        self.thread.start()

    def ask_on(self):
        number = 0
        while True:
            number += 1
            answer = self.ask(f"SELECT {number}")
            if answer != str(number):
                self.words, self.gone = f"{answer}\n", time.monotonic()
                return
            self.answered = time.monotonic()
            time.sleep(PAUSE)

    def end(self):
        """Ends the program, which finds nothing more to ask; all that it said since it no longer answered."""
        limit = threading.Timer(END_LIMIT, self.program.kill)
        limit.start()
        try:
            self.program.stdin.close()
        except BrokenPipeError:
            pass
        # Not `communicate`, which passes over what was read ahead.
        self.words += self.program.stdout.read()
        self.program.wait()
        limit.cancel()
        return self.words
