#!/usr/bin/env python3
"""Drives `apus sql` through a pseudo-terminal as a person would, and checks what the screen gets.

usage: terminal.py APUS SQL_PORT SCRIPTS DIR

SQL_PORT is that of node 1 of the cluster in DIR, which is killed on the way.
"""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

program, port, scripts, directory = sys.argv[1:]
history = os.path.join(tempfile.mkdtemp(), "history")
screen = ""


def expect(pattern, seconds=10, keys=None):
    """Reads until the pattern is there, and drops all up to its end.

    Types `keys` first, and again each second: libedit shows the prompt a moment before it takes the terminal over, and a
    Ctrl-C or Ctrl-D that falls between is the terminal's own and has no effect."""
    global screen
    if keys:
        type_keys(keys)
    deadline = time.monotonic() + seconds
    while True:
        match = re.search(pattern, screen)
        if match:
            screen = screen[match.end():]
            return
        left = deadline - time.monotonic()
        if left > 0 and not select.select([terminal], [], [], min(left, 1))[0]:
            if keys:
                type_keys(keys)
            continue
        if left <= 0:
            sys.exit(f"after {seconds} s not yet: {pattern!r}\nthe screen has: {screen!r}")
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""
        if not data:
            sys.exit(f"the shell ended before {pattern!r}\nthe screen has: {screen!r}")
        screen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", data.decode("utf-8", "replace")).replace("\r", "")


def type_keys(keys):
    os.write(terminal, keys.encode())


process, terminal = pty.fork()
if process == 0:
    # Tests that run in the background are started with Ctrl-C ignored, and hand that on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.update(TERM="xterm", APUS_HISTORY=history, LC_ALL="C.UTF-8")
    os.execv(program, [program, "sql", "--port", port])

expect(r"apus=> ")
type_keys("select 1 as one,\n")
expect(r"apus-> ")
type_keys("  ('two'\n")
expect(r"apus\(> ")
type_keys(") as two;\n")
expect(r" one \| two \n-----\+-----\n   1 \| two\n\(1 row\)\n\n")
expect(r"apus=> ")
type_keys("select 'a\n")
expect(r"apus'> ")
expect(r"\^C\n", keys="\x03")  # Ctrl-C gives the statement up
expect(r"apus=> ")
type_keys("select nothing;\n")
expect(r"ERROR:  .*\nLINE 1: select nothing\n               \^\n")
expect(r"apus=> ")
type_keys("\x1b[A\x1b[A\x1b[A\x1b[B\x1b[B\x05\x15select 40 + 2;\n")  # history up and down, the line cleared
expect(r"       42\n\(1 row\)")
expect(r"apus=> ")
type_keys("selec 'x';\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[Ct\n")  # the cursor goes back and mends the word
expect(r" x\n\(1 row\)")
expect(r"apus=> ")
type_keys("\\x\n")
expect(r"Expanded display is on\.")
type_keys("select 7 as seven;\n")
expect(r"-\[ RECORD 1 \]\nseven \| 7\n")
expect(r"apus=> ")
type_keys("\\timing\n")
expect(r"Timing is on\.")
expect(r"apus=> ")
started = time.monotonic()
type_keys("select pg_sleep(30);\n")
expect(r"pg_sleep\(30\);\n")
expect(r"ERROR:  .*cancel", keys="\x03")  # Ctrl-C cancels the statement
expect(r"Time: [0-9.]+ ms")
expect(r"apus=> ")
if time.monotonic() > started + 15:
    sys.exit("the statement was not cancelled but ran to its end")
subprocess.run([f"{scripts}/node", "1", "kill", "--dir", directory], check=True, stdout=subprocess.DEVNULL)
type_keys("select 1;\n")
expect(r"The connection to the server was lost")
expect(r"!\?> ")
type_keys(f"\\c 127.0.0.1:{int(port) + 1}\n")
expect(r"You are now connected to database \"apus\"")
expect(r"apus=> ")
type_keys("select 43 as again;\n")
expect(r"again \| 43\n")
expect(r"apus=> ")
expect(r"\\q\n", keys="\x15\x04")  # Ctrl-D ends; one that the terminal took for itself left a NUL
_, status = os.waitpid(process, 0)
if status != 0:
    sys.exit(f"the shell ended with {status}")
mode = os.stat(history).st_mode & 0o777
if mode != 0o600:
    sys.exit(f"the history has mode {mode:o}")
if "select" not in open(history, encoding="utf-8").read():
    sys.exit("the history is empty")
os.remove(history)
os.rmdir(os.path.dirname(history))
