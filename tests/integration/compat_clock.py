# SPDX-License-Identifier: Apache-2.0
"""CONTRACT, clocks: the wall clock that the program sees is stepped by an hour,
either way, in the middle of checks; the kernel's stamps go on by the true one.
No duration changes, the phases still sum up, and what shows the wall clock
shows the new one.
"""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("cc")
# a library of the test's own between the program and its clock
with open(f"{WORK}/step.c", "w", encoding="ascii") as file:
    file.write(r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long at_s, by_s;

__attribute__((constructor)) static void prepare(void)
{
	FILE *file = fopen("WORK/step", "re");

	if (file == NULL || fscanf(file, "%ld %ld", &at_s, &by_s) != 2)
		by_s = 0;
	if (file != NULL)
		fclose(file);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	struct timespec mono;
	int rc = (int)syscall(SYS_clock_gettime, clock, ret);

	if (clock != CLOCK_REALTIME || rc != 0 || by_s == 0)
		return rc;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &mono);
	if (mono.tv_sec >= at_s)
		ret->tv_sec += by_s;
	return 0;
}
""".replace("WORK", WORK))
subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{WORK}/step.so",
                f"{WORK}/step.c"], check=True)
os.chmod(f"{WORK}/step.so", 0o755)
# the worker starts without an environment: by the file of this namespace; a
# sanitizer's runtime, where there is one, wants to be the first
linked = subprocess.run(["ldd", f"{BUILD}/kubenurse"], capture_output=True,
                        text=True, check=True).stdout
runtime = re.findall(r"=> (\S*/lib[a-z]*asan\S*)", linked)
replace("/etc/ld.so.preload", "\n".join(runtime + [f"{WORK}/step.so", ""]))
DELAY_S = 0.4


def slow(connection, _):
    threading.Event().wait(DELAY_S)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


server = Scripted(slow)
for name, step_s in (("forward", 3600), ("backward", -3600)):
    at_s = int(time.monotonic()) + 3
    replace(f"{WORK}/step", f"{at_s} {step_s}\n")
    doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 100ms
shutdown_duration = 60s
neighbour_source = static
""" + "".join(f"[check {which}]\nurl = http://127.0.0.1:{server.port}/\n"
              for which in "abcdef"), name=name)
    ok(doctor.up(), f"{name}: it starts") or done()
    doctor.wait_checks("abcdef")
    with open(f"/proc/{doctor.worker('extra')}/maps", encoding="utf-8") as file:
        ok("step.so" in file.read(), f"{name}: the worker has this clock, too")
    wait(lambda: time.monotonic() > at_s + 2, 10)
    metrics = doctor.settle()
    now_s = time.time() + step_s
    for which in "abcdef":
        ended = metrics.checks(which)
        for family, least_s in (
                ("kubenurse_check_duration_seconds", DELAY_S),
                ("kubenurse_httpclient_request_duration_seconds", DELAY_S)):
            mean_s = float(metrics.total(
                family + r'_sum\{type="' + which + '".*')) / ended
            ok(ended >= 5 and least_s < mean_s < 5,
               f"K 4.2 {name} {which}: {family} is as ever", (mean_s, ended))
            equal(metrics.total(family + r'_bucket\{type="' + which +
                                r'".*le="(0.25|0.1|0.05)"\}'), 0,
                  f"{name} {which}: no shorter one")

            equal(metrics.total(family + r'_bucket\{type="' + which +
                                r'".*le="5"\}'), ended,
                  f"{name} {which}: no longer one")
        check_sums(metrics, which, f"{name} {which}")
        shown_s = float(metrics.number(
            "kubenurse_check_last_success_timestamp_seconds"
            f'{{type="{which}"}}'))
        ok(now_s - 10 < shown_s < now_s + 1,
           f"{name} {which}: its timestamp follows the wall clock",
           (shown_s, now_s))
    equal(metrics.total("kubenurse_errors_total.*") +
          metrics.total("kubenurse_samples_lost_total.*") +
          metrics.total("kubenurse_worker_restarts_total.*"), 0,
          f"{name}: no error, nothing lost")
    doctor.halt()
done()
