# SPDX-License-Identifier: Apache-2.0
"""Packets that a firewall drops, each for a reason of its own: what had to be
sent again is counted, by stage, of failed connections and lost races too, and a
handshake that lost a SYN gives no round-trip time.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("nft")
OK = says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
clean, syn, data, race = (Scripted(OK) for _ in range(4))
silent, refused = free_ports(2)
replace("/etc/hosts", "127.0.0.1 localhost race.test\n::1 race.test\n")
# One connection at a time for each port: the first packet of each is dropped.
subprocess.run(["nft", "-f", "-"], check=True, text=True, input=f"""
table inet lab {{
	chain input {{
		type filter hook input priority 0
		tcp dport {syn.port} tcp flags syn numgen inc mod 2 0 drop
		tcp dport {data.port} tcp flags & psh == psh numgen inc mod 2 0 drop
		tcp dport {refused} tcp flags syn numgen inc mod 2 0 drop
		tcp dport {silent} drop
		meta nfproto ipv6 tcp dport {race.port} drop
		tcp dport {race.port} tcp flags syn numgen inc mod 2 0 drop
	}}
}}
""")
# name: (port, SYNs and segments sent again in each check, round-trip times)
CASES = {
    "clean": (clean.port, 0, 0, 1),
    "syn": (syn.port, 1, 0, 0),
    "data": (data.port, 0, 1, 1),
    "refused": (refused, 1, 0, 0),
}
URLS = {name: f"http://127.0.0.1:{case[0]}/" for name, case in CASES.items()}
URLS["silent"] = f"http://127.0.0.1:{silent}/"
if os.path.exists("/proc/net/if_inet6"):
    # the loser sends its second SYN at 1 s, the winner, 300 ms later, its own
    CASES["race"] = (race.port, 2, 0, 0)
    URLS["race"] = f"http://race.test:{race.port}/"
doctor = Doctor("""[kubenurse]
listen = 127.0.0.1:{port}
check_interval = 100ms
shutdown_duration = 60s
neighbour_source = static
""" + "".join(f"[check {name}]\nurl = {url}\n" for name, url in URLS.items()))
doctor.wait_checks(URLS, 2)
results = doctor.results()
final = doctor.settle()
FAILED = ("refused", "silent")
for name, (_, syns, segments, round_trips) in CASES.items():
    ended = final.checks(name)
    sent_again = final.select(
        f'kubenurse_tcp_retransmits_total{{type="{name}",.*}}')
    equal(sent_again, {
        f'kubenurse_tcp_retransmits_total{{type="{name}",stage="{stage}"}}':
        each * ended for stage, each in (("syn", syns), ("data", segments))
        if each}, f"N 4.25 {name}: what had to be sent again")
    equal(final.number(
        f'kubenurse_tcp_rtt_seconds_count{{type="{name}"}}'),
        round_trips * ended, f"N 4.24 {name}: round-trip times")
for name in URLS:
    check_sums(final, name)
    like(results[name], "^connect .*" if name in FAILED else "^ok$",
         f"{name}: /alive")
ok(final.number('kubenurse_tcp_retransmits_total{type="silent",stage="syn"}') >=
   final.checks("silent"), "N 4.25 silent: those of a connection that never was",
   final.select("kubenurse_tcp_retransmits_total.*"))
equal(final.number('kubenurse_tcp_rtt_seconds_count{type="silent"}'), 0,
      "N 4.24 silent: no round-trip time")
ok(final.total_ns('kubenurse_phase_duration_seconds_sum{type="syn",'
                  'phase="connect"}') >= final.checks("syn") * 10 ** 9 * 0.9,
   "a lost SYN is in phase connect")
doctor.halt()
done()
