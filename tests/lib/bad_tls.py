# SPDX-License-Identifier: Apache-2.0
"""A TLS server that can be stopped after any record, and that sends what no
decent one does: OpenSSL's own library by ctypes, over memory, so that each
record passes through the test's hands on its way out.
"""
import ctypes
import time
from ctypes import c_char_p, c_int, c_long, c_size_t, c_void_p

from lab import WORK, reset

TLS_1_2, TLS_1_3 = 0x0303, 0x0304
CTRL_SET_MIN, CTRL_SET_MAX = 123, 124  # ssl.h: SSL_CTRL_SET_*_PROTO_VERSION
FILETYPE_PEM = 1
# obj_mac.h and asn1.h
NID_SUBJECT_ALT_NAME, NID_BASIC_CONSTRAINTS, MBSTRING_ASC = 85, 87, 0x1001
KEY_UPDATE_NOT_REQUESTED, KEY_UPDATE_REQUESTED = 0, 1

_PROTOTYPES = {
    "TLS_server_method": (c_void_p,),
    "SSL_CTX_new": (c_void_p, c_void_p),
    "SSL_CTX_ctrl": (c_long, c_void_p, c_int, c_long, c_void_p),
    "SSL_CTX_use_certificate_chain_file": (c_int, c_void_p, c_char_p),
    "SSL_CTX_use_PrivateKey_file": (c_int, c_void_p, c_char_p, c_int),
    "SSL_new": (c_void_p, c_void_p),
    "SSL_free": (None, c_void_p),
    "SSL_set_bio": (None, c_void_p, c_void_p, c_void_p),
    "SSL_set_accept_state": (None, c_void_p),
    "SSL_do_handshake": (c_int, c_void_p),
    "SSL_read": (c_int, c_void_p, c_char_p, c_int),
    "SSL_write": (c_int, c_void_p, c_char_p, c_int),
    "SSL_shutdown": (c_int, c_void_p),
    "SSL_renegotiate": (c_int, c_void_p),
    "SSL_key_update": (c_int, c_void_p, c_int),
    "SSL_new_session_ticket": (c_int, c_void_p),
    "BIO_s_mem": (c_void_p,),
    "BIO_new": (c_void_p, c_void_p),
    "BIO_read": (c_int, c_void_p, c_char_p, c_int),
    "BIO_write": (c_int, c_void_p, c_char_p, c_int),
    "BIO_ctrl_pending": (c_size_t, c_void_p),
    "BIO_free": (c_int, c_void_p),
    "ERR_clear_error": (None,),
    "PEM_read_bio_PrivateKey": (c_void_p,) + 4 * (c_void_p,),
    "PEM_write_bio_X509": (c_int, c_void_p, c_void_p),
    "EVP_sha256": (c_void_p,),
    "ASN1_INTEGER_set": (c_int, c_void_p, c_long),
    "X509_new": (c_void_p,),
    "X509_free": (None, c_void_p),
    "X509_set_version": (c_int, c_void_p, c_long),
    "X509_get_serialNumber": (c_void_p, c_void_p),
    "X509_getm_notBefore": (c_void_p, c_void_p),
    "X509_getm_notAfter": (c_void_p, c_void_p),
    "X509_gmtime_adj": (c_void_p, c_void_p, c_long),
    "X509_get_subject_name": (c_void_p, c_void_p),
    "X509_get_issuer_name": (c_void_p, c_void_p),
    "X509_NAME_add_entry_by_txt": (c_int, c_void_p, c_char_p, c_int, c_char_p,
                                   c_int, c_int, c_int),
    "X509_set_pubkey": (c_int, c_void_p, c_void_p),
    "X509V3_EXT_conf_nid": (c_void_p, c_void_p, c_void_p, c_int, c_char_p),
    "X509_add_ext": (c_int, c_void_p, c_void_p, c_int),
    "X509_EXTENSION_free": (None, c_void_p),
    "X509_sign": (c_int, c_void_p, c_void_p, c_void_p),
}


def _load():
    crypto, tls = (ctypes.CDLL(f"lib{name}.so.3") for name in
                   ("crypto", "ssl"))
    functions = {}
    for name, (result, *arguments) in _PROTOTYPES.items():
        library = tls if name.startswith(("SSL", "TLS")) else crypto
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        functions[name] = function
    return functions


_F = _load()


class Context:
    """What a server shows: this chain, in this version."""

    def __init__(self, certificate, key, version=None):
        self.pointer = _F["SSL_CTX_new"](_F["TLS_server_method"]())
        if not (_F["SSL_CTX_use_certificate_chain_file"](
                self.pointer, certificate.encode()) and
                _F["SSL_CTX_use_PrivateKey_file"](
                    self.pointer, key.encode(), FILETYPE_PEM)):
            raise SystemExit(f"{certificate}: cannot be used")
        for which in (CTRL_SET_MIN, CTRL_SET_MAX) if version else ():
            _F["SSL_CTX_ctrl"](self.pointer, which, version, None)


class Cut(OSError):
    """As many records as were to be sent have been sent."""


class Peer:
    """The server's side of one connection.  Of what it sends only so many
    records leave, and of the next one only its first bytes."""

    def __init__(self, connection, context, records=None, more_bytes=0):
        self.connection = connection
        self.records, self.more_bytes = records, more_bytes
        self.ssl = _F["SSL_new"](context.pointer)
        self.incoming, self.outgoing = (
            _F["BIO_new"](_F["BIO_s_mem"]()) for _ in range(2))
        _F["SSL_set_bio"](self.ssl, self.incoming, self.outgoing)
        _F["SSL_set_accept_state"](self.ssl)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _F["SSL_free"](self.ssl)

    def call(self, name, *arguments):
        """One function of the library; what it has to say is sent."""
        _F["ERR_clear_error"]()
        result = _F[name](self.ssl, *arguments)
        self._flush()
        return result

    def _flush(self):
        count = _F["BIO_ctrl_pending"](self.outgoing)
        if count == 0:
            return
        buffer = ctypes.create_string_buffer(count)
        _F["BIO_read"](self.outgoing, buffer, count)
        if self.records is None:
            self.connection.sendall(buffer.raw)
            return
        self._send_some(buffer.raw)

    def _send_some(self, data):
        while data:
            end = 5 + int.from_bytes(data[3:5], "big")
            if self.records == 0:
                self.connection.sendall(data[:self.more_bytes])
                raise Cut
            self.connection.sendall(data[:end])
            self.records -= 1
            data = data[end:]

    def until(self, name, *arguments):
        """Calls it until it succeeds, with what the client sends."""
        while True:
            result = self.call(name, *arguments)
            if result > 0:
                return result
            piece = self.connection.recv(16384)
            if not piece:
                raise ConnectionError("the client has gone")
            _F["BIO_write"](self.incoming, piece, len(piece))

    def accept(self):
        """The handshake, and the request."""
        self.until("SSL_do_handshake")
        buffer, request = ctypes.create_string_buffer(4096), b""
        while b"\r\n\r\n" not in request:
            count = self.until("SSL_read", buffer, 4096)
            request += buffer.raw[:count]
        return request

    def say(self, data):
        self.call("SSL_write", data, len(data))

    def say_apart(self, data, *words):
        """Each byte in a record of its own, with these calls of the library
        after it; all are made first, and sent at once."""
        for byte in data:
            _F["SSL_write"](self.ssl, bytes((byte,)), 1)
            for name, *arguments in words:
                _F[name](self.ssl, *arguments)
        self._flush()

    def goodbye(self):
        self.call("SSL_shutdown")


def talks(context, act, **how):
    """For a Scripted server that reads nothing itself: act(peer) after the
    request."""
    def serve(connection, _):
        with Peer(connection, context, **how) as peer:
            peer.accept()
            act(peer)
    return serve


def cuts(context, records, more_bytes=0, abort=False):
    """Ends after so many records of its own."""
    def serve(connection, _):
        try:
            with Peer(connection, context, records, more_bytes) as peer:
                peer.accept()
                raise SystemExit("the handshake has fewer records than that")
        except Cut:
            if abort:
                reset(connection)
    return serve


def says_tls(answer, goodbye=True):
    def act(peer):
        peer.say(answer)
        if goodbye:
            peer.goodbye()
    return act


def says_cut(answer):
    """And then a record that ends after its head."""
    def act(peer):
        peer.records, peer.more_bytes = 1, 7
        try:
            peer.say(answer)
            peer.say(b"more")
        except Cut:
            pass
    return act


def floods(*words):
    """These functions of the library, for ever."""
    def act(peer):
        while True:
            for name, *arguments in 50 * words:
                if peer.call(name, *arguments) <= 0:
                    raise ConnectionError(name)
            time.sleep(0.002)  # the other servers share this processor
    return act


def endless(start, piece):
    def act(peer):
        peer.say(start)
        while True:
            peer.say(piece)
    return act


def renegotiates(answer):
    """One HelloRequest, then the answer."""
    def act(peer):
        peer.call("SSL_renegotiate")
        peer.call("SSL_do_handshake")
        peer.say(answer)
        peer.goodbye()
    return act

# ---------------------------------------------------------------- certificates


class Issuer:
    """Issues certificates by the hundred, all with the authority's key: what
    is tested is their number and their size."""

    def __init__(self, authority):
        self.authority, self.key_path = authority, f"{WORK}/{authority.name}.key"
        with open(self.key_path, "rb") as file:
            text = file.read()
        bio = _F["BIO_new"](_F["BIO_s_mem"]())
        _F["BIO_write"](bio, text, len(text))
        self.key = _F["PEM_read_bio_PrivateKey"](bio, None, None, None)
        _F["BIO_free"](bio)

    def _sign(self, subject, issuer, serial, *extensions):
        """One certificate as PEM text; extensions: (nid, as in a .cnf)."""
        certificate = _F["X509_new"]()
        _F["X509_set_version"](certificate, 2)
        _F["ASN1_INTEGER_set"](_F["X509_get_serialNumber"](certificate),
                               serial)
        _F["X509_gmtime_adj"](_F["X509_getm_notBefore"](certificate), -3600)
        _F["X509_gmtime_adj"](_F["X509_getm_notAfter"](certificate), 86400)
        for get, name in (("X509_get_subject_name", subject),
                          ("X509_get_issuer_name", issuer)):
            _F["X509_NAME_add_entry_by_txt"](
                _F[get](certificate), b"CN", MBSTRING_ASC, name.encode(), -1,
                -1, 0)
        _F["X509_set_pubkey"](certificate, self.key)
        for nid, value in extensions:
            extension = _F["X509V3_EXT_conf_nid"](None, None, nid,
                                                  value.encode())
            _F["X509_add_ext"](certificate, extension, -1)
            _F["X509_EXTENSION_free"](extension)
        _F["X509_sign"](certificate, self.key, _F["EVP_sha256"]())
        bio = _F["BIO_new"](_F["BIO_s_mem"]())
        _F["PEM_write_bio_X509"](bio, certificate)
        buffer = ctypes.create_string_buffer(_F["BIO_ctrl_pending"](bio))
        _F["BIO_read"](bio, buffer, len(buffer))
        _F["BIO_free"](bio)
        _F["X509_free"](certificate)
        return buffer.raw.decode()

    def _write(self, name, texts):
        path = f"{WORK}/{name}.pem"
        with open(path, "w", encoding="ascii") as file:
            file.write("".join(texts))
        return path, self.key_path

    def chain(self, alternative, length):
        """(chain, key): a server's certificate and its issuers, each issued
        by the next, so many in all."""
        texts, above = [], self.authority.name
        for number in range(1, length):
            name = f"issuer-{number}"
            texts.append(self._sign(name, above, number, (
                NID_BASIC_CONSTRAINTS, "critical,CA:TRUE")))
            above = name
        texts.append(self._sign("leaf", above, length, (
            NID_SUBJECT_ALT_NAME, alternative)))
        return self._write(f"chain-{length}", texts[::-1])

    def namesakes(self, alternative, name, length):
        """(chain, key): all in the name of another authority, whose key this
        is not; in every order they are a chain."""
        texts = [self._sign("leaf", name, length, (
            NID_SUBJECT_ALT_NAME, alternative))]
        for number in range(1, length):
            texts.append(self._sign(name, name, number, (
                NID_BASIC_CONSTRAINTS, "critical,CA:TRUE")))
        return self._write(f"namesakes-{length}", texts)

    def enormous(self, alternative, name_count):
        """(certificate, key): one that is for so many names, too."""
        names = [alternative] + [f"DNS:name-{number:05d}.elsewhere.test"
                                 for number in range(name_count)]
        return self._write(f"enormous-{name_count}", [self._sign(
            "enormous", self.authority.name, 1, (
                NID_SUBJECT_ALT_NAME, ",".join(names)))])
