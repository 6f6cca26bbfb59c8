# SPDX-License-Identifier: Apache-2.0
"""Parts of one file, through the real child: from servers that know ranges, that know none, and that lie about them."""

import json
import os
import re
import subprocess
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote_tools import Shim, fault
from server_tools import Server, answer, drip, raw, redirect, silence
from test_transport import authority  # noqa: F401  (a fixture)

FILE = b"".join(b"%06d\n" % n for n in range(3000))  # 21,000 bytes, no two places alike
ETAG = '"v1"'
THREE = [(100, 50), (1000, 500), (20990, 10)]


def wanted(request):
    first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", request["headers"]["range"]).groups()
    return int(first), int(last) + 1


def part(file=FILE, etag=ETAG, total=None, **headers):
    """Answers with the range that was asked for, of a file."""

    def act(connection, request):
        at, end = wanted(request)
        named = {"ETag": etag} if etag else {}
        named["Content_Range"] = f"bytes {at}-{end - 1}/{total or len(file)}"
        answer(206, file[at:end], **{**named, **headers})(connection, request)

    return act


def after(n, first, then):
    """The first n requests get one answer, all others another."""
    lock, seen = threading.Lock(), []

    def act(connection, request):
        with lock:
            seen.append(request)
            route = first if len(seen) <= n else then
        route(connection, request)

    return act


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


def text_of(ranges):
    return ",".join(f"{at}-{size}" for at, size in ranges)


def fetch(shim, server, out, route, *options, ranges=None, file_bytes=len(FILE)):
    """Into a file that holds something else already; what lies outside the ranges must stay as it was."""
    ranges = THREE if ranges is None else ranges
    server.routes["/file"] = route
    old = bytes([0xAA]) * 30000
    out.write_bytes(old)
    got = shim("ranges", server.url + "/file", out, text_of(ranges), file_bytes, *options)
    got["bytes"] = out.read_bytes()
    assert outside(got["bytes"], ranges) == outside(old, ranges)
    return got


def outside(content, ranges):
    rest = bytearray(content)
    for at, size in ranges:
        rest[at : at + size] = bytes(size)
    return bytes(rest)


def arrived(content, ranges=None):
    return [content[at : at + size] == FILE[at : at + size] for at, size in (THREE if ranges is None else ranges)]


# --- ranges that come ---------------------------------------------------------------------------------------------


def test_each_range_comes_to_its_own_place(shim, server, out):
    got = fetch(shim, server, out, part())
    assert got["ok"] and all(arrived(got["bytes"])) and got["status"] == 206
    assert sorted(r["headers"]["range"] for r in server.requests) == [
        "bytes=100-149", "bytes=1000-1499", "bytes=20990-20999"]
    assert "if-match" not in server.requests[0]["headers"]
    assert [r["headers"]["if-match"] for r in server.requests[1:]] == [ETAG, ETAG]
    for request in server.requests:
        assert not {"if-range", "if-none-match", "accept-encoding", "expect"} & set(request["headers"])


def test_nothing_wanted_is_nothing_asked(shim, server, out):
    assert fetch(shim, server, out, part(), ranges=[])["ok"]
    assert server.requests == []


def test_a_new_file_is_as_long_as_its_last_range(shim, server, out):
    server.routes["/file"] = part()
    assert shim("ranges", server.url + "/file", out, "500-100", len(FILE))["ok"]
    assert out.read_bytes() == bytes(500) + FILE[500:600]


def test_what_touches_is_asked_for_at_once(shim, server, out):
    ranges = [(0, 10), (10, 90), (100, 1), (200, 5)]
    assert all(arrived(fetch(shim, server, out, part(), ranges=ranges)["bytes"], ranges))
    assert sorted(r["headers"]["range"] for r in server.requests) == ["bytes=0-100", "bytes=200-204"]


@st.composite
def some_ranges(draw):
    edges = sorted(draw(st.sets(st.integers(0, len(FILE)), min_size=2, max_size=40)))
    pairs = [(a, b - a) for a, b in zip(edges, edges[1:])]
    keep = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    return [pair for pair, kept in zip(pairs, keep) if kept] or pairs[:1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ranges=some_ranges(), knows=st.booleans())
def test_any_ranges_of_any_server(shim, server, out, ranges, knows):
    got = fetch(shim, server, out, part() if knows else answer(200, FILE, ETag=ETAG), ranges=ranges)
    assert got["ok"] and all(arrived(got["bytes"], ranges))
    assert got["told_total"] in (0, sum(size for _, size in ranges))


def test_four_are_asked_for_at_a_time(shim, server, out):
    four, lock, now, most = threading.Barrier(4, timeout=8), threading.Lock(), [0], [0]

    def together(connection, request):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        four.wait()
        time.sleep(0.05)  # a fifth would come now
        with lock:
            now[0] -= 1
        part()(connection, request)

    got = fetch(shim, server, out, after(1, part(), together), ranges=[(n * 1000, 10) for n in range(13)])
    assert got["ok"] and most[0] == 4 and len(server.requests) == 13


def test_progress_is_one_sum(shim, server, out):
    def slow(connection, request):
        time.sleep(0.15)
        part()(connection, request)

    got = fetch(shim, server, out, slow)
    assert got["ok"] and got["told_total"] == 560 and not got["told_back"]


@pytest.mark.parametrize("headers", [
    {"etag": None}, {"etag": None, "Last_Modified": "Sat, 21 Nov 2026 18:00:00 GMT"}, {"etag": 'W/"weak"'}, {"total": "*"}])
def test_who_says_less_is_believed_the_rest(shim, server, out, headers):
    got = fetch(shim, server, out, part(**headers))
    assert got["ok"] and all(arrived(got["bytes"])) and len(server.requests) == 3
    strong = headers.get("etag", ETAG) == ETAG
    assert all(("if-match" in r["headers"]) == strong for r in server.requests[1:])


def test_what_broke_off_stays_and_is_made_whole(shim, server, out):
    def cut(connection, request):
        at, end = wanted(request)
        raw(f"HTTP/1.1 206 X\r\nETag: {ETAG}\r\nContent-Length: {end - at}\r\nContent-Range: bytes {at}-{end - 1}/21000"
            "\r\n\r\n".encode() + FILE[at : at + 200])(connection, request)

    got = fetch(shim, server, out, after(1, part(), cut), ranges=THREE[:2])
    assert fault(got) == ("network", f"fetch {server.url}/file: the transfer broke off after 250 of 550 bytes")
    assert got["bytes"][100:150] == FILE[100:150] and got["bytes"][1000:1200] == FILE[1000:1200]
    assert all(arrived(fetch(shim, server, out, part())["bytes"]))


# --- a server that knows no ranges --------------------------------------------------------------------------------


def chunked(body, end=True):
    return raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body) + b"0\r\n\r\n" * end)


@pytest.mark.parametrize("route", [
    answer(200, FILE), answer(200, FILE, ETag=ETAG), answer(200, FILE, length=False), chunked(FILE),
    answer(200, FILE, Accept_Ranges="none")])
def test_of_a_whole_file_the_ranges_are_taken(shim, server, out, route):
    got = fetch(shim, server, out, route)
    assert got["ok"] and all(arrived(got["bytes"])) and len(server.requests) == 1 and got["status"] == 200


def test_behind_the_last_range_nothing_is_read(shim, server, out):
    endless = raw(b"HTTP/1.1 200 OK\r\n\r\n" + FILE, drip(bytes(65536), 0))
    got = fetch(shim, server, out, endless, ranges=[(5, 10), (100, 5)])
    assert got["ok"] and all(arrived(got["bytes"], [(5, 10), (100, 5)]))


def test_a_whole_file_may_come_later_too(shim, server, out):
    ranges = [(n * 1000, 10) for n in range(20)]
    got = fetch(shim, server, out, after(3, part(), answer(200, FILE, ETag=ETAG)), ranges=ranges)
    assert got["ok"] and all(arrived(got["bytes"], ranges))
    assert len(server.requests) <= 3 + 4


def test_for_the_whole_file_nobody_else_is_waited_for(shim, server, out):
    route = after(1, part(), after(2, silence, answer(200, FILE, ETag=ETAG)))
    started = time.monotonic()
    got = fetch(shim, server, out, route, "stall_ms=8000", ranges=[(n * 1000, 10) for n in range(20)])
    assert got["ok"] and time.monotonic() - started < 5


# --- answers that no honest server gives --------------------------------------------------------------------------


def said(range_said, body=b"x" * 50, status=206, **headers):
    return answer(status, body, ETag=ETAG, **({"Content_Range": range_said} if range_said else {}), **headers)


HEAD = b"HTTP/1.1 206 OK\r\nContent-Range: bytes 100-149/21000\r\n"
OTHERS = "asked for the bytes 100 to 149, got others"
LATER = "it changed while parts of it were fetched"
MULTI = b"--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 100-149/21000\r\n\r\n" + b"x" * 50 + b"\r\n--b--\r\n"

# name: (route, options, code, text behind the address)
LIES = {
    "404": (answer(404, b"no"), [], "source", "HTTP 404"),
    "429": (answer(429, b"no"), [], "source", "HTTP 429"),
    "503": (answer(503, b"no"), [], "source", "HTTP 503"),
    "204": (answer(204), [], "source", "HTTP 204"),
    "304": (answer(304), [], "source", "HTTP 304"),
    "412 unasked": (answer(412), [], "source", "HTTP 412"),
    "416": (answer(416), [], "source", "HTTP 416"),
    "416 of this size": (said("bytes */21000", status=416), [], "source", "HTTP 416"),
    "416 of another size": (
        said("bytes */90", status=416), [], "source", "it has 90 bytes, and not 21000"),
    "503 for a later one": (after(1, part(), answer(503)), [], "source", "HTTP 503"),
    "a redirect for a later one": (after(1, part(), redirect("/file")), [], "source", "HTTP 302"),
    "no range said": (said(None), [], "source", OTHERS),
    "another range": (said("bytes 0-49/21000"), [], "source", OTHERS),
    "a longer range": (said("bytes 100-150/21000", b"x" * 51), [], "source", OTHERS),
    "a shorter range": (said("bytes 100-148/21000", b"x" * 49), [], "source", OTHERS),
    "no numbers": (said("bytes all/21000"), [], "source", OTHERS),
    "a range without bytes": (said("bytes */21000"), [], "source", OTHERS),
    "other units": (said("pages 100-149/21000"), [], "source", OTHERS),
    "a range over 63 bits": (said(f"bytes {2**64 + 100}-{2**64 + 149}/{2**65}"), [], "source", OTHERS),
    "a longer body, said": (said("bytes 100-149/21000", b"x" * 51), [], "source", OTHERS),
    "a shorter body, said": (said("bytes 100-149/21000", b"x" * 49), [], "source", OTHERS),
    "a length over 63 bits": (said("bytes 100-149/21000", length=2**70), [], "source", OTHERS),
    "another size": (
        said("bytes 100-149/21001"), [], "source", "it has 21001 bytes, and not 21000"),
    "several at once": (
        said(None, MULTI, Content_Type="multipart/byteranges; boundary=b"), [], "source",
        "asked for one range, got several"),
    "several at once, as if one": (
        said("bytes 100-149/21000", Content_Type="Multipart/ByteRanges; boundary=b"), [], "source",
        "asked for one range, got several"),
    "a longer body": (
        raw(HEAD + b"\r\n" + b"x" * 51), [], "verify", "more than the 50 bytes that were asked for"),
    "endless": (
        raw(HEAD + b"\r\n", drip(bytes(65536), 0)), [], "verify", "more than the 50 bytes that were asked for"),
    "a longer body in chunks": (
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n33\r\n" + b"x" * 51 + b"\r\n0\r\n\r\n"), [], "verify",
        "more than the 50 bytes that were asked for"),
    "a shorter body": (
        raw(HEAD + b"\r\n" + b"x" * 49), [], "network", "the transfer broke off after 49 of 560 bytes"),
    "a shorter body in chunks": (
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n31\r\n" + b"x" * 49 + b"\r\n0\r\n\r\n"), [], "network",
        "the transfer broke off after 49 of 560 bytes"),
    "cut off": (
        raw(HEAD + b"Content-Length: 50\r\n\r\nxxxxx"), [], "network", "the transfer broke off after 5 of 560 bytes"),
    "nothing behind the head": (
        raw(HEAD + b"Content-Length: 50\r\n\r\n"), [], "network", "the transfer broke off after 0 of 560 bytes"),
    "no answer": (lambda c, r: None, [], "network", "the server closed without an answer"),
    "no answer to a later one": (
        after(1, part(), lambda c, r: None), [], "network", "the server closed without an answer"),
    "cut headers": (raw(HEAD), [], "network", "the transfer broke off in the headers"),
    "gzip unasked": (
        said("bytes 100-149/21000", Content_Encoding="gzip"), [], "source", "compressed, though nobody asked for it"),
    "headers without end": (
        raw(HEAD, drip(b"X-More: " + b"x" * 1000 + b"\r\n", 0)), [], "source", "its headers do not end"),
    "silence": (silence, ["stall_ms=600"], "network", "no data for 0.6 s"),
    "silence for a later one": (
        after(1, part(), silence), ["stall_ms=600"], "network", "no data for 0.6 s"),
    "too slow in all": (
        after(1, part(), raw(b"HTTP/1.1 206 OK\r\n", drip(b"X: y\r\n" * 300, 0.05))), ["stall_ms=5000", "total_ms=700"],
        "network", "not finished within 0.7 s"),
    "another file": (after(1, part(), part(etag='"v2"')), [], "source", LATER),
    "another weak file": (after(1, part(etag='W/"1"'), part(etag='W/"2"')), [], "source", LATER),
    "a file without a name": (after(1, part(), part(etag=None)), [], "source", LATER),
    "a file with a name": (after(1, part(etag=None), part()), [], "source", LATER),
    "a file of another time": (
        after(1, part(etag=None, Last_Modified="Sat, 21 Nov 2026 18:00:00 GMT"),
                   part(etag=None, Last_Modified="Sat, 21 Nov 2026 18:00:01 GMT")), [], "source", LATER),
    "what is asked for is gone": (after(1, part(), answer(412)), [], "source", LATER),
    "the whole of another file": (after(1, part(), answer(200, FILE, ETag='"v2"')), [], "source", LATER),
    "a whole file of another size": (answer(200, FILE + b"x"), [], "source", "it has 21001 bytes, and not 21000"),
    "a whole file over 63 bits": (answer(200, b"x", length=2**70), [], "source", "it has more than 21000 bytes"),
    "a whole file that ends early": (chunked(FILE[:15000]), [], "source", "it has 15000 bytes, and not 21000"),
    "a whole file cut off": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 21000\r\n\r\n" + FILE[:1200]), [], "network",
        "the transfer broke off after 250 of 560 bytes"),
    "redirect loop": (redirect("/file"), [], "source", "more than 3 redirects"),
    "redirect to the cloud's secrets": (
        redirect("http://169.254.169.254/latest/meta-data/"), [], "source",
        "redirected to 169.254.169.254, an address that only means something here"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_lie_is_told_by_name(shim, server, out, case):
    route, options, code, text = LIES[case]
    started = time.monotonic()
    got = fetch(shim, server, out, route, *options)
    assert fault(got) == (code, f"fetch {server.url}/file: {text}")
    assert time.monotonic() - started < 5


def test_nothing_more_is_asked_after_a_failure(shim, server, out):
    got = fetch(shim, server, out, after(5, part(), answer(503)), ranges=[(n * 100, 10) for n in range(100)])
    assert fault(got) == ("source", f"fetch {server.url}/file: HTTP 503")
    assert len(server.requests) <= 5 + 4


@pytest.mark.parametrize("ranges, file_bytes", [
    ([(0, 10), (5, 10)], 21000), ([(10, 5), (0, 5)], 21000), ([(0, 0)], 21000), ([(20999, 2)], 21000),
    ([(2**64 - 1, 2)], 21000), ([(0, 2**64 - 1)], 2**64 - 1)])
def test_ranges_that_are_none_are_not_asked_for(shim, server, out, ranges, file_bytes):
    server.routes["/file"] = part()
    got = shim("ranges", server.url + "/file", out, text_of(ranges), file_bytes)
    assert fault(got) == ("source", f"fetch {server.url}/file: these are no parts of a file of {file_bytes} bytes")
    assert server.requests == [] and out.read_bytes() == b""


def test_nobody_listens(shim, out):
    got = shim("ranges", "http://user:geheim@127.0.0.1:1/x?geheim", out, "0-10", 21000)
    assert fault(got) == ("network", "cannot reach 127.0.0.1:1: connection refused")


# --- redirects and secrets ----------------------------------------------------------------------------------------


def test_the_way_is_found_once_and_headers_stay(shim, server, out):
    other = Server()
    other.routes["/there"] = part()
    got = fetch(shim, server, out, redirect(f"{other.url}/there"), "header=Authorization: Bearer geheim")
    assert got["ok"] and all(arrived(got["bytes"]))
    assert len(server.requests) == 1 and len(other.requests) == 3
    assert server.requests[0]["headers"]["authorization"] == "Bearer geheim"
    assert all("authorization" not in r["headers"] for r in other.requests)
    other.close()
    got = fetch(shim, server, out, part(), "header=Authorization: Bearer geheim")
    assert got["ok"] and all(r["headers"]["authorization"] == "Bearer geheim" for r in server.requests)


def test_a_later_server_that_leaves_is_named_by_where_it_is(shim, server, out):
    other = Server()
    other.routes["/there"] = lambda c, r: (other.close(), part()(c, r))
    got = fetch(shim, server, out, redirect(f"{other.url}/there?geheim"), "header=X-Token: geheim")
    assert fault(got) == ("network", f"cannot reach 127.0.0.1:{other.port}: connection refused")
    assert "geheim" not in json.dumps({k: v for k, v in got.items() if k != "bytes"})


def test_over_tls_and_never_back(shim, authority, server, out):  # noqa: F811
    secure = Server(tls=authority["good"])
    got = fetch(shim, secure, out, part(), f"ca_file={authority['ca']}")
    assert got["ok"] and all(arrived(got["bytes"])) and len(secure.requests) == 3
    server.routes["/there"] = part()
    got = fetch(shim, secure, out, redirect(f"{server.url}/there"), f"ca_file={authority['ca']}")
    assert fault(got) == ("source", f"fetch {secure.url}/file: redirected from https to http")
    got = fetch(shim, secure, out, part(), f"ca_file={authority['other']}")
    assert fault(got)[1] == f"cannot reach 127.0.0.1:{secure.port}: its certificate is signed by an unknown authority"
    secure.close()


def test_a_proxy_that_was_named_is_used(shim, server, out):
    server.routes["http://example.invalid/file"] = part()
    got = shim("ranges", "http://example.invalid/file", out, text_of(THREE), len(FILE), f"proxy={server.url}")
    assert got["ok"] and all(arrived(out.read_bytes()))


def test_a_full_disk_is_said_as_such(shim, server, tmp_path):
    before = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"]
    file = bytes(900000)
    server.routes["/file"] = part(file)
    script = 'mount -t tmpfs -o size=100k,mode=777 small "$0" && exec "$@"'
    (tmp_path / "small").mkdir()
    command = [str(shim.program), "ranges", f"{server.url}/file", str(tmp_path / "small/out"), "0-10,1000-800000", "900000"]
    run = subprocess.run(before + ["sh", "-c", script, str(tmp_path / "small")] + shim.before + command,
                         capture_output=True, check=False)
    assert fault(json.loads(run.stdout)) == ("space", f"fetch {server.url}/file: cannot write it: no space left on device")
