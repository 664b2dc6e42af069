# SPDX-License-Identifier: Apache-2.0
"""Names against a real dnsmasq and, behind it and beside it, nameservers that
fail: what each name meets, what is counted of each nameserver, and that a new
resolv.conf is taken without a check being lost.
"""
import json
import os
import re
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("dnsmasq", "nft")

LIVE, SERVFAIL, SILENT, NOBODY, BROKEN, SLOW, HALF, BARE, CUT_OFF = (
    f"127.0.0.{last}" for last in range(53, 62))


LATER, LATER_S = object(), 0.3


def address_of(query):
    """127.0.0.1, in answer to this."""
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + query[
        12:] + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1"


def nameserver(address, answer):
    """A nameserver that gives answer(query) to each, or nothing, or LATER the
    address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((address, 53))

    def serve():
        while True:
            query, peer = listener.recvfrom(4096)
            reply = answer(query)
            if reply is LATER:
                threading.Timer(LATER_S, listener.sendto,
                                (address_of(query), peer)).start()
            elif reply:
                listener.sendto(reply, peer)
    threading.Thread(target=serve, daemon=True).start()


nameserver(SERVFAIL, lambda query: query[:2] + struct.pack(
    "!HHHHH", 0x8182, 1, 0, 0, 0) + query[12:])
nameserver(SILENT, lambda query: None)
# the right header, one answer promised, and a name that points to itself
nameserver(BROKEN, lambda query: query[:2] + struct.pack(
    "!HHHHH", 0x8180, 1, 1, 0, 0) + query[12:] + b"\xc0\xff\xc0")
# no IPv6, which it knows at once
nameserver(SLOW, lambda query: LATER if query[-4:-2] == b"\0\1" else query[
    :2] + struct.pack("!HHHHH", 0x8180, 1, 0, 0, 0) + query[12:])

# A is answered, AAAA never: one of a pair that conntrack has dropped
half_answers = [True]
nameserver(HALF, lambda query: address_of(query) if query[-4:-2] == b"\0\1"
           else None if half_answers[0] else query[:2] + struct.pack(
               "!HHHHH", 0x8180, 1, 0, 0, 0) + query[12:])
# a header and no question, as unbound refuses a client
nameserver(BARE, lambda query: query[:2] + struct.pack(
    "!HHHHH", 0x8105, 0, 0, 0, 0))

replace("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"
        "127.0.0.1 from-hosts.test\n")
replace(f"{WORK}/dnsmasq.conf", f"""no-resolv
no-hosts
no-daemon
bind-interfaces
listen-address={LIVE}
user=root
pid-file=
cache-size=0
local=/lab.test/
host-record=good.lab.test,127.0.0.1
host-record=deep.sub.lab.test,127.0.0.1
host-record=both.lab.test,127.0.0.1,::1
host-record=six.lab.test,::1
txt-record=nodata.lab.test,no address
server=/servfail.test/{SERVFAIL}
server=/silent.test/{SILENT}
""")
dnsmasq = Process("dnsmasq", "dnsmasq", "-C", f"{WORK}/dnsmasq.conf")
ok(dnsmasq.wait_said("started") and dnsmasq.popen.poll() is None,
   "dnsmasq runs", dnsmasq.log())

OK = says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
web = Scripted(OK)
web6 = Scripted(OK, host="::1")
# name: (host, event or None, /alive, reason in kubenurse_dns_errors_total)
CASES = {
    "good": ("good.lab.test", None, "^ok$", None),
    "final_dot": ("good.lab.test.", None, "^ok$", None),
    "searched": ("good", None, "^ok$", None),
    "few_dots": ("deep.sub", None, "^ok$", None),
    "from_hosts": ("from-hosts.test", None, "^ok$", None),
    "race_to_4": ("both.lab.test", None, "^ok$", None),
    "nxdomain": ("nothing.lab.test.", "dns_done",
                 r"^dns: NXDOMAIN for nothing\.lab\.test", "nxdomain"),
    "refused": ("elsewhere.example.", "dns_done",
                r"^dns: REFUSED for elsewhere\.example", "refused"),
    "servfail": ("x.servfail.test.", "dns_done",
                 r"^dns: SERVFAIL for x\.servfail\.test", "servfail"),
    "timeout": ("x.silent.test.", "dns_done",
                r"^dns: timeout for x\.silent\.test", "timeout"),
    "nodata": ("nodata.lab.test.", "dns_done", "^dns: no (data|address)", None),
}
urls = {name: f"http://{case[0]}:{web.port}/" for name, case in CASES.items()}
CASES["only_6"] = ("six.lab.test", None, "^ok$", None)
urls["only_6"] = f"http://six.lab.test:{web6.port}/"

HEAD = """[kubenurse]
listen = 127.0.0.1:{port}
check_interval = 500ms
shutdown_duration = 60s
neighbour_source = static
"""
replace("/etc/resolv.conf", f"nameserver {LIVE}\nsearch lab.test\n"
        "options ndots:2 timeout:5 attempts:1\n")
doctor = Doctor(HEAD + "".join(f"[check {name}]\nurl = {url}\ntimeout = 1s\n"
                               for name, url in urls.items()))
doctor.wait_checks(CASES, 2)
results = doctor.results()
final = doctor.settle()
for name, (_, event, text, reason) in CASES.items():
    like(results[name], text, f"{name}: /alive")
    errors = final.select(f'kubenurse_dns_errors_total{{type="{name}",.*}}')
    ok(all(f'nameserver="{LIVE}:53",reason="{reason}"' in series
           for series in errors) and bool(errors) == bool(reason),
       f"N 4.32 {name}: errors of the nameserver: {reason}", errors)
    if event:
        check_failure(final, name, event, "round_trip_error")
        continue
    equal(final.total(f'kubenurse_errors_total{{type="{name}",.*}}'), 0,
          f"{name}: no error")
    equal(final.number("kubenurse_httpclient_trace_request_duration_seconds_"
                       f'count{{type="{name}",event="dns_done"}}'),
          final.checks(name), f"{name}: dns_done once per check")
    check_sums(final, name)
equal(final.total(
    r'kubenurse_dns_query_duration_seconds_count\{type="from_hosts".*'), 0,
    "a name of the hosts file asks nobody")
ok(final.total(r'kubenurse_dns_query_duration_seconds_count\{type="good",'
               f'nameserver="{LIVE}:53"\\}}') == 2 * final.checks("good"),
   "two queries a check, A and AAAA", final.select(
       r'kubenurse_dns_query_duration_seconds_count.*type="good".*'))
equal(doctor.halt(), 1, "a second signal ends it")

# --------------------------------------- the name is known with its last answer

replace("/etc/resolv.conf", f"nameserver {SLOW}\n")
doctor = Doctor(HEAD + f"[check slow]\nurl = http://slow.test:{web.port}/\n",
                name="slow")
doctor.wait_checks(["slow"], 2)
scrape = doctor.settle()
ended = scrape.checks("slow")
ok(scrape.total_ns('kubenurse_phase_duration_seconds_sum{type="slow",'
                   'phase="dns"}') >= ended * LATER_S * 10 ** 9,
   "N 4.22 phase dns lasts until the address, however early there was none of "
   "the other family", scrape.select(".*phase_duration_seconds_sum.*"))
ok(scrape.total_ns('kubenurse_httpclient_trace_request_duration_seconds_sum'
                   '{type="slow",event="dns_done"}') >= ended * LATER_S * 10 ** 9,
   "K 4.3 and so does dns_done")
check_sums(scrape, "slow")
doctor.halt()

# ------------------------------------ the other family's answer never arrives

replace("/etc/resolv.conf", f"nameserver {HALF}\n"
        "options timeout:1 attempts:2\n")
doctor = Doctor(HEAD + f"[check half]\nurl = http://half.test:{web.port}/\n",
                name="half")
scrape = doctor.wait_metric('kubenurse_dns_late_duration_seconds_count.*', 2)
ok(scrape.total_ns("kubenurse_dns_late_duration_seconds_sum.*") >= 4 * 10 ** 9,
   "an application would have waited for both tries",
   scrape.select("kubenurse_dns_late_duration_seconds_(sum|count).*"))
ok(scrape.total('kubenurse_dns_errors_total{type="half",nameserver='
                f'"{HALF}:53",reason="timeout"}}') >= 4,
   "each try that is not answered is counted as a timeout")
equal(scrape.total("kubenurse_errors_total.*"), 0, "the checks are well")
alive = json.loads(doctor.get("/alive")[2])
equal(alive["last_check_result"]["half"], "ok", "the result is ok")
like(alive["last_check_warning"]["half"],
     rf"^dns: timeout for half\.test AAAA \(nameserver {HALF}:53\); an "
     r"application that waits for A and AAAA hangs for (1\.\d s or longer|2\.\d s)$",
     "and beside it stands what applications meet")
equal(len(re.findall("a DNS query of a check fails, and", doctor.log())), 1,
      "it is logged when it begins, and then no more")
half_answers[0] = False
ok(wait(lambda: "last_check_warning" not in json.loads(doctor.get("/alive")[2])),
   "when it is over, nothing stands there")
like(doctor.log(), "all DNS queries of a check are answered again",
     "and the log says so")
check_sums(doctor.settle(), "half")
doctor.halt()

# -------------------------------------------- one suffix of the search is bad

replace("/etc/resolv.conf", f"nameserver {LIVE}\nsearch elsewhere.example "
        "servfail.test lab.test\noptions ndots:5 timeout:1 attempts:1\n")
doctor = Doctor(HEAD + f"[check good]\nurl = http://good:{web.port}/\n",
                name="suffix")
doctor.wait_checks(["good"], 2)
equal(doctor.results()["good"], "ok", "the search goes on with the next one")
equal(doctor.settle().total("kubenurse_errors_total.*"), 0, "without an error")
doctor.halt()

# ------------------- what a nameserver says, or this host, and which it was

subprocess.run(["nft", "-f", "-"], check=True, text=True, input=f"""
table inet egress {{
    chain out {{
        type filter hook output priority 0
        ip daddr {CUT_OFF} udp dport 53 drop
    }}
}}
""")
for address, text in (
        (BARE, rf"^dns: REFUSED for x\.test \(nameserver {BARE}:53\)$"),
        (CUT_OFF, rf"^dns: {CUT_OFF}:53: Operation not permitted for x\.test$"),
        (NOBODY, rf"^dns: {NOBODY}:53: Connection refused for x\.test$")):
    replace("/etc/resolv.conf", f"nameserver {address}\n")
    doctor = Doctor(HEAD + "[check x]\nurl = http://x.test/\n", name=address)
    doctor.wait_checks(["x"])
    like(doctor.results()["x"], text, f"{address}: /alive")
    ok(re.search(text.strip("^$"), doctor.log()), f"{address}: the log",
       doctor.log())
    doctor.halt()

# ------------- a dead first nameserver, with the defaults of resolv.conf: 5 s

replace("/etc/resolv.conf", f"nameserver {SILENT}\nnameserver {LIVE}\n")
doctor = Doctor(HEAD.replace("500ms", "20s") +
                f"[check good]\nurl = http://good.lab.test:{web.port}/\n",
                name="dead")
doctor.wait_checks(["good"])
equal(doctor.results()["good"], "ok",
      "the second nameserver is asked within the check's budget")
ok(doctor.metrics().total_ns('kubenurse_phase_duration_seconds_sum{type="good",'
                             'phase="dns"}') >= 5 * 10 ** 9,
   "and what the first one costs is shown")
doctor.halt()

# ------------------------------------------------- a resolv.conf that changes

CHANGE = HEAD + f"""[check good]
url = http://good.lab.test:{web.port}/
interval = 50ms
"""
doctor = Doctor(CHANGE, name="changing")
doctor.wait_checks(["good"], 2)
first = doctor.worker("extra")
replace("/etc/resolv.conf", f"nameserver {NOBODY}\nnameserver {BROKEN}\n"
        f"nameserver {LIVE}\noptions timeout:1 attempts:1\n")
doctor.wait_metric(
    f'kubenurse_dns_errors_total.*"{NOBODY}:53",reason="unreachable".')
scrape = doctor.wait_metric(
    f'kubenurse_dns_errors_total.*"{BROKEN}:53",reason="malformed".')
ok(scrape.total(f'kubenurse_dns_errors_total.*"{NOBODY}:53",'
                'reason="unreachable".') > 0,
   "a nameserver where nobody listens is unreachable")
ok(scrape.total(f'kubenurse_dns_errors_total.*"{BROKEN}:53",'
                'reason="malformed".') > 0,
   "one that answers nonsense is malformed",
   scrape.select("kubenurse_dns_errors_total.*"))
second = doctor.worker("extra")
ok(second and second != first, "another worker has taken over")

replace("/etc/resolv.conf", f"nameserver {SILENT}\nnameserver {LIVE}\n"
        "options timeout:1 attempts:1\n")
doctor.wait_metric(
    f'kubenurse_dns_errors_total.*"{SILENT}:53",reason="timeout".', 2)
ok(wait(lambda: doctor.metrics().total_ns(
    r'kubenurse_phase_duration_seconds_sum\{type="good",phase="dns"\}') >=
    10 ** 9), "a dead nameserver costs its whole timeout before the live one")
scrape = doctor.settle()
equal(scrape.total(r'kubenurse_errors_total\{.*'), 0, "no check has failed")
equal(scrape.total("kubenurse_worker_restarts_total.*"), 0,
      "a planned replacement is no restart")
equal(scrape.total("kubenurse_samples_lost_total.*"), 0, "no check was lost")
equal(int(scrape.number('kubenurse_httpclient_requests_total{type="good",'
                        'code="200"}')), scrape.checks("good"),
      "each check is one request")
ok(len(web.requests) >= scrape.checks("good"), "and the server has seen it")
check_sums(scrape, "good", "over three workers")
doctor.halt()

# ------------------------------- one that was mounted by itself, as containers'

os.unlink("/etc/resolv.conf")
for path in ("/etc/resolv.conf", f"{WORK}/resolv.conf"):
    with open(path, "w", encoding="ascii") as file:
        file.write(f"nameserver {BROKEN}\noptions attempts:1 timeout:1\n")
subprocess.run(["mount", "--bind", f"{WORK}/resolv.conf", "/etc/resolv.conf"],
               check=True)
doctor = Doctor(CHANGE, name="mounted")
doctor.wait_metric(f'kubenurse_dns_errors_total.*"{BROKEN}:53",.*')
with open(f"{WORK}/resolv.conf", "w", encoding="ascii") as file:
    file.write(f"nameserver {LIVE}\n")
scrape = doctor.wait_metric(
    f'kubenurse_dns_query_duration_seconds_count.*"{LIVE}:53".')
ok(scrape.select(f'kubenurse_dns_query_duration_seconds_count.*"{LIVE}:53".'),
   "a change of one that is mounted by itself is noticed, too",
   doctor.log())
doctor.halt()
done()
