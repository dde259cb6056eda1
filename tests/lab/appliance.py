"""The appliance under test: started, administered by its own command line, and stopped."""

import contextlib
import dataclasses
import json
import re
import secrets
import subprocess
import time

from cases.case import NotHere

START_LIMIT = 60  # seconds


class Appliance:
    """`gatehouse` with a data folder of its own."""

    def __init__(self, binary, folder, log):
        self.binary, self.folder = str(binary), folder
        self.log = log or folder.parent / "gatehouse.log"

    @contextlib.contextmanager
    def running(self, server=None):
        """The demonstration, whose facts are in its demo.json."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [self.binary, "demo", "--data-dir", str(self.folder), "--sql-port", "0", "--https-port", "0", "--server-port", "0"]
        # Seven drivers at one address give wrong passwords on purpose.
        command += ["--set", "sign_in.throttle_free_tries=1000"]
        with open(self.log, "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield self.facts(process)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def facts(self, process):
        path = self.folder / "demo.json"
        limit = time.monotonic() + START_LIMIT
        while not path.exists():
            if process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"gatehouse did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.1)
        return json.loads(path.read_text())
