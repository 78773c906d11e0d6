"""A server that a test starts on this machine: its process, and the file of what it prints."""

import pathlib
import signal
import subprocess
import time


class ServerError(Exception):
    """A server that ended, did not end, or did not do what was waited for."""


class ServerProcess:
    """At most one process at a time; start() after an end makes another one that adds to the same file."""

    def __init__(self, name, directory):
        self.name = name
        self._log = pathlib.Path(directory) / f"{name}.log"
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def run(self, command, **options):
        """Starts it. `options` are those of subprocess.Popen. REQUIRES: the last process was ended, or seen dead."""
        assert self._process is None, f"{self.name} runs already"
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             **options)
        return self

    def wait_until(self, ready, timeout_s):
        """Waits until ready() is true; raises, and kills the process, when it ended or took longer."""
        def look():
            if not self.running:
                raise ServerError(f"{self.name} ended:\n{self.log_tail()}")
            return ready()

        try:
            wait_for(look, timeout_s, lambda: f"{self.name} to be ready:\n{self.log_tail()}")
        except BaseException:
            self.kill()
            raise

    def kill(self):
        """Ends it at once, as a crash would."""
        self._end(signal.SIGKILL, 20)

    def stop(self, timeout_s=30):
        """Asks it to end; its exit code."""
        return self._end(signal.SIGTERM, timeout_s)

    def terminate(self):
        """Asks it to end, without waiting."""
        self._process.send_signal(signal.SIGTERM)

    def pause(self):
        """Stops it without closing its connections."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def wait_until_dead(self, timeout_s=60):
        """Waits for it to end by itself, as by an armed failpoint."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ServerError(f"{self.name} is still alive after {timeout_s} s:\n{self.log_tail()}") from None
        self._process = None

    def _end(self, how, timeout_s):
        if self._process is None:
            return None
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(how)
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ServerError(f"{self.name} did not end within {timeout_s} s of signal {how}:\n{self.log_tail()}") from None

    def log_tail(self, lines=40):
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def log(self):
        return self.log_bytes().decode(errors="replace")

    def log_bytes(self):
        return self._log.read_bytes()


def wait_for(condition, timeout_s, what):
    """Polls until condition() is true; what() says what was waited for."""
    deadline = time.monotonic() + timeout_s
    pause = 0.02
    while not condition():
        if time.monotonic() > deadline:
            raise ServerError(f"waited {timeout_s} s for {what()}")
        time.sleep(pause)  # between two looks at a condition
        pause = min(pause * 1.5, 0.25)
