#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317,SC2016 # functions are called through ok; inner shells expand for themselves
# What the fault loops take for granted about fault-tracer, shown on small programs. Usage: test-tracer.sh FAULT-TRACER
set -u
tracer=$(realpath "$1")
dir=$(mktemp -d)
cd "$dir" || exit 1
trap 'rm -rf "$dir"' EXIT
n=0
bad=0

ok() { # ok TEXT COMMAND...: the command succeeds
    text=$1
    shift
    n=$((n + 1))
    if "$@" >said 2>&1; then
        echo "ok $n - $text"
    else
        bad=1
        echo "not ok $n - $text"
        sed 's/^/# /' said
    fi
}
same() { [ "$1" = "$2" ] || { echo "got '$1', expected '$2'"; false; }; }
exits() { # exits STATUS COMMAND...
    want=$1
    shift
    timeout -k 1 20 "$@" >out 2>err
    got=$?
    [ "$got" = "$want" ] || { echo "exit $got, expected $want"; cat err; false; }
}
ended() { # no process holds this descriptor's pipe any more: wait until then
    timeout 5 cat "$1" >/dev/null
}

three='echo one >a; mv a b; rm b'
rm -f a b
ok 'calls are numbered in order over all processes' exits 0 "$tracer" --list list --count count sh -c "$three"
ok 'the list names call, class and target' same "$(awk '{print $1, $4, $5, $6}' list | sed "s|$dir|.|")" \
    "1 openat space ./a
2 write space ./a
3 vfork - -
4 execve - $(command -v mv)
5 renameat2 space ./a
6 vfork - -
7 execve - $(command -v rm)
8 unlinkat disk ./b"
ok 'the count is calls and strikes' same "$(cat count)" '8 0'
ok 'reading, and writing to nothing that lasts, is not counted' exits 0 "$tracer" --count count head -c 5 /etc/passwd
ok '... but output is' same "$(cat count)" '1 0'
ok 'the exit status is the command'\''s' exits 7 "$tracer" sh -c 'exit 7'
# shellcheck disable=SC2016 # the inner shell expands it
ok 'death by a signal is 128 and its number' exits 143 "$tracer" sh -c 'kill -TERM $$'
ok 'a command that is not there is 127' exits 127 "$tracer" ./no-such-command
ok 'a strike without a place is refused' exits 2 "$tracer" --do kill-one true
ok 'an unknown strike is refused' exits 2 "$tracer" --at 1 --do explode true

ok 'kill-one kills before the call is made' exits 1 "$tracer" --at 5 --do kill-one --count count sh -c 'echo one >a; mv a b || exit 1'
ok '... so nothing was renamed' [ -e a ]
ok '... and it was one strike' same "$(cut -d' ' -f2 count)" 1
ok 'kill-all takes the parent as well' exits 137 "$tracer" --at 5 --do kill-all sh -c 'echo one >a; mv a b; echo two >c'
ok '... which did no more' [ ! -e c ]
rm -f a b
ok 'a kill at the first call leaves nothing' exits 137 "$tracer" --at 1 --do kill-one sh -c 'echo one >a'
ok '... not even an empty file' [ ! -e a ]

sh -c 'sleep 30 & echo $! >server; wait' &
while ! [ -s server ]; do sleep 0.05; done
server=$(cat server)
ok 'kill=PID ends another process' exits 0 "$tracer" --at 1 --do "kill=$server" --count count \
    sh -c 'mkdir gone; [ -e gone ] && ! grep -q "^State:.[^ZX]" "/proc/$1/status" 2>/dev/null' sh "$server"
ok '... and that only' same "$(cut -d' ' -f2 count)" 1
ok 'a number that is no process of ours is refused' exits 2 "$tracer" --at 1 --do kill=1 true
begun=$(date +%s)
ok '--hurry ends pauses after the strike' exits 0 "$tracer" --hurry --from 1 --do error=ENOSPC sh -c 'mkdir no 2>/dev/null; sleep 30'
ok '... at once' [ $(($(date +%s) - begun)) -lt 10 ]

ok 'ENOSPC at a write' exits 1 env LC_ALL=C "$tracer" --at 4 --do error=ENOSPC sh -c '/bin/echo one >a; exit $?'
ok '... is told by its name' grep -qx '/bin/echo: write error: No space left on device' err
ok '... and wrote nothing' same "$(stat -c %s a)" 0
touch a
ok 'a full disk still lets go of files' exits 0 "$tracer" --from 1 --do error=ENOSPC --count count rm a
ok '... no strike' same "$(cat count)" '1 0'
touch a
ok 'a broken disk does not' same "$(LC_ALL=C "$tracer" --from 1 --do error=EIO rm a 2>&1 | cat)" \
    "rm: cannot remove 'a': Input/output error"
ok 'a full disk stays full' exits 0 "$tracer" --from 1 --do error=ENOSPC --count count sh -c 'exec 2>/dev/null; mkdir x; mkdir y; cp /etc/passwd z; true'
ok '... for everything new' [ ! -e x -a ! -e y -a ! -e z ]
ok '... three strikes' same "$(cut -d' ' -f2 count)" 3
ok 'a full disk does not stop pipes' same "$("$tracer" --from 1 --do error=ENOSPC sh -c 'echo through | cat')" through
ok 'a file that is there can be opened on a full disk' exits 0 "$tracer" --from 1 --do error=ENOSPC sh -c ': >>a'

ok '--only counts the named program' exits 0 "$tracer" --only '*/mv' --list list sh -c 'echo one >a; mv a b; rm b'
ok '... alone' same "$(awk '{print $4}' list)" renameat2
printf '#!/bin/sh\nmkdir t; rmdir t; : >alive; sleep 0.6; : >alive\n' >spare-me
chmod +x spare-me
ok '--spare leaves a program and its children alone' exits 0 "$tracer" --spare spare-me --list list \
    sh -c './spare-me; : >u'
ok '... the rest is counted' same "$(awk '{print $4}' list | tr '\n' ' ')" 'vfork execve openat '
rm alive
ok 'a spared one outlives kill-all' exits 137 "$tracer" --spare spare-me --until-main --only '*/rm' --at 1 --do kill-all \
    sh -c './spare-me & until [ -e alive ]; do :; done; : >victim; rm victim; sleep 9'
rm alive
ok '... and still works' sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do [ -e alive ] && exit; sleep 0.5; done; exit 1'

mkfifo pipe
ok 'without --until-main daemons belong to the job' exits 0 "$tracer" --list list sh -c 'setsid -f sh -c "sleep 0.2; : >daemon"'
ok '... to its end' grep -q '/daemon$' list
ok '--until-main leaves at the end of the command' exits 3 "$tracer" --until-main --list list \
    sh -c 'setsid -f sh -c "sleep 0.3; : >later; echo >pipe"; exit 3'
ok '... its daemons live on' ended pipe
ok '... and their calls are not refused' [ -e later ]
ok '... nor counted' sh -c '! grep -q /later list'
ok '--until-struck leaves once a process was struck' exits 0 "$tracer" --until-struck --only '*/rm' --at 1 --do kill-one \
    sh -c 'rm victim; sleep 0.3; : >survivor; echo >pipe'
ok '... whoever is left' [ ! -e survivor ]
ok '... works on' ended pipe
ok '... unhindered' [ -e survivor ]

cat >threads.py <<'E2'
import os, subprocess, threading
def work(i):
    for k in range(20):
        with open(f"t{i}", "a") as f:
            f.write("x")
    subprocess.run(["true"], check=True)
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
child = os.fork()
if child == 0:
    os.execvp("sleep", ["sleep", "9"])
os.kill(child, 9)
os._exit(0 if os.waitpid(child, 0)[1] == 9 else 1)
E2
ok 'threads, their children, and a kill from outside' exits 0 "$tracer" --list list /usr/bin/python3 threads.py
ok '... each write is seen once' same "$(grep -c ' write space .*/t[0-7]$' list)" 160
ok '... a new thread is no call' sh -c '! grep -q " clone3* " list || [ "$(grep -c " clone3* " list)" -le 1 ]'
ok 'an exec from a thread' exits 5 "$tracer" /usr/bin/python3 -c '
import os, threading, time
threading.Thread(target=lambda: os.execvp("sh", ["sh", "-c", "exit 5"])).start()
time.sleep(9)'
# shellcheck disable=SC2016 # the inner shell expands it
ok 'a stopped program stays stopped until it is continued' exits 0 "$tracer" sh -c '
sleep 5 & p=$!; kill -STOP $p; sleep 0.1; grep -q "^State:.[Tt]" /proc/$p/status || exit 1; kill -CONT $p; sleep 0.1; grep -q "^State:.[Tt]" /proc/$p/status && exit 1; kill $p; exit 0'
ok 'who ends the tracer ends the command' sh -c '
"$1" sh -c "sleep 30 & echo \$! >child; wait" & t=$!
while ! [ -s child ]; do sleep 0.05; done; kill $t; sleep 0.2; ! grep -q "^State:.[^Z]" "/proc/$(cat child)/status" 2>/dev/null' sh "$tracer"
echo "1..$n"
exit $bad
