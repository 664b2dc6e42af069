# SPDX-License-Identifier: Apache-2.0
"""CONTRACT 1, HTTP_PROXY, HTTPS_PROXY, NO_PROXY: through a real tinyproxy, which
logs what it was asked for; and a proxy that refuses, is not there, or wants
another password.
"""
import os
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("tinyproxy", "openssl", "ip")
HERE = "192.0.2.1"  # for loopback no proxy is ever used
subprocess.run(["ip", "addr", "add", f"{HERE}/32", "dev", "lo"], check=True)
replace("/etc/hosts", f"127.0.0.1 localhost\n{HERE} shop.test api.shop.test "
        "axshop.test xn--bcher-kva.test\n")
authority = Authority("authority")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue(
    "good", f"IP:{HERE},DNS:shop.test,DNS:api.shop.test,DNS:axshop.test"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
plain = Scripted(says(OK), host="0.0.0.0")
secure = Scripted(says(OK), host="0.0.0.0", context=context)
plain6 = Scripted(says(OK), host="::1")


def proxy(name, more):
    port, = free_ports(1)
    replace(f"{WORK}/{name}.conf", f"Port {port}\nListen {HERE}\nTimeout 30\n"
            f"MaxClients 50\nLogLevel Connect\n{more}\n")
    process = Process(name, "tinyproxy", "-d", "-c", f"{WORK}/{name}.conf")
    wait(lambda: socket.create_connection((HERE, port), 1).close() is None)
    return process, f"{HERE}:{port}"


guarded, guarded_at = proxy("guarded", "BasicAuth me secret")
refusing, refusing_at = proxy("refusing", "ConnectPort 1\nAllow 198.51.100.1")


class Case:
    """One doctor with these settings; which checks went through the proxy."""

    def __init__(self, name, settings, checks, failing=()):
        self.name, self.checks = name, checks
        self.log = {process: len(process.log()) for process in (
            guarded, refusing)}
        self.doctor = Doctor("[kubenurse]\nlisten = 127.0.0.1:{port}\n"
                             "check_interval = 200ms\nshutdown_duration = 60s\n"
                             f"neighbour_source = static\nextra_ca = "
                             f"{authority.path}\n" + "".join(
                                 f"[check {check}]\nurl = {url}\n"
                                 for check, url in checks.items()),
                             name=name, env=settings)
        ok(self.doctor.up(), f"{name}: it starts") or done()
        self.doctor.wait_checks(checks, 2)
        self.results = self.doctor.results()
        self.metrics = self.doctor.settle()
        self.doctor.halt()
        for check in checks:
            if check not in failing:
                equal(self.results[check], "ok", f"K 1 {name} {check}: is well")
            check_sums(self.metrics, check, f"{name} {check}")

    def asked(self, process=guarded):
        """What the proxy was asked for since."""
        return set(re.findall(r"Request \(file descriptor \d+\): (\S+ \S+) ",
                              process.log()[self.log[process]:]))

    def traced(self, check, event):
        return int(self.metrics.number(
            "kubenurse_httpclient_trace_request_duration_seconds_count"
            f'{{type="{check}",event="{event}"}}'))


P, S = plain.port, secure.port
BOTH = {"http": f"http://shop.test:{P}/x?q=1", "https": f"https://shop.test:{S}/"}
USER = f"http://me:secret@{guarded_at}"

for style, settings in (
        ("upper", {"HTTP_PROXY": USER, "HTTPS_PROXY": USER}),
        ("lower", {"http_proxy": USER, "https_proxy": USER}),
        ("no_scheme", {"HTTP_PROXY": USER[7:], "HTTPS_PROXY": USER[7:]}),
        ("idn", {"HTTP_PROXY": USER.replace(HERE, "b\u00fccher.test"),
                 "HTTPS_PROXY": USER[7:].replace(HERE, "B\u00dcCHER.test")}),
        ("upper_wins", {"HTTP_PROXY": USER, "http_proxy": "http://127.0.0.1:1",
                        "HTTPS_PROXY": USER})):
    case = Case(style, settings, BOTH)
    equal(case.asked(), {f"GET http://shop.test:{P}/x?q=1",
                         f"CONNECT shop.test:{S}"},
          f"K 1.44 {style}: the absolute form for http, CONNECT for https")
    for check in BOTH:
        equal(case.traced(check, "dns_start"),
              case.metrics.checks(check) if style == "idn" else 0,
              f"K 4.7 {style} {check}: dns and connect are the proxy's")
        equal(case.traced(check, "connect_done"), case.metrics.checks(check),
              f"K 4 {style} {check}: one connection")
    equal(case.traced("https", "tls_handshake_done"),
          case.metrics.checks("https"), f"K 4 {style}: TLS with the target")
ok(all("Proxy-" not in request for request in plain.requests +
       secure.requests), "K 1 the proxy's password goes to the proxy alone")

NAMES = {
    "name": f"http://shop.test:{P}/", "below": f"http://api.shop.test:{P}/",
    "beside": f"http://axshop.test:{P}/", "address": f"http://{HERE}:{P}/",
    "tls": f"https://shop.test:{S}/",
}


def direct(no_proxy, *wanted, style="NO_PROXY"):
    """Those checks are made directly, the others by the proxy."""
    case = Case(f"no_proxy_{direct.count}", {
        "HTTP_PROXY": USER, "HTTPS_PROXY": USER, style: no_proxy}, NAMES)
    direct.count += 1
    asked = {line.split()[1].removeprefix("http://").rstrip("/")
             for line in case.asked()}
    shown = {check: url.split("//")[1].rstrip("/")
             for check, url in NAMES.items()}
    equal({check for check, where in shown.items() if where not in asked},
          set(wanted), f"K 1.45 NO_PROXY={no_proxy}: what goes directly")


direct.count = 0
direct("shop.test", "name", "below", "tls")
direct(".shop.test", "below")
direct("*.shop.test", "below")
direct(f"shop.test:{P}", "name", "below")
direct("192.0.2.0/24, 10.0.0.0/8", "address")
direct(f"other.test,{HERE}", "address")
direct("*", *NAMES)
direct("SHOP.TEST", "name", "below", "tls", style="no_proxy")

case = Case("loopback", {"HTTP_PROXY": "http://127.0.0.1:1"}, {
    "v4": f"http://127.0.0.1:{P}/", "v6": f"http://[::1]:{plain6.port}/",
    "localhost": f"http://localhost:{P}/"})
equal(case.asked(), set(), "K 1.44 loopback: never")

for name, settings, wanted in (
        ("wrong_password", {"http_proxy": f"http://me:no@{guarded_at}",
                            "https_proxy": f"http://me:no@{guarded_at}"},
         {"http": ("status_code_40[17]", "(401|proxy: 407) .*"),
          "https": ("round_trip_error", "proxy: 40[17] .*")}),
        ("refusing", {"http_proxy": f"http://{refusing_at}",
                      "https_proxy": f"http://{refusing_at}"},
         {"http": ("status_code_403", "403 .*"),
          "https": ("round_trip_error", "proxy: 403 .*")}),
        ("not_there", {"http_proxy": f"http://{HERE}:1",
                       "https_proxy": f"http://{HERE}:1"},
         {"http": ("connect_done", f"proxy {HERE}:1: .*refused"),
          "https": ("connect_done", f"proxy {HERE}:1: .*refused")})):
    case = Case(name, settings, BOTH, failing=BOTH)
    for check, (event, text) in wanted.items():
        like(case.results[check], f"^{text}$", f"{name} {check}: says why")
        errors = case.metrics.select(
            f'kubenurse_errors_total{{type="{check}",.*}}')
        ok(len(errors) == 1 and re.search(event, list(errors)[0]) and
           list(errors.values())[0] == case.metrics.checks(check),
           f"F 4.5 {name} {check}: one error a check, {event}", errors)

# kept connections through a proxy are not mixed up with direct ones
case = Case("kept", {"HTTP_PROXY": USER, "HTTPS_PROXY": USER,
                     "KUBENURSE_REUSE_CONNECTIONS": "true"}, BOTH)
equal(case.asked(), {f"GET http://shop.test:{P}/x?q=1",
                     f"CONNECT shop.test:{S}"}, "K 1 kept: by the proxy")
equal(case.metrics.total("kubenurse_errors_total.*"), 0, "K 1 kept: no error")

# a kind of proxy that is not known is said
for scheme, reason in (("socks5", "SOCKS"), ("https", "by https")):
    doctor = Doctor("[kubenurse]\nlisten = 127.0.0.1:{port}\n", name=scheme,
                    env={"HTTP_PROXY": f"{scheme}://{HERE}:1080"})
    status = doctor.wait(5)
    ok(status == 2 and doctor.said(f"HTTP_PROXY: .*{reason}.*http://HOST:PORT"),
       f"{scheme}: a configuration error that names it",
       (status, doctor.log()))
    doctor.halt()
done()
