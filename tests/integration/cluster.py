# SPDX-License-Identifier: Apache-2.0
"""As in a pod: no file but the environment, and a service account whose token
an API server demands.  The token goes there by https and nowhere else, is read
as it rotates, and without it the checks of the API server fail alone.
"""
import os
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
NAME = "kubernetes.default.svc.cluster.local"
replace("/etc/hosts", f"127.0.0.1 localhost {NAME} other.test\n")
authority = Authority("cluster-ca")
certificate, key = authority.issue(
    "api", f"IP:127.0.0.1,DNS:{NAME},DNS:other.test")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)

valid = {"first-token"}
moved_to = []


def api(connection, request):
    """An API server: no token, no answer; or all are sent elsewhere."""
    token = re.search(rb"(?m)^Authorization: Bearer (\S+)\r$", request)
    if moved_to:
        connection.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
                           b"Location: " + moved_to[0].encode() +
                           b"\r\n\r\n")
    elif token and token[1].decode() in valid:
        connection.sendall(OK)
    else:
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\n"
                           b"Content-Length: 0\r\n\r\n")


server = Scripted(api, context=context)
other = Scripted(says(OK), context=context)
plain = Scripted(says(OK))
os.makedirs(ACCOUNT)
os.chmod("/var/run/secrets", 0o755)


def publish_token(text):
    replace(f"{ACCOUNT}/token", text)
    os.chmod(f"{ACCOUNT}/token", 0o600)


publish_token("first-token\n")
replace(f"{ACCOUNT}/ca.crt", open(authority.path, encoding="ascii").read())
port = free_ports(1)[0]
ENVIRONMENT = {
    "KUBERNETES_SERVICE_HOST": "127.0.0.1",
    "KUBERNETES_SERVICE_PORT": str(server.port),
    "KUBERNETES_PORT_443_TCP_ADDR": "127.0.0.1",
    "KUBENURSE_SERVICE_HOST": "127.0.0.1", "KUBENURSE_PORT": "tcp://x:1",
    "KUBENURSE_INGRESS_URL": f"https://other.test:{other.port}/",
    "KUBENURSE_SERVICE_URL": f"http://127.0.0.1:{plain.port}",
    "KUBENURSE_EXTRA_CHECKS":
        f"api_again:https://127.0.0.1:{server.port}/version|"
        f"plain:http://127.0.0.1:{plain.port}/version",
    "KUBENURSE_CHECK_NEIGHBOURHOOD": "false",
    "KUBENURSE_CHECK_INTERVAL": "100ms",
    "KUBENURSE_SHUTDOWN_DURATION": "1m",
    "KUBENURSE_LISTEN": f"127.0.0.1:{port}",
}
API = ("api_server_direct", "api_server_dns")

doctor = Doctor(env=ENVIRONMENT, port=port)
scrape = doctor.wait_checks(
    API + ("me_ingress", "me_service", "api_again", "plain"), 2)
results = doctor.results()
for name in API + ("me_ingress", "me_service", "plain"):
    equal(results[name], "ok", f"K 1.26, K 3.9 {name}: ok")
equal(results["api_again"], "401 Unauthorized",
      "F 3.10 an extra check of the same address has no token")
ok("#" not in scrape.text, "K 1.39 no metadata without a file")
# what discovery asks for is not a check's
paths = {request.split()[1] for request in server.requests
         if "/api/v1/" not in request}
equal(paths, {"/version"}, "K 3.1 the API server is asked for /version")
equal({request.split()[1] for request in other.requests}, {"/alwayshappy"},
      "K 1.22, F 1.23 and no slash is doubled")

publish_token("\n second-token \n")
valid.add("second-token")
wait_ok(lambda: "Bearer second-token\r" in "".join(server.requests[-20:]),
        "F 3.11 a rotated token is read, and trimmed")
before = doctor.metrics()
# what was asked with the other one has its answer
doctor.wait_checks(API, max(before.checks(name) for name in API) + 2)
valid.discard("first-token")
before = doctor.metrics()
doctor.wait_checks(API, before.checks(API[0]) + 3)
equal(doctor.metrics().total("kubenurse_errors_total.type=.api_server_.*"), 0,
      "no check has failed of it")

for what, change, text in (
        ("missing", lambda: os.unlink(f"{ACCOUNT}/token"),
         f"^token: {ACCOUNT}/token: No such file"),
        ("empty", lambda: publish_token(" \n"), "token: ."),
        ("endless", lambda: publish_token("x" * 10 ** 6), "token: ."),
        ("two lines", lambda: publish_token("a\r\nX-Evil: b"), ".")):
    change()
    start = doctor.metrics()
    wait_ok(lambda: all(re.search(text, doctor.results()[name]) and
                        doctor.results()[name] != "ok" for name in API),
            f"token {what}: the checks of the API server fail, and name the file")
    doctor.wait_checks(API, start.checks(API[0]) + 4)
    ok(all(doctor.results()[name] == "ok" for name in
           ("me_ingress", "me_service", "plain")),
       f"F 3.11 token {what}: all others do not", doctor.results())
failed = doctor.metrics()
for name in API:
    errors = failed.select(f'kubenurse_errors_total.type="{name}".*')
    equal(list(errors), [f'kubenurse_errors_total{{type="{name}",'
                         'event="wrote_request"}'],
          f"F 3.11 {name}: errors of wrote_request only")
ok("X-Evil" not in "".join(server.requests), "no header was slipped in")
publish_token("second-token")
wait_ok(lambda: all(doctor.results()[name] == "ok" for name in API),
        "with the token they are well again")

# ------------------------------------------------------------------ redirects

for target, one in ((f"https://other.test:{other.port}/moved-1", other),
                    (f"https://127.0.0.1:{other.port}/moved-2", other),
                    (f"http://127.0.0.1:{plain.port}/moved-3", plain)):
    moved_to[:] = [target]
    wait_ok(lambda: [request for request in one.requests if
                     request.split()[1] == target[target.rindex("/"):]],
            f"{target}: the redirect is followed")
moved_to.clear()
final = doctor.settle()
for one, what in ((other, "another port or host"), (plain, "http")):
    ok("Authorization" not in "".join(one.requests) and
       "token" not in "".join(one.requests), f"F 3.10 no token goes to {what}")
extra = [request for request in server.requests if "Connection" in request and
         "Authorization" not in request]
ok(extra, "F 3.10 nor to the API server for an extra check")
for name in API + ("me_ingress", "me_service", "plain", "api_again"):
    check_sums(final, name)
errors = {name: final.total(f'kubenurse_errors_total.type="{name}",.*')
          for name in API}
ended = {name: final.number("kubenurse_check_duration_seconds_count"
                            f'{{type="{name}",outcome="error"}}')
         for name in API}
equal(errors, ended, "F 4.5 one error a failed check")
equal(final.total("kubenurse_worker_restarts_total.*"), 0, "no worker died")
secrets = [pid for pid in [doctor.pid] + children(doctor.pid)
           if any(b"first-token" in part for part in [open(
               f"/proc/{pid}/environ", "rb").read()])]
equal(secrets, [], "the token is in nobody's environment")
ok("-token" not in doctor.log(), "nor in the log", doctor.log())
doctor.halt()

# -------------------------------------------------------- http, and no account

os.unlink(f"{ACCOUNT}/token")
bare = Doctor(env={**ENVIRONMENT, "KUBENURSE_EXPOSE_METADATA": "true",
                   "KUBENURSE_INGRESS_URL": "",
                   "KUBERNETES_SERVICE_HOST": ""}, name="bare", port=port)
bare.wait_checks(["me_service"])
results = bare.results()
for name in API + ("me_ingress",):
    equal(results[name], "skipped", f"F 2.14, F 3.2 {name}: skipped without a target")
    equal(len(re.findall(f"skipped.*type={name}", bare.log())), 1,
          f"F 3.2 {name}: which is said once")
ok("# TYPE kubenurse_httpclient_requests_total counter" in
   bare.metrics().text, "K 1.39 metadata when asked for")
bare.halt()
done()
