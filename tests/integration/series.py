# SPDX-License-Identifier: Apache-2.0
"""How many series /metrics has with every built-in check, ten neighbours, names,
TLS and three nameservers: users pay for each.
"""
import os
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("dnsmasq", "openssl")

NAMES = ("kubernetes.default.svc.cluster.local", "ingress.test",
         "service.test")
NAMESERVERS = ("127.0.0.53", "127.0.0.54", "127.0.0.55")
authority = Authority("authority")
certificate, key = authority.issue("server", ",".join(
    [f"DNS:{name}" for name in NAMES] +
    [f"IP:127.0.1.{last}" for last in range(1, 14)] + ["IP:127.0.0.1"]))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
secure, plain = (Scripted(lambda connection, _: connection.sendall(answer[0]),
                          context=one, host="0.0.0.0")
                 for one in (context, None))
os.makedirs(ACCOUNT)
replace(f"{ACCOUNT}/token", "token")
replace(f"{ACCOUNT}/ca.crt", open(authority.path, encoding="ascii").read())
for address in NAMESERVERS:
    replace(f"{WORK}/dnsmasq-{address}", "".join(
        [f"no-resolv\nno-hosts\nno-daemon\nbind-interfaces\nuser=root\n"
         f"pid-file=\nlisten-address={address}\n"] +
        [f"host-record={name},127.0.0.1\n" for name in NAMES]))
    Process(f"dnsmasq-{address}", "dnsmasq", "-C",
            f"{WORK}/dnsmasq-{address}").wait_said("started")
# each is asked at some time
replace("/etc/resolv.conf", "options rotate\n" + "".join(
    f"nameserver {address}\n" for address in NAMESERVERS))

INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 100ms
shutdown_duration = 1m
api_server_host = 127.0.0.1
api_server_port = {secure.port}
ingress_url = https://ingress.test:{secure.port}
service_url = https://service.test:{secure.port}
listen_tls = 127.0.0.1:{free_ports(1)[0]}
cert_file = {certificate}
cert_key = {key}
neighbour_source = static
neighbour_port = PORT
[neighbours]
""" + "".join(f"neighbour = node-{last:02} 127.0.1.{last}\n"
              for last in range(1, 14))
os.chmod(key, 0o644)
BUILT_IN = ("api_server_direct", "api_server_dns", "me_ingress", "me_service")
paths = [f"path_node-{last:02}" for last in range(1, 14)]

# neighbours are checked by http unless use_tls says otherwise: then the trace
# durations of each have two events more, as in kubenurse 1.x
for legacy, use_tls, bound in (("true", "false", 2600),
                               ("true", "true", 2600 + 300),
                               ("false", "false", 1500),
                               ("false", "true", 1500)):
    what = f"legacy_metrics = {legacy}, use_tls = {use_tls}"
    tls = use_tls == "true"
    answer[0] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    more = f"legacy_metrics = {legacy}\nuse_tls = {use_tls}\n"
    doctor = Doctor(INI.replace("[neighbours]", more + "[neighbours]").replace(
        "PORT", str(secure.port if tls else plain.port)),
                    name=f"legacy-{legacy}-tls-{use_tls}")
    scrape = doctor.wait_checks(BUILT_IN + ("path",), 20)
    selected = {name for name in paths
                if f'type="{name}"' in scrape.text}
    equal(len(selected), 10, "ten of the neighbours are checked")
    equal(scrape.total("kubenurse_errors_total.*"), 0, "all is well")
    answer[0] = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    wait(lambda: len(doctor.metrics().select(
        "kubenurse_errors_total.*status_code_503.*")) == 14)
    answer[0] = b"nonsense\r\n\r\n"
    wait(lambda: len(doctor.metrics().select(
        "kubenurse_errors_total.*round_trip_error.*")) == 14)
    wait(lambda: len(doctor.metrics().select(
        "kubenurse_dns_query_duration_seconds_count.*")) == 9)
    final = doctor.metrics()
    for ere, count in (
            ('kubenurse_httpclient_trace_request_duration_seconds_count'
             r'\{type="me_ingress",event=.*', 9 if legacy == "true" else 0),
            (r'kubenurse_phase_duration_seconds_count\{type="me_ingress",.*',
             7),
            (r'kubenurse_phase_duration_seconds_count\{type="path",.*',
             6 if tls else 5),
            (r"kubenurse_dns_query_duration_seconds_count\{.*", 9),
            (r"kubenurse_worker_up\{.*(api|me|path).*", 5),
            (r"kubenurse_tls_certificate_expiry_timestamp_seconds\{.*",
             14 if tls else 4),
            (r"kubenurse_tls_chain_expiry_timestamp_seconds\{.*",
             14 if tls else 4)):
        equal(len(final.select(ere)), count, f"{ere}: {count}")
    equal(len(final.select(
        r'kubenurse_(phase|check)_duration_seconds_.*type="path_.*')), 0,
        "N 4.19 new histograms have the neighbours together")
    total = sum(1 for line in final.text.splitlines()
                if line and not line.startswith("#"))
    ok(900 < total < bound,
       f"N 4.20, N 4.21 {what}: {total} series, fewer than {bound}")
    doctor.halt()
done()
