"""How long the machine kept a thread waiting that had something to do, so that a limit in seconds judges the program and not the machine."""

import threading
import time

PAUSE = 0.02  # seconds


class Stalls:
    """Watches while it is entered; `longest` is the longest stall so far, in seconds."""

    def __enter__(self):
        self.longest = 0.0
        self.over = threading.Event()
        self.watching = threading.Thread(target=self.watch, daemon=True)
        self.watching.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.watching.join()

    def watch(self):
        began = time.monotonic()
        while not self.over.wait(PAUSE):
            now = time.monotonic()
            self.longest, began = max(self.longest, now - began - PAUSE), now
