# SPDX-License-Identifier: Apache-2.0
"""Downloads and probes through the real child, from servers that misbehave in every way that we could think of."""

import fcntl
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

import pytest

from remote_tools import BUILD, Shim, child_uid, children_of, fault
from server_tools import Server, answer, drip, raw, redirect, reset, silence

FILE = bytes(range(256)) * 40  # 10,240 bytes
ETAG = '"v1"'


def ranges(connection, request):
    """An honest server of FILE."""
    wanted = request["headers"].get("range")
    if wanted and request["headers"].get("if-range") == ETAG:
        start = int(wanted[len("bytes=") : -1])
        reply = answer(206, FILE[start:], ETag=ETAG, Content_Range=f"bytes {start}-{len(FILE) - 1}/{len(FILE)}")
    else:
        reply = answer(200, FILE, ETag=ETAG)
    reply(connection, request)


def cut(size, length=len(FILE)):
    return raw(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: {ETAG}\r\n\r\n".encode() + FILE[:size])


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return Shim(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def fetch(shim, server, out, route, *options, path="/file"):
    server.routes[path] = route
    got = shim("fetch", server.url + path, out, *options)
    got["bytes"] = out.read_bytes() if out.exists() else None
    return got


# --- downloads that work ------------------------------------------------------------------------------------------


def test_a_file_is_fetched_whole(shim, server, out):
    got = fetch(shim, server, out, ranges, "limit_bytes=10240")
    assert got["ok"] and got["bytes"] == FILE and got["progress"]
    assert (got["status"], got["size_bytes"], got["etag"], got["resumed"]) == (200, 10240, ETAG, False)
    headers = server.requests[0]["headers"]
    assert "accept-encoding" not in headers and headers["user-agent"].startswith("liftlock/")
    assert "range" not in headers and "if-none-match" not in headers and "expect" not in headers


def test_a_path_is_asked_for_as_it_is(shim, server, out):
    assert fetch(shim, server, out, ranges, path="/a/../%5B%5D/./file")["ok"]
    assert server.requests[0]["line"] == "GET /a/../%5B%5D/./file HTTP/1.1"


def test_an_older_longer_file_is_replaced(shim, server, out):
    out.write_bytes(b"x" * 50000)
    assert fetch(shim, server, out, ranges)["bytes"] == FILE


def test_what_broke_off_is_kept_and_resumed(shim, server, out):
    got = fetch(shim, server, out, cut(3000))
    text = f"fetch {server.url}/file: the transfer broke off after 3000 of 10240 bytes"
    assert fault(got) == ("network", text)
    assert (got["size_bytes"], got["etag"], got["bytes"]) == (3000, ETAG, FILE[:3000])
    got = fetch(shim, server, out, ranges, f"etag={got['etag']}", f"resume_from={got['size_bytes']}")
    assert got["ok"] and got["bytes"] == FILE and got["resumed"] and got["size_bytes"] == 10240
    headers = server.requests[-1]["headers"]
    assert headers["range"] == "bytes=3000-" and headers["if-range"] == ETAG and "if-none-match" not in headers


def test_a_break_while_resuming_counts_the_whole(shim, server, out):
    out.write_bytes(FILE[:3000])
    head = b"HTTP/1.1 206 OK\r\nContent-Length: 7240\r\nETag: %s\r\nContent-Range: bytes 3000-10239/10240\r\n\r\n"
    got = fetch(shim, server, out, raw(head % ETAG.encode() + FILE[3000:4000]), f"etag={ETAG}", "resume_from=3000")
    assert fault(got)[1] == f"fetch {server.url}/file: the transfer broke off after 4000 of 10240 bytes"
    assert (got["size_bytes"], got["etag"], got["bytes"]) == (4000, ETAG, FILE[:4000])


def test_a_failure_before_any_answer_keeps_what_was_there(shim, server, out):
    out.write_bytes(FILE[:3000])
    got = fetch(shim, server, out, lambda c, r: None, f"etag={ETAG}", "resume_from=3000")
    assert fault(got) == ("network", f"fetch {server.url}/file: the server closed without an answer")
    assert (got["size_bytes"], got["etag"], got["bytes"]) == (3000, ETAG, FILE[:3000])


def test_another_file_starts_anew(shim, server, out):
    out.write_bytes(b"x" * 20000)
    got = fetch(shim, server, out, answer(200, FILE, ETag='"v2"'), f"etag={ETAG}", "resume_from=3000")
    assert got["ok"] and got["bytes"] == FILE and not got["resumed"] and got["etag"] == '"v2"'


def test_a_range_that_cannot_be_served_starts_anew(shim, server, out):
    out.write_bytes(FILE)

    def satisfied(connection, request):
        no = answer(416, b"no", Content_Range="bytes */10240")
        (no if "range" in request["headers"] else ranges)(connection, request)

    got = fetch(shim, server, out, satisfied, f"etag={ETAG}", "resume_from=10240")
    assert got["ok"] and got["bytes"] == FILE and not got["resumed"] and len(server.requests) == 2
    assert "if-none-match" not in server.requests[1]["headers"]


@pytest.mark.parametrize("etag", ['W/"v1"', None])
def test_without_a_strong_etag_nothing_is_resumed(shim, server, out, etag):
    out.write_bytes(b"x" * 3000)
    got = fetch(shim, server, out, ranges, *([f"etag={etag}"] if etag else []), "resume_from=3000")
    assert got["ok"] and got["bytes"] == FILE
    assert not {"range", "if-range", "if-none-match"} & set(server.requests[0]["headers"])


def test_what_did_not_change_is_left_alone(shim, server, out):
    out.write_bytes(b"as it was")
    got = fetch(shim, server, out, raw(b"HTTP/1.1 304 Not Modified\r\nETag: " + ETAG.encode() + b"\r\n\r\n"), f"etag={ETAG}")
    assert got["ok"] and got["status"] == 304 and got["bytes"] == b"as it was"
    assert server.requests[0]["headers"]["if-none-match"] == ETAG


# --- answers that no honest server gives --------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

# name: (route, options, code, text behind the address)
LIES = {
    "404": (answer(404, b"no"), [], "source", "HTTP 404"),
    "500": (answer(500, b"no"), [], "source", "HTTP 500"),
    "204": (answer(204), [], "source", "HTTP 204"),
    "304 unasked": (answer(304), [], "source", "HTTP 304"),
    "404 without end": (raw(b"HTTP/1.1 404 No\r\n\r\n", drip(bytes(65536), 0)), [], "source", "HTTP 404"),
    "206 to a full GET": (
        answer(206, FILE, Content_Range="bytes 0-10239/10240"), [], "source", "HTTP 206, though all of it was asked for"),
    "another range": (
        answer(206, FILE, Content_Range="bytes 0-10239/10240"), [f"etag={ETAG}", "resume_from=500"], "source",
        "asked for the bytes from 500, got others"),
    "no range said": (
        answer(206, FILE[500:]), [f"etag={ETAG}", "resume_from=500"], "source", "asked for the bytes from 500, got others"),
    "too much said": (answer(200, FILE), ["limit_bytes=1000"], "verify", "more than 1000 bytes"),
    "too much, not said": (answer(200, FILE, length=False), ["limit_bytes=1000"], "verify", "more than 1000 bytes"),
    "too much in chunks": (
        raw(CHUNKED + b"2800\r\n" + FILE + b"\r\n0\r\n\r\n"), ["limit_bytes=1000"], "verify", "more than 1000 bytes"),
    "endless": (
        raw(b"HTTP/1.1 200 OK\r\n\r\n", drip(bytes(65536), 0)), ["limit_bytes=1000000"], "verify", "more than 1000000 bytes"),
    "endless by default": (
        raw(b"HTTP/1.1 200 OK\r\n\r\n", drip(bytes(65536), 0)), [], "verify", "more than 1048576 bytes"),
    "huge length": (answer(200, b"x", length=2**62), ["limit_bytes=1000"], "verify", "more than 1000 bytes"),
    "length over 63 bits": (answer(200, b"x", length=2**70), ["limit_bytes=1000"], "verify", "more than 1000 bytes"),
    "negative length": (answer(200, b"x", length=-1), [], "source", "not an HTTP answer"),
    "length too long": (cut(5, 100), [], "network", "the transfer broke off after 5 of 100 bytes"),
    "two lengths": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 100\r\n\r\nhello"), [], "network",
        "the transfer broke off after 5 of 100 bytes"),
    "reset": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", reset), [], "network",
        "the transfer broke off after 0 of 100 bytes"),
    "chunks cut off": (raw(CHUNKED + b"5\r\nhello\r\n"), [], "network", "the transfer broke off after 5 bytes"),
    "no chunk size": (raw(CHUNKED + b"zz\r\nhello\r\n"), [], "network", "the transfer broke off after 0 bytes"),
    "no answer": (lambda c, r: None, [], "network", "the server closed without an answer"),
    "cut headers": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Le"), [], "network", "the transfer broke off in the headers"),
    "HTTP/0.9": (raw(b"hello, world\n" * 10), [], "source", "not an HTTP answer"),
    "another protocol": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), [], "source", "not an HTTP answer"),
    "gzip unasked": (
        answer(200, FILE, Content_Encoding="gzip"), [], "source", "compressed, though nobody asked for it"),
    "headers without end": (
        raw(b"HTTP/1.1 200 OK\r\n", drip(b"X-More: " + b"x" * 1000 + b"\r\n", 0)), [], "source", "its headers do not end"),
    "a header without end": (
        raw(b"HTTP/1.1 200 OK\r\nX-More: ", drip(b"x" * 10000, 0)), [], "source", "its headers do not end"),
    "silence": (silence, ["stall_ms=600"], "network", "no data for 0.6 s"),
    "silence after the head": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", silence), ["stall_ms=1000"], "network", "no data for 1 s"),
    "drops": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", drip(b"x", 0.05)), ["stall_ms=600"], "network",
        "less than 1 kB/s for 0.6 s"),
    "drops of headers": (
        raw(b"HTTP/1.1 200 OK\r\n", drip(b"A: b\r\n", 0.05)), ["stall_ms=600"], "network", "less than 1 kB/s for 0.6 s"),
    "too slow in all": (
        raw(b"HTTP/1.1 200 OK\r\n\r\n", drip(bytes(1000), 0.05)), ["stall_ms=5000", "total_ms=700"], "network",
        "not finished within 0.7 s"),
    "redirect loop": (redirect("/file"), [], "source", "more than 3 redirects"),
    "redirect to a file": (
        redirect("file:///etc/passwd"), [], "source", "redirected to 'file:', which is neither http nor https"),
    "redirect to ftp": (
        redirect("ftp://127.0.0.1/x"), [], "source", "redirected to 'ftp:', which is neither http nor https"),
    "redirect to gopher": (
        redirect("gopher://127.0.0.1:6379/_x"), [], "source", "redirected to 'gopher:', which is neither http nor https"),
    "redirect to the cloud's secrets": (
        redirect("http://169.254.169.254/latest/meta-data/"), [], "source",
        "redirected to 169.254.169.254, an address that only means something here"),
    "the same in another spelling": (
        redirect("http://0xa9fea9fe/"), [], "source",
        "redirected to 169.254.169.254, an address that only means something here"),
    "the same mapped": (
        redirect("http://[::ffff:169.254.169.254]/"), [], "source",
        "redirected to ::ffff:169.254.169.254, an address that only means something here"),
    "redirect to a private address": (
        redirect("http://192.168.1.1/admin"), [], "source",
        "redirected to 192.168.1.1, an address that only means something here"),
    "redirect without an address": (answer(302, b"x"), [], "source", "HTTP 302"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_lie_is_told_by_name(shim, server, out, case):
    route, options, code, text = LIES[case]
    got = fetch(shim, server, out, route, *options)
    assert fault(got) == (code, f"fetch {server.url}/file: {text}")
    limit = next((int(o.split("=")[1]) for o in options if o.startswith("limit_bytes")), 1048576)
    assert len(got["bytes"]) <= limit
    assert fetch(shim, server, out, ranges, "limit_bytes=20000")["bytes"] == FILE


def test_a_packed_file_marked_as_compressed_is_kept_as_it_is(shim, server, out):
    assert fetch(shim, server, out, answer(200, FILE, Content_Encoding="x-gzip"), path="/a.tar.gz")["bytes"] == FILE


def test_bodies_of_failures_never_reach_the_file(shim, server, out):
    out.write_bytes(b"as it was")
    fetch(shim, server, out, answer(500, FILE))
    assert out.read_bytes() == b"as it was"
    server.routes["/there"] = answer(404, FILE)
    got = fetch(shim, server, out, redirect("/there"))
    assert fault(got) == ("source", f"fetch {server.url}/file: HTTP 404") and out.read_bytes() == b"as it was"


def test_an_etag_with_odd_bytes_is_not_taken(shim, server, out):
    for etag in ['"a b"', "v1", '"' + "x" * 300 + '"', '"\x01"', 'W/', '"']:
        assert fetch(shim, server, out, answer(200, FILE, ETag=etag))["etag"] is None


# --- who cannot be reached ----------------------------------------------------------------------------------------


def test_nobody_listens(shim, out):
    answer_of = shim("fetch", "http://127.0.0.1:1/x", out)
    assert fault(answer_of) == ("network", "cannot reach 127.0.0.1:1: connection refused")


def test_a_name_that_nobody_has(shim, out):
    got = shim("fetch", "http://nowhere.invalid/x", out, "total_ms=5000")
    assert got["code"] == "network" and got["text"] == "cannot reach nowhere.invalid:80: its name is not known"


@pytest.mark.parametrize(
    "url, text",
    [
        ("ftp://127.0.0.1/x", "fetch ftp://127.0.0.1/x: neither http nor https"),
        ("file:///etc/passwd", "fetch file:///etc/passwd: neither http nor https"),
        ("http://", "fetch http://: not a valid address"),
        ("http://127.0.0.1:99999/", "fetch http://127.0.0.1:99999/: not a valid address"),
        ("http://a b/", "fetch http://a b/: not a valid address"),
        ("http://127.0.0.1/\n", "fetch http://127.0.0.1/\\x0a: not a valid address"),
    ],
)
def test_an_address_that_is_none(shim, out, url, text):
    assert fault(shim("fetch", url, out)) == ("config", text)


# --- secrets ------------------------------------------------------------------------------------------------------


def test_texts_are_without_credentials_and_query(shim, server, out):
    server.routes["/file"] = answer(404)
    host = server.url.removeprefix("http://")
    got = shim("fetch", f"http://user:geheim@{host}/file?token=geheim#geheim", out, "header=Authorization: Bearer geheim")
    assert fault(got) == ("source", f"fetch http://{host}/file: HTTP 404")
    assert "geheim" not in json.dumps(got)
    got = shim("fetch", "http://user:geheim@127.0.0.1:1/file?geheim", out)
    assert fault(got) == ("network", "cannot reach 127.0.0.1:1: connection refused")
    got = shim("fetch", f"{server.url}/file", out, "header=X: geheim\r\nY: geheim")
    assert fault(got) == ("config", f"fetch {server.url}/file: a header that is not 'Name: value'")


def test_headers_stay_with_the_first_host(shim, server, out):
    other = Server()
    other.routes["/there"] = ranges
    server.routes["/here"] = ranges
    got = fetch(shim, server, out, redirect(f"{other.url}/there"), "header=Authorization: Bearer geheim")
    assert got["bytes"] == FILE
    assert server.requests[0]["headers"]["authorization"] == "Bearer geheim"
    assert "authorization" not in other.requests[0]["headers"]
    got = fetch(shim, server, out, redirect("/here"), "header=Authorization: Bearer geheim")
    assert got["ok"] and server.requests[-1]["headers"]["authorization"] == "Bearer geheim"
    host = f"localhost:{server.port}"
    got = fetch(shim, server, out, redirect(f"http://{host}/here"), "header=Authorization: Bearer geheim")
    assert got["ok"] and "authorization" not in server.requests[-1]["headers"]
    other.close()


def test_a_resume_survives_a_redirect(shim, server, out):
    out.write_bytes(FILE[:3000])
    server.routes["/there"] = ranges
    got = fetch(shim, server, out, redirect("/there"), f"etag={ETAG}", "resume_from=3000")
    assert got["ok"] and got["resumed"] and got["bytes"] == FILE


def test_the_environment_names_no_proxy(shim, server, out):
    os.environ["http_proxy"] = "http://127.0.0.1:1"
    try:
        assert fetch(shim, server, out, ranges)["ok"]
    finally:
        del os.environ["http_proxy"]


def test_a_proxy_that_was_named_is_used(shim, server, out):
    server.routes["http://example.invalid/file"] = ranges
    got = shim("fetch", "http://example.invalid/file", out, f"proxy={server.url}")
    assert got["ok"] and server.requests[0]["line"] == "GET http://example.invalid/file HTTP/1.1"


# --- TLS ----------------------------------------------------------------------------------------------------------


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority and what it signed: {name: SSLContext}."""
    folder = tmp_path_factory.mktemp("ca")
    folder.chmod(0o755)

    def key_and(kind, name, *args):
        openssl("req", *kind, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem"), *args)

    key_and(["-x509"], "ca", "-days", "2")
    key_and(["-x509"], "other", "-days", "2")
    made = {"ca": folder / "ca.pem", "other": folder / "other.pem"}

    def signed(name, host, days):
        key_and([], name)
        extension = folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={host}\n")
        openssl("x509", "-req", "-in", str(folder / f"{name}.pem"), "-CA", str(folder / "ca.pem"), "-CAkey",
                str(folder / "ca.key"), "-CAcreateserial", "-days", days, "-extfile", str(extension), "-out",
                str(folder / f"{name}.crt"))

    signed("good", "IP:127.0.0.1", "2")
    signed("wrong-host", "DNS:example.org", "2")
    signed("expired", "IP:127.0.0.1", "-1")
    key_and(["-x509"], "self-signed", "-days", "2", "-addext", "subjectAltName=IP:127.0.0.1")
    shutil.copy(folder / "self-signed.pem", folder / "self-signed.crt")
    for name in ("good", "wrong-host", "expired", "self-signed"):
        made[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made[name].load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    return made


@pytest.mark.parametrize(
    "certificate, ca, why",
    [
        ("wrong-host", "ca", "its certificate is for another host"),
        ("expired", "ca", "its certificate has expired"),
        ("self-signed", "ca", "its certificate is signed by itself"),
        ("good", "other", "its certificate is signed by an unknown authority"),
        ("good", None, "its certificate is signed by an unknown authority"),
    ],
)
def test_a_certificate_that_proves_nothing(shim, authority, out, certificate, ca, why):
    server = Server(tls=authority[certificate])
    got = fetch(shim, server, out, ranges, *([f"ca_file={authority[ca]}"] if ca else []))
    assert fault(got) == ("network", f"cannot reach 127.0.0.1:{server.port}: {why}")
    assert server.requests == [] and not got["bytes"]
    server.close()


def test_a_good_certificate_and_no_way_back_to_http(shim, authority, server, out):
    secure = Server(tls=authority["good"])
    ca = f"ca_file={authority['ca']}"
    assert fetch(shim, secure, out, ranges, ca)["bytes"] == FILE
    server.routes["/file"] = ranges
    got = fetch(shim, secure, out, redirect(f"{server.url}/file"), ca)
    assert fault(got) == ("source", f"fetch {secure.url}/file: redirected from https to http")
    assert server.requests == []
    secure.routes["/there"] = ranges
    got = fetch(shim, server, out, redirect(f"{secure.url}/there"), ca)
    assert got["ok"] and got["bytes"] == FILE
    secure.close()


def test_no_tls_behind_https(shim, server, out):
    got = shim("fetch", server.url.replace("http", "https") + "/file", out, "total_ms=500")
    assert fault(got) == ("network", f"cannot reach 127.0.0.1:{server.port}: no connection within 0.5 s")


def test_authorities_that_cannot_be_read(shim, out):
    got = shim("fetch", "https://127.0.0.1:1/", out, "ca_file=/nonexistent")
    assert got["code"] == "config" and got["text"].startswith("cannot read the certificates in '/nonexistent': ")


# --- probes and webhooks ------------------------------------------------------------------------------------------


def test_any_status_is_an_answer(shim, server):
    for status in (200, 404, 503):
        server.routes["/health"] = answer(status, b"sick? \xff\0!")
        got = shim("request", f"{server.url}/health")
        assert (got["ok"], got["status"], got["body"]) == (True, status, "sick? \ufffd\ufffd!")


def test_a_probe_follows_no_redirect(shim, server):
    server.routes["/health"] = redirect("/other")
    got = shim("request", f"{server.url}/health")
    assert got["status"] == 302 and len(server.requests) == 1


def test_a_webhook_posts(shim, server):
    server.routes["/hook"] = answer(204)
    got = shim("request", f"{server.url}/hook", "method=POST", 'body={"text": "grün"}', "content_type=application/json")
    request = server.requests[0]
    assert got["status"] == 204 and request["line"] == "POST /hook HTTP/1.1"
    assert request["body"].encode("latin-1").decode() == '{"text": "grün"}'
    assert request["headers"]["content-type"] == "application/json"


def test_a_head_has_no_body(shim, server):
    server.routes["/health"] = answer(200, b"", length=10**9)
    got = shim("request", f"{server.url}/health", "method=HEAD")
    assert (got["status"], got["body"]) == (200, "")


@pytest.mark.parametrize(
    "route, options, code, text",
    [
        (silence, ["timeout_ms=500"], "network", "fetch {}/health: not finished within 0.5 s"),
        (silence, ["timeout_ms=500", "method=POST"], "network", "post {}/health: not finished within 0.5 s"),
        (answer(200, bytes(2000)), ["limit_bytes=1000"], "verify", "fetch {}/health: more than 1000 bytes"),
        (answer(200, bytes(65537)), [], "verify", "fetch {}/health: more than 65536 bytes"),
        (lambda c, r: None, ["method=HEAD"], "network", "ask {}/health: the server closed without an answer"),
        (silence, ["method=DELETE"], "config", "unknown HTTP method"),
    ],
)
def test_a_probe_that_fails(shim, server, route, options, code, text):
    server.routes["/health"] = route
    assert fault(shim("request", f"{server.url}/health", *options)) == (code, text.format(server.url))


def test_a_unix_socket_is_asked(shim):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = pathlib.Path(folder) / "app.sock"
        server = Server(path=path)
        server.routes["/health"] = answer(200, b"fine")
        got = shim("request", "http://localhost/health", f"unix_socket={path}")
        assert (got["status"], got["body"]) == (200, "fine")
        server.close()
        path.unlink()
        got = shim("request", "http://localhost/health", f"unix_socket={path}")
        assert fault(got) == ("network", f"cannot reach {path}: no such file or directory")


def test_one_child_serves_many_requests(shim, server):
    server.routes["/health"] = lambda c, r: answer(200, b"%d" % len(server.requests))(c, r)
    assert shim("request", f"{server.url}/health", "times=20")["body"] == "20"


# --- what the child may do -----------------------------------------------------------------------------------------


def test_the_child_has_given_up_its_rights(shim, server, out):
    server.routes["/file"] = silence
    asking = shim.start("fetch", server.url + "/file", out)
    while not server.requests:
        time.sleep(0.01)
    (child,) = children_of(shim.folder / "liftlock-fetch")
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{child}/status").read_text().splitlines())
    assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)) == ("1", "2", 0)
    if os.geteuid() == 0:
        assert status["Uid"].split() == [str(child_uid())] * 4 and status["Groups"].strip() == ""
        assert os.readlink(f"/proc/{child}/cwd") == "/"
        assert {os.readlink(f"/proc/{child}/fd/{n}") for n in (0, 1, 2)} == {"/dev/null"}
    asking.kill()
    asking.communicate()


# --- a child that dies --------------------------------------------------------------------------------------------


def test_a_child_that_dies_is_said_so_and_replaced(tmp_path):
    child = BUILD / "tests/property/rogue-child"
    rogue = Shim(tmp_path / "bin", fetcher=child, unpacker=child)
    got = rogue("fetch", "http://u:geheim@127.0.0.1:1/crash?geheim", tmp_path / "out")
    assert fault(got) == ("network", "liftlock-fetch was killed by signal 11 while fetching http://127.0.0.1:1/crash")
    got = rogue("request", "http://127.0.0.1:1/leave", "times=2")
    assert fault(got) == ("network", "liftlock-fetch ended with status 3 while asking http://127.0.0.1:1/leave")


def test_a_missing_child_is_named(tmp_path, shim):
    shutil.copy(shim.program, tmp_path / "remote-shim")
    run = subprocess.run([tmp_path / "remote-shim", "request", "http://127.0.0.1:1/"], capture_output=True, check=False)
    got = json.loads(run.stdout)
    assert got["code"] in ("system", "config")
    assert got["code"] == "config" or got["text"].endswith("/liftlock-fetch': no such file or directory")


# --- from the open network into somebody's own --------------------------------------------------------------------


def in_a_network_of_its_own():
    """Runs in a network namespace: loopback, and an address that counts as public."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        def interface(call, name, data):
            fcntl.ioctl(control, call, struct.pack("16s", name) + data)

        up = struct.pack("H14x8x", 0x1 | 0x8 | 0x40)
        interface(0x8914, b"lo", up)  # SIOCSIFFLAGS
        public = struct.pack("HH4s8x8x", socket.AF_INET, 0, socket.inet_aton("203.0.113.1"))
        interface(0x8916, b"lo:1", public)  # SIOCSIFADDR
        interface(0x8914, b"lo:1", up)
    shim = Shim(sys.argv[2])
    open_one, own = Server("203.0.113.1"), Server()
    own.routes["/x"] = open_one.routes["/x"] = ranges
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        assert fetch(shim, open_one, out, redirect("/x"))["bytes"] == FILE
        assert fetch(shim, own, out, redirect(f"{open_one.url}/x"))["bytes"] == FILE
        for address in ("127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "172.16.0.1", "100.64.0.1", "0.0.0.0",
                        "[fd00::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "224.0.0.1", "localhost"):
            got = fetch(shim, open_one, out, redirect(f"http://{address}:{own.port}/x"))
            shown = got["text"].removeprefix(f"fetch {open_one.url}/file: redirected to ")
            assert got["code"] == "source" and shown.endswith(", an address that only means something here"), (address, got)
            assert address == "localhost" or shown.startswith(address.strip("[]") + ","), (address, got)
            got = shim("ranges", f"{open_one.url}/file", out, "0-10,100-10", len(FILE))
            assert got["text"].endswith(", an address that only means something here"), (address, got)
        assert not [r for r in own.requests if "/x" in r["line"]]


def test_a_public_host_redirects_into_no_private_network(tmp_path):
    own = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
    run = subprocess.run(own + [sys.executable, __file__, "--inside", str(tmp_path / "bin")],
                         capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr


def test_a_full_disk_is_said_as_such(shim, server, tmp_path):
    before = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"]
    server.routes["/file"] = answer(200, bytes(900000))
    script = 'mount -t tmpfs -o size=100k,mode=777 small "$0" && exec "$@"'
    (tmp_path / "small").mkdir()
    command = [str(shim.program), "fetch", f"{server.url}/file", str(tmp_path / "small/out")]
    run = subprocess.run(before + ["sh", "-c", script, str(tmp_path / "small")] + shim.before + command,
                         capture_output=True, check=False)
    assert fault(json.loads(run.stdout)) == ("space", f"fetch {server.url}/file: cannot write it: no space left on device")


if __name__ == "__main__":
    in_a_network_of_its_own()
