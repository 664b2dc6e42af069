#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""quickstart.py: what ./quickstart promises besides its first results.  A
second one beside the first takes another port and leaves the first as it is;
Ctrl-C at any moment, a closed terminal and a reader that has gone leave no
process behind.  Speaks TAP; run by .ci/run, for it installs and builds."""
import glob
import os
import re
import signal
import subprocess
import sys
import urllib.request

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
count = failed = 0


def ok(good, name):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)


def start(*words):
    """As a terminal would: a session of its own that hears of Ctrl-C."""
    return subprocess.Popen(
        [f"{SOURCE}/quickstart", *words], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def says(process, pattern):
    """The match in its first line that has one; None: it has said all."""
    for line in process.stdout:
        match = re.search(pattern, line)
        if match:
            return match
    return None


def doctors():
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read()
        except OSError:
            continue
        if words.startswith(f"{SOURCE}/build-quickstart/kubenurse".encode()):
            found.append(path)
    return found


def ends(process, name):
    process.stdout.close()
    process.wait()
    ok(not doctors(), f"{name}: no doctor is left")


def alive(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status == 200


first = start()
first_url = says(first, r"http://\S+/alive")[0]
says(first, "Ctrl-C stops it")
second = start("--once")
second_url = says(second, r"http://\S+/alive")[0]
ok(second_url != first_url, "a second one takes another port")
ok(says(second, "exit status 0"), "and stops by itself")
second.wait()
ok(alive(first_url), "the first one goes on")
os.killpg(first.pid, signal.SIGINT)
ok(says(first, "Stopped, exit status 0"), "Ctrl-C: it says how it stopped")
ends(first, "Ctrl-C")
ok(first.returncode == 0, "Ctrl-C: exit status 0")

for pattern in ("^Building", "The doctor is up"):
    process = start()
    says(process, pattern)
    os.killpg(process.pid, signal.SIGINT)
    says(process, "Stopped")
    ends(process, f"Ctrl-C after '{pattern}'")

process = start()
says(process, "Ctrl-C stops it")
os.killpg(process.pid, signal.SIGHUP)
ends(process, "a closed terminal")

process = start("--once")
says(process, "The doctor is up")
ends(process, "a reader that has gone")

print(f"1..{count}")
sys.exit(1 if failed else 0)
