# SPDX-License-Identifier: Apache-2.0
"""The keys of a [check] section that say how its server is asked, on a real
nginx: an address that is asked by a name, a Host header, expected statuses, a
client's certificate, sockets of this host.
"""
import os
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("nginx", "openssl")

replace("/etc/hosts", "127.0.0.1 localhost other.test\n")
authority = Authority("authority")
ADDRESS = "127.0.0.1"
SITES = ("shop", "other", "unnamed")
ports = dict(zip(SITES, free_ports(3)))
http, mutual, beside = free_ports(3)
issued = {name: authority.issue(name, f"DNS:{name}.test") for name in SITES}


def site(name, more=""):
    certificate, key = issued[name]
    return f"""	server {{
		listen {ADDRESS}:{ports['shop']} ssl;
		listen {ADDRESS}:{http};
		server_name {name}.test;
		access_log {WORK}/access.log names;
		ssl_certificate {certificate};
		ssl_certificate_key {key};
{more}	}}
"""


replace(f"{WORK}/nginx.conf", f"""daemon off;
user root;
error_log stderr;
pid {WORK}/nginx.pid;
events {{ }}
http {{
	log_format names "$ssl_server_name $host $request_uri $status";
	client_body_temp_path {WORK}/t1;
	proxy_temp_path {WORK}/t2;
	fastcgi_temp_path {WORK}/t3;
	uwsgi_temp_path {WORK}/t4;
	scgi_temp_path {WORK}/t5;
{site("unnamed", "		return 421;" + chr(10))}
{site("shop", f'''		location /by-name {{ return 302 /there; }}
		location /by-address {{
			return 302 https://{ADDRESS}:{ports['shop']}/there;
		}}
		location /elsewhere {{
			return 302 https://other.test:{ports['shop']}/;
		}}
		location /created {{ return 201; }}
		location /gone {{ return 410; }}
		location / {{ return 200; }}
''')}
{site("other", "		return 200;" + chr(10))}
	log_format clients "$server_port $ssl_client_verify $ssl_client_serial";
	access_log {WORK}/clients.log clients;
	ssl_client_certificate {authority.path};
	server {{
		listen {ADDRESS}:{mutual} ssl;
		ssl_certificate {issued['shop'][0]};
		ssl_certificate_key {issued['shop'][1]};
		ssl_verify_client on;
		location /elsewhere {{
			return 302 https://other.test:{beside}/;
		}}
		location / {{ return 200; }}
	}}
	server {{
		listen {ADDRESS}:{beside} ssl;
		ssl_certificate {issued['other'][0]};
		ssl_certificate_key {issued['other'][1]};
		ssl_verify_client optional;
		return 200;
	}}
}}
""")
start_server("nginx", http, "nginx", "-p", WORK, "-c", f"{WORK}/nginx.conf")

S, H = f"https://{ADDRESS}:{ports['shop']}", f"http://{ADDRESS}:{http}"
SHOP = "server_name = shop.test\n"
# name: (URL, more keys, what /alive says)
CHECKS = {
    # nginx answers with its first site, whose certificate is another one's
    "by_address": (f"{S}/", "", r"^tls: .*certificate is not for 127\.0\.0\.1"),
    "by_name": (f"{S}/", SHOP, "^ok$"),
    "plain_by_name": (f"{H}/", SHOP, "^ok$"),
    "wrong_name": (f"{S}/", "server_name = nobody.test\n",
                   r"^tls: .*certificate is not for nobody\.test"),
    # nginx makes its Location of the Host header; no DNS knows shop.test
    "to_the_name": (f"{S}/by-name", SHOP, "^ok$"),
    "to_the_address": (f"{S}/by-address", SHOP, "^ok$"),
    "to_another_name": (f"{S}/elsewhere", SHOP, "^ok$"),
    "host": (f"{H}/", "header = Host: shop.test\n", "^ok$"),
    # the name is for TLS, the header for HTTP: nginx sees the difference
    "name_and_host": (f"{S}/", f"{SHOP}header = host: nobody.test\n",
                      "^421 "),
    "no_host": (f"{H}/", "", "^421 "),
    "class": (f"{H}/created", f"{SHOP}expect = 2xx\n", "^ok$"),
    "list": (f"{H}/gone", f"{SHOP}expect = 200-299, 404, 410-411\n", "^ok$"),
    "not_listed": (f"{H}/gone", f"{SHOP}expect = 2xx, 411-599\n", "^410 "),
    "redirect": (f"{S}/elsewhere", f"{SHOP}expect = 300-399\n", "^ok$"),
}
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 300ms
shutdown_duration = 60s
neighbour_source = static
extra_ca = {authority.path}
""" + "".join(f"[check {name}]\nurl = {url}\n{more}"
              for name, (url, more, _) in CHECKS.items()))
ok(doctor.up(), "the doctor is up")
doctor.wait_checks(CHECKS, 2)
results = doctor.results()
for name, (_, _, said) in CHECKS.items():
    like(results.get(name, ""), said, f"{name}: what /alive says")
metrics = doctor.settle()
for name, code in (("class", "201"), ("list", "410"), ("redirect", "302")):
    equal(metrics.total(f'kubenurse_errors_total{{type="{name}",.*}}'), 0,
          f"{name}: what is expected is no error")
    equal(set(metrics.select(
        f'kubenurse_httpclient_requests_total{{type="{name}",.*}}')),
        {f'kubenurse_httpclient_requests_total{{type="{name}",code="{code}"}}'},
        f"{name}: it is counted by its status, and nothing follows")
with open(f"{WORK}/access.log", encoding="ascii") as file:
    seen = {tuple(line.split()) for line in file}
ok(("shop.test", "shop.test", "/there", "200") in seen,
   "the name goes along where a redirect stays", seen)
ok(("other.test", "other.test", "/", "200") in seen,
   "a redirect to another name asks for that", seen)
doctor.halt()

# ------------------------------------------------------ a client's certificate

M = f"https://{ADDRESS}:{mutual}"
clients = [authority.issue(f"client{i}", f"DNS:client{i}.test") for i in range(5)]
stranger = Authority("stranger").issue("strange", "DNS:client.test")


def serial(pair):
    return subprocess.run(("openssl", "x509", "-noout", "-serial", "-in", pair[0]),
                          check=True, capture_output=True, text=True
                          ).stdout.strip().split("=")[1]


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def put(name, text, mode=0o600, owner="nobody"):
    """By renaming, as a careful program does."""
    path = f"{WORK}/{name}"
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(text)
    shutil.chown(f"{path}.new", owner)
    os.chmod(f"{path}.new", mode)
    os.rename(f"{path}.new", path)


def seen_by(port):
    """(verdict, serial) of each request at the port of nginx."""
    return [tuple(line.split()[1:]) for line in read(f"{WORK}/clients.log").splitlines()
            if line.split()[0] == str(port)]


put("root.crt", read(clients[0][0]), owner="root")
put("root.key", read(clients[0][1]), owner="root")
put("both.pem", read(clients[1][1]) + read(clients[1][0]))
put("rotated.crt", read(clients[2][0]), 0o644)
put("rotated.key", read(clients[2][1]))
put("locked.key", subprocess.run(
    ("openssl", "pkey", "-in", clients[0][1], "-aes128", "-passout", "pass:x"),
    check=True, capture_output=True, text=True).stdout)


def pair(cert, key=None):
    return f"cert = {WORK}/{cert}\n" + (f"key = {WORK}/{key}\n" if key else "")


SHOW = {
    "root_only": (f"{M}/root", SHOP + pair("root.crt", "root.key"), "^ok$"),
    "both": (f"{M}/both", SHOP + pair("both.pem"), "^ok$"),
    "rotated": (f"{M}/rotated", SHOP + pair("rotated.crt", "rotated.key"), "^ok$"),
    "led_away": (f"{M}/elsewhere", SHOP + pair("both.pem"), "^ok$"),
    "none": (f"{M}/", SHOP, "^400 .*: the server asked for a client certificate$"),
    "not_both": (f"{M}/", SHOP + pair("root.crt", "both.pem"),
                 f"^key {WORK}/both.pem: the key does not belong to the "
                 "certificate$"),
    "locked": (f"{M}/", SHOP + pair("root.crt", "locked.key"),
               f"^key {WORK}/locked.key: the key needs a passphrase$"),
    "missing": (f"{M}/", SHOP + pair("nowhere.crt", "root.key"),
                f"^cert {WORK}/nowhere.crt: No such file or directory$"),
    "by_a_stranger": (f"{M}/", SHOP + f"cert = {stranger[0]}\n"
                      f"key = {stranger[1]}\n", "^400 Bad Request$"),
}
HEAD = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 200ms
shutdown_duration = 60s
reuse_connections = true
neighbour_source = static
neighbour_port = {http}
user = nobody
extra_ca = {authority.path}
[neighbours]
neighbour = other 127.0.0.1
"""
ini = HEAD + "".join(f"[check {name}]\nurl = {url}\n{more}"
                     for name, (url, more, _) in SHOW.items())
doctor = Doctor(ini, name="shows")
ok(doctor.up(), "the doctor is up")
doctor.wait_checks(SHOW, 2)
results = doctor.results()
for name, (_, _, said) in SHOW.items():
    like(results.get(name, ""), said, f"{name}: what /alive says")
seen = set(seen_by(mutual))
for i, name in ((0, "root_only"), (1, "both"), (2, "rotated")):
    ok(("SUCCESS", serial(clients[i])) in seen, f"{name}: nginx has seen it", seen)
equal(set(seen_by(beside)), {("NONE", "-")},
      "led_away: the other server asked, and saw nothing")


def is_well(name):
    """The check goes on, and none has failed."""
    before = doctor.metrics().checks(name)
    metrics = doctor.wait_checks([name], before + 2)
    equal(metrics.total(f'kubenurse_errors_total{{type="{name}",.*}}'), 0,
          f"{name}: no check has failed")


# A rotation in two steps; a check between them has a pair that fits.
put("rotated.crt", read(clients[3][0]), 0o644)
ok(doctor.wait_said("the new client certificate of a check is refused, the old one "
                    'stays" type=rotated error="key .*does not belong'),
   "half a rotation is said")
is_well("rotated")
put("rotated.key", read(clients[3][1]))
wait_ok(lambda: ("SUCCESS", serial(clients[3])) in seen_by(mutual),
        "the new pair is used once it is whole")
is_well("rotated")

# What root alone may read was opened before the program became nobody.
put("root.key", read(clients[4][1]), owner="root")
ok(doctor.wait_said("the new file of a check cannot be read by this user, that of "
                    f'the start is used" file={WORK}/root.key'),
   "another file that root alone may read is said to be unreadable")
is_well("root_only")
with open(f"{WORK}/root.crt", "w", encoding="ascii") as file:
    file.write(read(clients[4][0]))
is_well("root_only")
put("root.key", read(clients[4][1]))
wait_ok(lambda: ("SUCCESS", serial(clients[4])) in seen_by(mutual),
        "a file written in its place is read, and one that nobody may read")

# Who has what.
holders = {}
for pid in children(doctor.pid) + [doctor.pid]:
    holders[title(pid)] = {os.readlink(f"/proc/{pid}/fd/{fd}")
                           for fd in os.listdir(f"/proc/{pid}/fd")}
ok(len(holders) >= 4 and not any(
    ".key" in path or ".pem" in path for name, paths in holders.items()
    for path in paths if name.startswith("kubenurse: ")),
   "no worker keeps a key's file open", holders)
printed = subprocess.run((f"{BUILD}/kubenurse", "--config", doctor.ini_path,
                          "--print-config"), capture_output=True, text=True,
                         check=True).stdout
ok(f"key = {WORK}/root.key\n" in printed, "--print-config has the path")
shown = "\n".join((doctor.log(), printed, doctor.get("/alive")[2].decode(),
                   doctor.metrics().text))
leaked = [line for path in (clients[i][1] for i in range(5))
          for line in read(path).splitlines()[1:-1] if line in shown]
equal(leaked, [], "no line of a key is in the log, /alive, /metrics or printed")
equal(doctor.metrics().total("kubenurse_worker_restarts_total.*"), 0,
      "and no worker has died")
doctor.halt()

# --------------------------------------------------------- sockets of this host

os.mkdir(f"{WORK}/socks")
replace(f"{WORK}/local.conf", f"""daemon off;
user root;
error_log stderr;
pid {WORK}/local.pid;
events {{ }}
http {{
	log_format names "$host $request_uri $status";
	access_log {WORK}/local.log names;
	client_body_temp_path {WORK}/l1;
	proxy_temp_path {WORK}/l2;
	fastcgi_temp_path {WORK}/l3;
	uwsgi_temp_path {WORK}/l4;
	scgi_temp_path {WORK}/l5;
	server {{
		listen unix:{WORK}/socks/app.sock;
		listen 127.0.0.1:{beside + 1};
		location /moved {{ return 302 /there; }}
		location /away {{ return 302 http://other.test:{http}/; }}
		location /nosuch {{ return 404; }}
		location / {{ return 200; }}
	}}
}}
""")
start_server("local", beside + 1, "nginx", "-p", WORK, "-c", f"{WORK}/local.conf")
os.chmod(f"{WORK}/socks/app.sock", 0o666)
locked = socket.socket(socket.AF_UNIX)
locked.bind(f"{WORK}/socks/locked.sock")
locked.listen()
os.chmod(f"{WORK}/socks/locked.sock", 0o600)
U = f"unix://{WORK}/socks/app.sock"
LOCAL = {
    "bare": (U, "", "^ok$"),
    "request": (f"{U}:/healthz?x=1", "", "^ok$"),
    "named": (f"{U}:/named", "server_name = shop.test\n", "^ok$"),
    # nginx makes its Location of Host: localhost
    "moved": (f"{U}:/moved", "", "^ok$"),
    # of the same machine, but who knows which one led there
    "away": (f"{U}:/away", "", "^redirect is not followed: loopback address$"),
    "not_found": (f"{U}:/nosuch", "", "^404 "),
    "reused": (f"{U}:/reused", "", "^ok$"),
    "locked_out": (f"unix://{WORK}/socks/locked.sock", "",
                   f"^connect {WORK}/socks/locked.sock: Permission denied$"),
    "nowhere": (f"unix://{WORK}/socks/no.sock", "",
                f"^connect {WORK}/socks/no.sock: No such file or directory$"),
    "no_socket": (f"unix://{WORK}/local.conf", "",
                  f"^connect {WORK}/local.conf: (Connection refused|Permission "
                  "denied)$"),
}
HTTP = f"[check by_http]\nurl = {H}/\nserver_name = shop.test\n"
HEAD = HEAD.replace("user = nobody\n", "user = nobody\nno_proxy = other.test\n"
                    "http_proxy = http://127.0.0.1:9\n")
doctor = Doctor(HEAD + HTTP, name="sockets")
ok(doctor.up(), "the doctor is up")
doctor.wait_checks(["by_http"])
first = doctor.worker("extra")
doctor.reload(HEAD + HTTP + "".join(f"[check {name}]\nurl = {url}\n{more}"
                                    for name, (url, more, _) in LOCAL.items()))
doctor.wait_checks(LOCAL, 2)
results = doctor.results()
for name, (_, _, said) in LOCAL.items():
    like(results.get(name, ""), said, f"{name}: what /alive says")
second = doctor.worker("extra")
ok(first and second and first != second,
   "the first check of a socket has got another process", (first, second))
lines = set(read(f"{WORK}/local.log").splitlines())
for line in ("localhost / 200", "localhost /healthz?x=1 200",
             "shop.test /named 200", "localhost /there 200"):
    ok(line in lines, f"nginx was asked: {line}", lines)
metrics = doctor.metrics()
text = metrics.text
ok('kubenurse_dns_query_duration_seconds_count{type="bare"' not in text and
   'kubenurse_phase_duration_seconds_count{type="bare",phase="dns"}' not in text,
   "no name was looked up")
check_sums(metrics, "bare")
doctor.reload(HEAD + HTTP)
wait_ok(lambda: doctor.worker("extra") not in (None, second),
        "without such a check the right to open sockets goes, too")
equal(doctor.metrics().total("kubenurse_worker_restarts_total.*"), 0,
      "which are no restarts")
equal(doctor.metrics().total('kubenurse_errors_total{type="by_http",.*}'), 0,
      "and the other check has not noticed")
ok(not doctor.said("forbidden system call"), "no call was forbidden")
doctor.halt()

# A configuration that others can write does not choose what of root's is read.
put("root.key", read(clients[4][1]), owner="root")
doctor = Doctor(ini, name="loose", wrapper=(
    "sh", "-c", 'chmod 666 "$3" && exec "$@"', "sh"))
doctor.wait_checks(["root_only"])
equal(doctor.results().get("root_only"),
      f"cert {WORK}/root.crt: Permission denied", "a configuration that others "
      "can write")
doctor.halt()
done()
