# SPDX-License-Identifier: Apache-2.0
"""How long the server waits for a client's headers, for a client that does not
read, and for one that says nothing between two requests.  The program's clock
runs thirty times as fast as ours; requests of others wake it up.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("cc")
SPEED = 30
with open(f"{WORK}/fast.c", "w", encoding="ascii") as file:
    file.write(r"""
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static struct timespec base;
	int rc = (int)syscall(SYS_clock_gettime, clock, ret);
	long long ns;

	if (clock != CLOCK_MONOTONIC || rc != 0)
		return rc;
	if (base.tv_sec == 0)
		base = *ret;
	ns = (ret->tv_sec - base.tv_sec) * 1000000000LL + ret->tv_nsec -
		base.tv_nsec;
	ns *= SPEED;
	ret->tv_sec = base.tv_sec + ns / 1000000000LL;
	ret->tv_nsec = ns % 1000000000LL;
	return 0;
}
""".replace("SPEED", str(SPEED)))
subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{WORK}/fast.so",
                f"{WORK}/fast.c"], check=True)
# a sanitizer's runtime, where there is one, wants to be the first
linked = subprocess.run(["ldd", f"{BUILD}/kubenurse"], capture_output=True,
                        text=True, check=True).stdout
runtime = re.findall(r"=> (\S*/lib[a-z]*asan\S*)", linked)
doctor = Doctor("""[kubenurse]
listen = 127.0.0.1:{port}
neighbour_source = static
""", env={"LD_PRELOAD": " ".join(runtime + [f"{WORK}/fast.so"])})
ok(doctor.up(), "it starts, with another clock") or done()


def established(client):
    """Whether the program's end of it is still open."""
    mine = f":{client.getsockname()[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(line.split()[2].endswith(mine) and line.split()[3] == "01"
                   and line.split()[1].endswith(f":{doctor.port:04X}")
                   for line in table)


class Client:
    """Says this and no more."""

    def __init__(self, data):
        self.began = time.monotonic()
        self.socket = socket.create_connection(("127.0.0.1", doctor.port))
        self.socket.setblocking(False)
        while data:
            try:
                data = data[self.socket.send(data):]
            except BlockingIOError:
                break  # it is not read any more: its answers are not, either
        self.gone_s = None

    def look(self):
        if self.gone_s is None and not established(self.socket):
            self.gone_s = (time.monotonic() - self.began) * SPEED
        return self.gone_s is not None


REQUEST = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
clients = {"headers": Client(REQUEST[:-4]), "reading": Client(REQUEST * 20000),
           "idle": Client(REQUEST)}
gone = wait(lambda: doctor.status("/alwayshappy") == 200 and
            all([client.look() for client in clients.values()]), 60)
ok(gone, "all of them are cut off at last",
   {name: client.gone_s for name, client in clients.items()})
for name, least_s in (("headers", 5), ("reading", 10), ("idle", 120)):
    ok((clients[name].gone_s or 0) >= least_s, f"K 2.2 {name}: not before "
       f"{least_s} s", clients[name].gone_s)
for first, then in (("headers", "idle"), ("reading", "idle")):
    ok((clients[first].gone_s or 999) < (clients[then].gone_s or 0),
       f"K 2.2 {first}: sooner than {then}")
doctor.halt()
done()
