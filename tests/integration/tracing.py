# SPDX-License-Identifier: Apache-2.0
"""Another process of the same user wants to trace the nursery.  Between its
execution and its own prctl(2) only the kernel can keep it out, and does so when
the user cannot read the programs, as `make install` leaves them.
"""
import ctypes
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

NOBODY = 65534
SEIZE = 0x4206
RENEWALS = 10      # that no tracer survives
RENEWALS_MAX = 60  # until one has got in

# Another process's turn: `tracing.py --seize PID` says so when it has it.
if sys.argv[1:2] == ["--seize"]:
    libc = ctypes.CDLL(None)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    print("trying", flush=True)
    while libc.ptrace(SEIZE, int(sys.argv[2]), None, None) < 0:
        pass
    print("seized", flush=True)
    sys.exit()

enter()
authority = Authority("authority")
INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
user = nobody
check_interval = 1s
neighbour_source = static
extra_ca = {authority.path}
[check one]
url = http://127.0.0.1:{{port}}/alwayshappy
"""
TRACEABLE = "the programs are readable: other processes of this user can trace"


def start(name, mode):
    directory = f"{WORK}/{name}"
    os.makedirs(directory)
    for program in ("kubenurse", "kubenurse-worker"):
        shutil.copy(f"{BUILD}/{program}", directory)
        os.chmod(f"{directory}/{program}", mode)
    doctor = Doctor(INI, name=name, program=f"{directory}/kubenurse")
    ok(doctor.up(), f"{name}: it starts") or done()
    wait(lambda: doctor.worker("nursery") and doctor.worker("extra"))
    if doctor.said("built with sanitizers"):
        ok(True, "LeakSanitizer makes itself traceable, which it has to be")
        done()
    return doctor


def renew(doctor):
    """The nursery executes itself, which it has done when a worker comes."""
    wait(lambda: doctor.worker("extra"))
    before = doctor.worker("extra")
    replace(authority.path, open(authority.path, encoding="ascii").read() + "\n")
    wait(lambda: doctor.worker("extra") not in (None, before) and
         len(children(doctor.pid)) == 2)


def seized_after(doctor, renewals):
    """How many renewals it took; None: the tracer never got in."""
    tracer = Process("tracer", sys.executable, os.path.abspath(__file__),
                     "--seize", str(doctor.worker("nursery")))
    wait(lambda: "trying" in tracer.log())
    for count in range(renewals):
        renew(doctor)
        if tracer.popen.poll() is not None:
            ok("seized" in tracer.log(), "it ends when it has got in",
               tracer.log())
            return count + 1
    tracer.stop(signal.SIGKILL)
    return None


readable = start("readable", 0o755)
ok(readable.said(TRACEABLE), "programs that the user can read: it says so")
ok(readable.said("this user is shared with other daemons"),
   "and that nobody is a shared user")
count = seized_after(readable, RENEWALS_MAX)
ok(count is not None, "a tracer gets in: the attempt is real",
   f"after {count} renewals")
readable.halt()

guarded = start("guarded", 0o711)
ok(not guarded.said(TRACEABLE), "programs that it cannot read: no such warning")
equal(seized_after(guarded, RENEWALS), None, "and no tracer gets in")
guarded.wait_checks(["one"])
equal(guarded.results()["one"], "ok", "it checks as ever")
ok(guarded.metrics().number("process_open_fds") > 0 and
   guarded.metrics().number("process_resident_memory_bytes") > 0 and
   guarded.metrics().number(
       'kubenurse_worker_resident_memory_bytes{worker="extra"}') > 0,
   "and sees its own memory and descriptors")
guarded.halt()

# ------------------------------------------------------- a user of its own

OWN = 64001
ANY_USER = INI.replace("user = nobody\n", "")


def uid(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^Uid:\t(\d+)", file.read(), re.M)[1])


doctor = Doctor(ANY_USER, name="no_user")
ok(doctor.up() and doctor.said("this user is shared with other daemons.*nobody"),
   "no user kubenurse: it becomes nobody, and warns")
wait(lambda: doctor.worker("nursery"))
equal(uid(doctor.worker("nursery")), NOBODY, "as which the nursery runs")
doctor.halt()
with open("/etc/passwd", encoding="ascii") as file:
    replace("/etc/passwd", file.read() +
            f"kubenurse:x:{OWN}:{OWN}::/:/usr/sbin/nologin\n")
doctor = Doctor(ANY_USER, name="own_user")
ok(doctor.up() and not doctor.said("this user is shared"),
   "with a user kubenurse there is no warning")
wait(lambda: doctor.worker("nursery"))
equal([uid(doctor.pid), uid(doctor.worker("nursery"))], [OWN, OWN],
      "it becomes that one")
doctor.halt()
done()
