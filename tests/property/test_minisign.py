# SPDX-License-Identifier: Apache-2.0
"""Keys and signatures against minisign(1), in both directions."""

import base64
import hashlib
import os
import pty
import random
import struct
import subprocess
import time

import pytest

from publish_tools import Refused, call, install


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return install(tmp_path_factory.mktemp("bin"))


def minisign(*args, stdin="", good=True):
    done = subprocess.run(["minisign", *map(str, args)], input=stdin, text=True, capture_output=True, timeout=120)
    assert (done.returncode == 0) == good, done
    return done.stdout


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def small_key(path, passphrase, ops=32768, memory=1 << 24, seed=7):
    """An encrypted key whose limits are small, so that reading it takes milliseconds. As minisign 0.11 lays it out."""
    plain = path.with_suffix(".plain")
    minisign("-G", "-W", "-p", path.with_suffix(".pub"), "-s", plain)
    blob = base64.b64decode(plain.read_text().splitlines()[1])
    core = blob[54:126]
    core += hashlib.blake2b(b"Ed" + core, digest_size=32).digest()
    salt = random.Random(seed).randbytes(32)
    power, p = limits(ops, memory)
    stream = hashlib.scrypt(passphrase.encode(), salt=salt, n=1 << power, r=8, p=p, dklen=104, maxmem=(1 << 31) - 2)
    blob = b"EdScB2" + salt + struct.pack("<QQ", ops, memory) + bytes(a ^ b for a, b in zip(core, stream))
    return private(path, "untrusted comment: small\n" + base64.b64encode(blob).decode() + "\n")


def limits(ops, memory):
    """pickparams of libsodium: log2 of scrypt's N, and p; r is 8."""
    ops = max(ops, 32768)
    few = ops < memory // 32
    most = ops // 32 if few else memory // 1024
    power = next(n for n in range(1, 63) if 1 << n > most // 2)
    return power, 1 if few else min(ops // 4 >> power, 0x3FFFFFFF) // 8


def public_line(path):
    return path.read_text().splitlines()[1]


# --- signatures ---


def test_our_signatures_verify_there(shim, tmp_path):
    made = call(shim, "generate", tmp_path / "k")
    for size in [0, 1, 127, 128, 129, 65536, 131072, 131073, 1_000_003]:
        (tmp_path / "f").write_bytes(random.Random(size).randbytes(size))
        call(shim, "sign", tmp_path / "k.key", tmp_path / "f", f"app=bookshelf version=1.{size} file=f")
        told = minisign("-H", "-Vm", tmp_path / "f", "-P", made["public_key"])
        assert f"Trusted comment: app=bookshelf version=1.{size} file=f\n" in told


def test_their_signatures_verify_here(shim, tmp_path):
    minisign("-G", "-W", "-p", tmp_path / "k.pub", "-s", tmp_path / "k.key")
    for size in [0, 1, 127, 128, 129, 65536, 131072, 131073, 1_000_003]:
        (tmp_path / "f").write_bytes(random.Random(size).randbytes(size))
        minisign("-S", "-s", tmp_path / "k.key", "-m", tmp_path / "f", "-t", f"app=a index={size}")
        assert call(shim, "verify", public_line(tmp_path / "k.pub"), tmp_path / "f", tmp_path / "f.minisig") == {
            "comment": f"app=a index={size}"
        }


@pytest.mark.slow
def test_more_than_4_gib(shim, tmp_path):
    """Sizes do not wrap: the last byte, past 2^32, counts."""
    made = call(shim, "generate", tmp_path / "k")
    with open(tmp_path / "f", "wb") as file:
        file.truncate((1 << 32) + 1)
    call(shim, "sign", tmp_path / "k.key", tmp_path / "f", "app=a index=1")
    minisign("-Vm", tmp_path / "f", "-P", made["public_key"])


def test_the_old_format_is_refused(shim, tmp_path):
    minisign("-G", "-W", "-p", tmp_path / "k.pub", "-s", tmp_path / "k.key")
    (tmp_path / "f").write_text("content")
    minisign("-S", "-l", "-s", tmp_path / "k.key", "-m", tmp_path / "f", "-t", "app=a index=1")
    minisign("-Vm", tmp_path / "f", "-p", tmp_path / "k.pub")  # minisign itself takes it
    with pytest.raises(Refused) as refused:
        call(shim, "verify", public_line(tmp_path / "k.pub"), tmp_path / "f", tmp_path / "f.minisig")
    assert refused.value.code == "verify"
    assert refused.value.text == (
        "file: the signature is in the old format, which liftlock does not accept\n"
        "sign again with 'minisign -H' or 'liftlock release'"
    )


def test_no_damage_goes_unseen(shim, tmp_path):
    """Whatever minisign(1) refuses is refused here too, for single flipped bits anywhere."""
    made = call(shim, "generate", tmp_path / "k")
    (tmp_path / "f").write_text("content")
    call(shim, "sign", tmp_path / "k.key", tmp_path / "f", "app=a index=1")
    good = (tmp_path / "f.minisig").read_bytes()
    dice = random.Random(1)
    for place in dice.sample(range(len(good)), 60):
        damaged = bytearray(good)
        damaged[place] ^= 1 << dice.randrange(8)
        (tmp_path / "damaged").write_bytes(damaged)
        theirs = subprocess.run(
            ["minisign", "-Vm", tmp_path / "f", "-x", tmp_path / "damaged", "-P", made["public_key"]], capture_output=True
        )
        try:
            call(shim, "verify", made["public_key"], tmp_path / "f", tmp_path / "damaged")
        except Refused as refused:
            assert refused.code == "verify"
        else:
            assert theirs.returncode == 0, bytes(damaged)


# --- keys ---


def test_our_plain_key_signs_there(shim, tmp_path):
    made = call(shim, "generate", tmp_path / "k")
    (tmp_path / "f").write_text("content")
    minisign("-S", "-s", tmp_path / "k.key", "-m", tmp_path / "f", "-t", "app=a index=1")
    assert call(shim, "verify", made["public_key"], tmp_path / "f", tmp_path / "f.minisig") == {"comment": "app=a index=1"}
    assert minisign("-Vm", tmp_path / "f", "-p", tmp_path / "k.pub", "-Q") == "app=a index=1\n"


def test_their_plain_key_signs_here(shim, tmp_path):
    minisign("-G", "-W", "-p", tmp_path / "k.pub", "-s", tmp_path / "k.key")
    (tmp_path / "f").write_text("content")
    call(shim, "sign", tmp_path / "k.key", tmp_path / "f", "app=a index=1")
    assert minisign("-Vm", tmp_path / "f", "-p", tmp_path / "k.pub", "-Q") == "app=a index=1\n"


@pytest.mark.slow
def test_our_encrypted_key_signs_there(shim, tmp_path):
    """With the limits that people get: a gigabyte, seconds."""
    passphrase = private(tmp_path / "passphrase", "correct horse\n")
    made = call(shim, "generate", tmp_path / "k", passphrase)
    (tmp_path / "f").write_text("content")
    minisign("-S", "-s", tmp_path / "k.key", "-m", tmp_path / "f", "-t", "app=a index=1", stdin="correct horse\n")
    assert minisign("-Vm", tmp_path / "f", "-P", made["public_key"], "-Q") == "app=a index=1\n"
    theirs = base64.b64decode((tmp_path / "k.key").read_text().splitlines()[1])
    assert theirs[:6] == b"EdScB2" and struct.unpack("<QQ", theirs[38:54]) == (33554432, 1073741824)


@pytest.mark.slow
def test_their_encrypted_key_signs_here(shim, tmp_path):
    minisign("-G", "-p", tmp_path / "k.pub", "-s", tmp_path / "k.key", stdin="correct horse\ncorrect horse\n")
    passphrase = private(tmp_path / "passphrase", "correct horse\nnot this line\n")
    (tmp_path / "f").write_text("content")
    call(shim, "sign", tmp_path / "k.key", tmp_path / "f", "app=a index=1", passphrase)
    assert minisign("-Vm", tmp_path / "f", "-p", tmp_path / "k.pub", "-Q") == "app=a index=1\n"


@pytest.mark.parametrize(
    "ops, memory",
    [(32768, 1 << 24), (1, 1 << 20), (524288, 1 << 24), (1 << 20, 1 << 24), (1 << 20, 1 << 28), (65536, 3 << 20), (98304, 5 << 20)],
)
def test_limits_mean_the_same(shim, tmp_path, ops, memory):
    """libsodium derives scrypt's N and p from two limits in its own way, with many a corner."""
    key = small_key(tmp_path / "k.key", "correct horse", ops, memory)
    passphrase = private(tmp_path / "passphrase", "correct horse\n")
    (tmp_path / "f").write_text("content")
    minisign("-S", "-s", key, "-m", tmp_path / "f", "-t", "app=a index=1", stdin="correct horse\n")
    theirs = (tmp_path / "f.minisig").read_text().splitlines()[1:]
    call(shim, "sign", key, tmp_path / "f", "app=a index=1", passphrase)
    assert (tmp_path / "f.minisig").read_text().splitlines()[1:] == theirs


def test_a_wrong_passphrase_is_named(shim, tmp_path):
    key = small_key(tmp_path / "k.key", "correct horse")
    (tmp_path / "f").write_text("content")
    for passphrase in ["correct  horse", "correct horse ", "c"]:
        with pytest.raises(Refused) as refused:
            call(shim, "sign", key, tmp_path / "f", "app=a index=1", private(tmp_path / "p", passphrase + "\n"))
        assert (refused.value.code, refused.value.text) == ("usage", f"{key}: the passphrase is wrong")


def test_without_terminal_or_file_there_is_no_passphrase(shim, tmp_path):
    key = small_key(tmp_path / "k.key", "correct horse")
    with pytest.raises(Refused) as refused:
        call(shim, "show", key)
    assert (refused.value.code, refused.value.text) == (
        "usage",
        f"there is no terminal to ask on for the passphrase of {key}\nname a file that holds it: --passphrase-file FILE",
    )


def test_passphrase_files_are_private_and_not_empty(shim, tmp_path):
    key = small_key(tmp_path / "k.key", "correct horse")
    file = private(tmp_path / "p", "correct horse\n")
    assert call(shim, "show", key, file)["public_key"] == public_line(tmp_path / "k.pub")
    file.chmod(0o640)
    with pytest.raises(Refused) as refused:
        call(shim, "show", key, file)
    assert refused.value.text == f"{file} may be read by others\nchmod 600 {file}"
    for bad in ["", "\n", "x" * 1025 + "\n"]:
        private(file, bad)
        with pytest.raises(Refused) as refused:
            call(shim, "show", key, file)
        assert refused.value.text == f"{file}: its first line is no passphrase"


def on_terminal(command, *answers):
    """Runs a command on a terminal of its own; types an answer at each prompt. Returns exit status and what was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], [str(word) for word in command])
    shown = b""
    for answer in answers:
        while not shown.rstrip(b" ").endswith(b":"):
            shown += os.read(terminal, 1000)
        time.sleep(0.05)  # the prompt comes before the echo goes
        os.write(terminal, answer)
        shown += b"|"
    try:
        while more := os.read(terminal, 1000):
            shown += more
    except OSError:
        pass  # the other side is gone
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_the_terminal_does_not_show_the_passphrase(shim, tmp_path):
    key = small_key(tmp_path / "k.key", "correct horse")
    for typed in [b"correct horse\r", b"wrong\x15correct horsf\x7fe\n"]:
        status, shown = on_terminal([shim, "show", key], typed)
        assert status == 0
        assert shown.startswith(f"Passphrase of {key}: |\r\n") and public_line(tmp_path / "k.pub") in shown
        assert "horse" not in shown and "wrong" not in shown
    for typed, text in [(b"\x03", "no passphrase was given"), (b"\r", "the passphrase is empty")]:
        status, shown = on_terminal([shim, "show", key], typed)
        assert (status, shown) == (1, f"Passphrase of {key}: |\r\nusage {text}\r\n")


# --- key files ---


def test_key_files_are_private_and_never_overwritten(shim, tmp_path):
    made = call(shim, "generate", tmp_path / "k")
    assert (tmp_path / "k.key").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "k.key").read_bytes(), (tmp_path / "k.pub").read_bytes()
    for name in ["k", "k.key", "k.pub"]:
        with pytest.raises(Refused) as refused:
            call(shim, "generate", tmp_path / name)
        assert refused.value.text == f"{tmp_path}/k.key exists already\nkeys are never overwritten: choose another name"
    (tmp_path / "k.key").rename(tmp_path / "moved.key")
    with pytest.raises(Refused) as refused:
        call(shim, "generate", tmp_path / "k")
    assert refused.value.text == f"{tmp_path}/k.pub exists already\nkeys are never overwritten: choose another name"
    assert not (tmp_path / "k.key").exists()
    assert ((tmp_path / "moved.key").read_bytes(), (tmp_path / "k.pub").read_bytes()) == before
    assert call(shim, "show", tmp_path / "moved.key") == call(shim, "show", tmp_path / "k.pub") == made
    assert f"minisign public key {made['key_id']}" in (tmp_path / "k.pub").read_text()


def test_a_dangling_link_is_not_followed(shim, tmp_path):
    (tmp_path / "k.pub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        call(shim, "generate", tmp_path / "k")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k.pub"]


def test_a_secret_key_that_others_may_read_is_refused(shim, tmp_path):
    call(shim, "generate", tmp_path / "k")
    (tmp_path / "k.key").chmod(0o644)
    with pytest.raises(Refused) as refused:
        call(shim, "show", tmp_path / "k.key")
    assert refused.value.text == (
        f"the secret key {tmp_path}/k.key may be read by others\n"
        f"chmod 600 {tmp_path}/k.key, and consider whether somebody has read it"
    )


@pytest.mark.parametrize("content", ["", "no key", "untrusted comment: x\nRWQ\n", "untrusted comment: x\n", "a\0b", "x" * 5000])
def test_what_is_no_key_is_refused(shim, tmp_path, content):
    private(tmp_path / "k.key", content)
    with pytest.raises(Refused) as refused:
        call(shim, "show", tmp_path / "k.key")
    assert refused.value.text in [
        f"{tmp_path}/k.key is not a key",
        f"{tmp_path}/k.key: not a minisign secret key\nmake one with 'liftlock keys generate'",
    ]
