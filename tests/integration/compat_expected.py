# SPDX-License-Identifier: Apache-2.0
"""What the differential test taught, where no Go program is at hand: for each
server and fault which codes, events and errors there are and how many of them
in a hop.  The table `compat_expected.txt` holds what kubenurse 1.15.3 counts,
with the contract's differences; UPDATE=1 writes it anew.
"""
import collections
import os
import re
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER + "/../lib", FOLDER + "/../differential"]
from lab import *  # noqa: E402,F403

enter()
need("nft", "openssl")
import compare  # noqa: E402
from targets import *  # noqa: E402,F403

TABLE = f"{FOLDER}/compat_expected.txt"
SHORT = {"kubenurse_httpclient_requests_total": "code",
         "kubenurse_errors_total": "error",
         "kubenurse_httpclient_request_duration_seconds_count": "duration",
         "kubenurse_httpclient_trace_request_duration_seconds_count": ""}

furnish()
targets = Targets()
cluster = Cluster(targets)
environment = cluster.environment(targets.urls)
environment["KUBENURSE_SHUTDOWN_DURATION"] = "60s"
port = 8080  # where neighbours are checked
doctor = Doctor(env=environment, port=port, wrapper=(
    "unshare", "--uts", "sh", "-c", f'hostname {POD}; exec "$@"', "sh"))
types = set(targets.urls) | {f"path_{node}" for node in NEIGHBOURS} | {
    "me_ingress", "me_service", "api_server_direct", "api_server_dns"}


def ended():
    metrics[:] = [doctor.get("/metrics")[2].decode()]
    hops = compare.checks_by_type(compare.read(metrics[0])[1])
    return min(hops[name] for name in types) >= 3


metrics = []
wait_ok(ended, "each check has ended three times", 60)
table = collections.defaultdict(list)
for series, rate in compare.per_hop(compare.read(metrics[0])[1]).items():
    name, labels = series[:-1].split("{")
    values = re.findall(r'(\w+)="([^"]*)"', labels)
    what = f"{SHORT[name]} {values[1][1] if values[1:] else ''}".strip()
    table[values[0][1]].append(what if rate == 1 else f"{what} x{rate}")
lines = [f"{name}: {', '.join(sorted(table[name]))}\n" for name in sorted(table)]
if os.environ.get("UPDATE"):
    with open(TABLE, "w", encoding="ascii") as file:
        file.writelines(["# SPDX-License-Identifier: Apache-2.0\n",
                         "# check: what one hop of it counts; see "
                         "compat_expected.py\n"] + lines)
with open(TABLE, encoding="ascii") as file:
    expected = [line for line in file if not line.startswith("#")]
equal(sorted(line.split(":")[0] for line in lines),
      sorted(line.split(":")[0] for line in expected), "the same checks")
for is_, wanted in zip(lines, expected):
    equal(is_, wanted, f"K 4, F 4 {wanted.split(':')[0]}: "
          "K 3.7, F 3.24, K 3.25, F 3.27, K 4.1, K 4.2, K 4.3, K 4.4 codes, events and errors")
LOOP = "redirect_loop"  # its error is one in ten hops
results = doctor.results()
equal({name for name, text in results.items() if text == "ok"},
      set(results) - {"neighbourhood", LOOP} - {
          line.split(":")[0] for line in lines if "error" in line},
      "K 2.10 /alive: ok is what has no error")
metrics = doctor.settle()
hops = metrics.number("kubenurse_httpclient_requests_total"
                      f'{{type="{LOOP}",code="302"}}')
equal(metrics.select(f'kubenurse_errors_total{{type="{LOOP}",.*}}'), {
    f'kubenurse_errors_total{{type="{LOOP}",event="round_trip_error"}}':
    hops // 10}, "K 3.12 redirects: ten requests, then one error")
doctor.halt()
done()
