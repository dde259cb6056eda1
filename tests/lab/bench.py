"""One driver at its bench: runs the driver's program for one case after the other, and keeps what came of it."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import traceback

from cases.case import NotHere, Wrong

HERE = pathlib.Path(__file__).parent
TOOLS = HERE.parent / ".tools"
TIME_LIMIT = 120  # seconds for one case

PYTHON = str(TOOLS / "venv" / "bin" / "python")
DRIVERS = {
    "ODBC 18": [PYTHON, str(HERE / "drivers" / "odbc.py")],
    "tsql": [PYTHON, str(HERE / "drivers" / "tsql.py")],
    "pymssql": [PYTHON, str(HERE / "drivers" / "pymssql_driver.py")],
    "python-tds": [PYTHON, str(HERE / "drivers" / "pytds_driver.py")],
    "tedious": ["node", str(HERE / "tedious" / "driver.mjs")],
    "tiberius": [str(TOOLS / "target" / "debug" / "gatehouse-lab-tiberius")],
    "mssql-tds": [str(TOOLS / "target" / "debug" / "gatehouse-lab-mssql-tds")],
}


class Crashed(Wrong):
    """The driver took its program with it."""


@dataclasses.dataclass
class Outcome:
    """A cell of the table: ok, FAIL or n-a, and why."""

    state: str
    text: str = ""
    shown: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0


class Bench:
    """A driver, the person whom it signs in, and the target."""

    def __init__(self, driver, target, person=None):
        self.driver = driver
        self.target = target
        self.person = person or target.person(driver)
        self.shown = []

    def note(self, text):
        """A text that the driver showed, for the report."""
        self.shown.append(" ".join(text.split()))

    def try_case(self, case):
        began = time.monotonic()
        self.shown = []
        try:
            outcome = self.judge(case)
        except NotHere as reason:
            outcome = Outcome("n-a", str(reason))
        except Wrong as wrong:
            outcome = Outcome("FAIL", str(wrong))
        except Exception:
            outcome = Outcome("FAIL", f"the lab itself failed: {traceback.format_exc()}")
        finally:
            if case.after:
                case.after(self)
        outcome.shown, outcome.seconds = self.shown, time.monotonic() - began
        return outcome

    def judge(self, case):
        with tempfile.TemporaryDirectory(prefix="gatehouse-lab-") as work:
            job = self.target.job(self) | {"action": case.action, "work": work} | case.fields(self)
            try:
                answer = self.ask(case, job, work)
            except Crashed as crash:  # pyodbc does, once in a while, when a cancel meets the end of its statement
                self.note(f"{crash}; tried again")
                answer = self.ask(case, job, work)
        if "na" in answer:
            return Outcome("n-a", answer["na"])
        case.judge(answer, self)
        return Outcome("ok")

    def ask(self, case, job, work):
        environment = os.environ | {"HOME": work, "PYTHONUNBUFFERED": "1"}
        if job["ca_file"]:  # how ODBC 18 and mssql-tds are told an authority
            environment |= {"SSL_CERT_FILE": job["ca_file"]}
        pipe = subprocess.PIPE
        program = subprocess.Popen(DRIVERS[self.driver], stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", env=environment, cwd=work)
        limit = threading.Timer(TIME_LIMIT, program.kill)
        limit.start()
        complaints = []
        listener = threading.Thread(target=lambda: complaints.extend(program.stderr), daemon=True)
        listener.start()
        try:
            self.tell(program, job)
            for line in program.stdout:
                answer = json.loads(line)
                if "say" not in answer:
                    return answer
                case.during(answer, self)
                with contextlib.suppress(BrokenPipeError):  # it noticed by itself what was done, and has said so already
                    self.tell(program, "go")
            program.wait()
            listener.join(1)
            if program.returncode == -signal.SIGSEGV:
                raise Crashed("the driver itself crashed (SIGSEGV)")
            ending = f"after {TIME_LIMIT} s" if not limit.is_alive() else f"with {program.returncode}"
            raise Wrong(f"the driver's program ended {ending}: {''.join(complaints)[-600:].strip()}")
        finally:
            limit.cancel()
            program.kill()
            program.wait()

    @staticmethod
    def tell(program, message):
        program.stdin.write(json.dumps(message) + "\n")
        program.stdin.flush()
