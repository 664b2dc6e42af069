# SPDX-License-Identifier: Apache-2.0
"""Every process of a running doctor is made to try every forbidden thing: a
debugger puts the system call into it where it waits.  Each is either trapped by
the filter or refused by the kernel; what a process needs is allowed, which
shows that the attempt itself is real.  Then one trap of each is let through: it
ends the process, and the log has the call's name.
"""
import ctypes
import os
import platform
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
if platform.machine() != "x86_64":
    skip_all("knows the registers of x86-64")

# ------------------------------------------------------------------- debugger

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                        ctypes.c_void_p]
SINGLESTEP, GETREGS, SETREGS, ATTACH, DETACH = 9, 12, 13, 16, 17
REGISTERS = """r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi
    orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs""".split()
WALL = 0x40000000
TRAPPED = "trapped"


def ptrace(request, pid, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} {pid}")


def registers(pid):
    raw = ctypes.create_string_buffer(8 * len(REGISTERS))
    ptrace(GETREGS, pid, ctypes.cast(raw, ctypes.c_void_p))
    return dict(zip(REGISTERS, struct.unpack("27Q", raw.raw)))


def set_registers(pid, values):
    raw = ctypes.create_string_buffer(struct.pack(
        "27Q", *(values[name] & (1 << 64) - 1 for name in REGISTERS)))
    ptrace(SETREGS, pid, ctypes.cast(raw, ctypes.c_void_p))


def instruction(pid, memory):
    """Where a `syscall` stands, in the C library."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        for line in maps:
            if "r-xp" in line and "libc" in line:
                start, end = (int(word, 16)
                              for word in line.split()[0].split("-"))
                memory.seek(start)
                return start + memory.read(end - start).index(b"\x0f\x05")
    raise SystemExit("no C library")


def attempt(pid, number, *arguments, let_through=False):
    """TRAPPED, or what the call returned, and the process goes on as if nothing
    had been.  A string is put beneath the stack.  Let through, it has to bear
    what comes of it."""
    ptrace(ATTACH, pid)
    os.waitpid(pid, WALL)
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        saved = registers(pid)
        place = (saved["rsp"] - 4096) & ~15
        memory.seek(place)
        under = memory.read(512)
        words = []
        for word in arguments:
            if isinstance(word, str):
                memory.seek(place)
                memory.write(word.encode() + b"\0")
                word = place
            words.append(word)
        words += [0] * (6 - len(words))
        set_registers(pid, {**saved, "rip": instruction(pid, memory),
                            "rax": number, "orig_rax": -1,
                            **dict(zip(("rdi", "rsi", "rdx", "r10", "r8",
                                        "r9"), words))})
        if let_through:
            return ptrace(DETACH, pid)
        ptrace(SINGLESTEP, pid)
        stopped_by = os.WSTOPSIG(os.waitpid(pid, WALL)[1])
        result = registers(pid)["rax"]
        memory.seek(place)
        memory.write(under)
    # what waited is told that a signal has come: -EINTR
    if saved["rax"] >= 1 << 63:
        saved["rax"] = -4
    set_registers(pid, {**saved, "orig_rax": -1})
    # one step of its own takes the step's signal away, which may be pending
    ptrace(SINGLESTEP, pid)
    os.waitpid(pid, WALL)
    ptrace(DETACH, pid)
    if stopped_by == signal.SIGSYS:
        return TRAPPED
    return result - (1 << 64) if result >= 1 << 63 else result


# ----------------------------------------------------------------- the doctor

server = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
os.makedirs(ACCOUNT)
TOKEN = f"{ACCOUNT}/token"
replace(TOKEN, "the-token")
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 1s
neighbour_port = {server.port}
ingress_url = http://127.0.0.1:{server.port}
service_url = http://127.0.0.1:{server.port}
neighbour_source = static
sandbox = require
[check extra]
url = http://127.0.0.1:{server.port}/
[neighbours]
neighbour = other 127.0.0.1
""", env={"KUBERNETES_SERVICE_HOST": "127.0.0.1",
          "KUBERNETES_SERVICE_PORT": str(server.port)})
if not doctor.up() and "sanitizers" in doctor.log():
    ok(True, "a build with sanitizers has no sandbox")
    done()
WITH_TOKEN = ("api_server_direct", "api_server_dns", "discovery")
WORKERS = ("me_ingress", "me_service", "path", "extra") + WITH_TOKEN
wait_ok(lambda: all(doctor.worker(kind) for kind in WORKERS) and
        doctor.metrics().total("kubenurse_worker_up.*") == len(WORKERS),
        "all processes are there")
nursery = doctor.worker("nursery")
EACCES, EBADF = -13, -9
RDONLY, CREATE, AT_FDCWD = 0, 0o101, -100

EVERYBODY = {  # all of it harmless where it is not forbidden
    "exec": (59, 0, 0, 0),
    "exec from a descriptor": (322, -1, 0, 0, 0, 0),
    "clone": (56, 0x10000),
    "fork by clone3": (435, 0, 0),
    "fork": (57,),
    "vfork": (58,),
    "ptrace of a sibling": (101, 3, nursery, 0, 0),
    "read a sibling's memory": (310, nursery, 0, 0, 0, 0, 0),
    "write a sibling's memory": (311, nursery, 0, 0, 0, 0, 0),
    "take a sibling's descriptor": (438, -1, 0, 0),
    "signal a sibling": (62, nursery, signal.SIGTERM),
    "write a file": (257, AT_FDCWD, "/tmp/written", CREATE, 0o600),
    "write a file by open": (2, "/tmp/written", CREATE, 0o600),
    "remove a file": (87, "/tmp/none"),
    "rename a file": (82, "/tmp/none", "/tmp/none"),
    "make a directory": (83, "/tmp/none", 0),
    "truncate a file": (76, "/tmp/none", 0),
    "change a mode": (90, "/tmp/none", 0),
    "become another user": (105, 0),
    "become dumpable": (157, 4, 1),
    "memory that can be executed": (10, 0, 4096, 5),
    "a mapping that can be executed": (9, 0, 4096, 5, 0x22, -1, 0),
    "shared memory": (9, 0, 4096, 3, 0x21, -1, 0),
    "memory of a stack": (9, 0, 4096, 3, 0x122, -1, 0),
    "huge pages": (9, 0, 4096, 3, 0x40022, -1, 0),
    "O_APPEND": (72, -1, 4, 0o2000),
    "a netlink socket": (41, 16, 3, 0),
    "a UNIX socket": (41, 1, 1, 0),
    "a raw socket": (41, 2, 3, 1),
    "another network": (272, 0x40000000),
    "mount": (165, 0, 0, 0, 0, 0),
    "load a module": (175, 0, 0, 0),
    "io_uring": (425, 0, 0),
    "a BPF program": (321, 0, 0, 0),
    "a key": (248, 0, 0, 0, 0, 0),
}
WORKERS_NOT = {
    "bind": (49, -1, 0, 16),
    "bind by a short name": (49, -1, 0, 12),
    "listen": (50, -1, 1),
    "accept": (43, -1, 0, 0),
    "accept4": (288, -1, 0, 0, 0),
    "kill": (62, nursery, signal.SIGKILL),
}
SUPERVISOR_NOT = {
    "flags of an open file": (72, -1, 4, 0o4000),
    "connect": (42, -1, 0, 16),
    "a datagram socket": (41, 2, 2, 0),
    "connect by sending": (44, -1, 0, 0, 0x20000000, 0, 0),
    "send to an address": (44, -1, 0, 0, 0, 1, 16),
}


def all_trapped(kind, pid, calls):
    results = {name: attempt(pid, *call) for name, call in calls.items()}
    free = {name: result for name, result in results.items()
            if result != TRAPPED}
    ok(not free, f"{kind}: {len(calls)} forbidden things end in a trap: " +
       ", ".join(calls), f"did not: {free}")


for kind in ("supervisor",) + WORKERS:
    pid = doctor.pid if kind == "supervisor" else doctor.worker(kind)
    all_trapped(kind, pid, EVERYBODY)
    all_trapped(kind, pid, SUPERVISOR_NOT if kind == "supervisor"
                else WORKERS_NOT)
    if kind != "supervisor":
        equal(attempt(pid, 42, -1, 0, 16), EBADF,
              f"{kind}: it may connect: the attempts are real")
    else:
        equal(attempt(pid, 50, -1, 1), EBADF,
              f"{kind}: it may listen: the attempts are real")
    for path in (f"/proc/{nursery}/mem", "/proc/1/environ", "/root",
                 "/usr/bin/env"):
        equal(attempt(pid, 257, AT_FDCWD, path, RDONLY), EACCES,
              f"{kind}: {path.replace(str(nursery), 'NURSERY')} is closed")
    opened = attempt(pid, 257, AT_FDCWD, TOKEN, RDONLY)
    if kind in WITH_TOKEN:
        ok(isinstance(opened, int) and opened >= 0,
           f"{kind}: it may read the token", opened)
        attempt(pid, 3, opened)
    else:
        equal(opened, EACCES, f"{kind}: the token is closed")
ok(not os.path.exists("/tmp/written"), "nothing was written")
equal(doctor.metrics().total("kubenurse_worker_restarts_total.*"), 0,
      "and nobody has noticed a debugger")

# ------------------------------------------------------------- it ends by them

for kind in WORKERS:
    pid = doctor.worker(kind)
    attempt(pid, *EVERYBODY["exec"], let_through=True)
    wait_ok(lambda: doctor.said(
        "a worker made a forbidden system call. "
        f"worker={kind} call=execve number=59"),
        f"{kind}: the log says which call it was")
    wait_ok(lambda: doctor.metrics().number(
        f'kubenurse_worker_restarts_total{{worker="{kind}",reason="signal"}}')
        == 1, f"{kind}: it has ended by it, and is counted")
wait_ok(lambda: doctor.metrics().total("kubenurse_worker_up.*") ==
        len(WORKERS), "all are replaced")
attempt(doctor.pid, *SUPERVISOR_NOT["connect"], let_through=True)
equal(doctor.wait(), -signal.SIGSYS, "the supervisor ends by it as well")
like(doctor.log(), r"forbidden system call 42 \(", "and says so")
done()
