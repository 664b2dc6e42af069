# SPDX-License-Identifier: Apache-2.0
"""The keys of a [check] section that say how its server is asked, on a real
nginx: an address that is asked by a name, a Host header, expected statuses.
"""
import os
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
http, = free_ports(1)
issued = {name: authority.issue(name, f"DNS:{name}.test") for name in SITES}


def site(name, more=""):
    certificate, key = issued[name]
    return f"""	server {{
		listen {ADDRESS}:{ports['shop']} ssl;
		listen {ADDRESS}:{http};
		server_name {name}.test;
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
	access_log {WORK}/access.log names;
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
done()
