"""Stand between a host and a server, and keep the lines that pass: `python recorder.py LOG COMMAND…`.

It starts the command and copies bytes both ways, so the host notices nothing. In the log, each line follows a direction and the
time on the clock of `time.monotonic`.
"""

import os
import subprocess
import sys
import threading
import time


def copy(source: int, target: int, log: int, mark: bytes) -> None:
    """Copy until the source ends, and write each whole line to the log."""
    held = b""
    while chunk := os.read(source, 65536):
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:  # before they are passed on, or the answer might stand before the question
            os.write(log, b"%s %.6f %s\n" % (mark, time.monotonic(), line))
        os.write(target, chunk)
    os.close(target)


log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert child.stdin
assert child.stdout
threading.Thread(target=copy, args=(0, os.dup(child.stdin.fileno()), log, b">"), daemon=True).start()
child.stdin.close()
copy(child.stdout.fileno(), os.dup(1), log, b"<")
sys.exit(child.wait())
