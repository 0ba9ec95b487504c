#!/usr/bin/env bash
# Runs a server or a program of this project with the keys in .env, in the project's own environment, made on first use.
#
#   run_with_env.sh servers/openai_mcp_server.py   a .py file or -m MODULE goes to the project's Python
#   run_with_env.sh mcp-models complete "Hello"    any other word is a program of the project's environment
#
# .env beside this file is read as data: KEY=VALUE lines, nothing in it is expanded or executed, and what the caller has
# set wins. PYTHON names another interpreter than .venv's. stdout belongs to the program; all said here goes to stderr.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
venv=$root/.venv

fail() { printf 'run_with_env.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
say() { printf 'run_with_env.sh: %s\n' "$1" >&2; }

load_env() {
    local file=$1 line key value number=0
    local assignment='^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$'
    local double='^"(([^"\\]|\\.)*)"[[:space:]]*(#.*)?$' single="^'([^']*)'[[:space:]]*(#.*)?\$"
    [[ -e $file ]] || return 0
    [[ -f $file && -r $file ]] || fail "cannot read $file: check its permissions"
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        line=${line%$'\r'}
        [[ $number -eq 1 ]] && line=${line#$'\xef\xbb\xbf'}
        [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
        [[ $line =~ $assignment ]] || fail "$file, line $number: expected KEY=VALUE"
        key=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
        if [[ $value =~ $double ]]; then
            value=${BASH_REMATCH[1]} value=${value//\\\"/\"} value=${value//\\\\/\\}
        elif [[ $value =~ $single ]]; then
            value=${BASH_REMATCH[1]}
        else
            [[ $value == [\"\']* ]] && fail "$file, line $number: the quote of $key is not closed"
            value=${value%%[[:space:]]#*}
            value=${value%"${value##*[![:space:]]}"}
            [[ $value == '#'* ]] && value=
        fi
        [[ -n ${!key+set} ]] || export "$key=$value"
    done <"$file"
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate found=
    for candidate in ${PYTHON:+"$PYTHON"} python3.14 python3.13 python3.12 python3.11 python3 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        found=1
        new_enough "$candidate" && { command -v "$candidate"; return; }
    done
    [[ -n $found ]] && fail "Python 3.11 or newer is needed, and the one found is too old: install it, or set PYTHON"
    fail "Python 3.11 or newer is needed: install it, or set PYTHON to it"
}

# Complete if it was made from today's lock file; the copy is put there last.
is_made() { cmp -s "$root/requirements.lock" "$venv/requirements.lock"; }

make_venv() {
    local python=$1
    say "setting up $venv (once; this downloads the packages in requirements.lock)"
    rm -rf "$venv"
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --python "$python" "$venv" &&
            uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$root/requirements.lock" &&
            uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e "$root"
    else
        "$python" -m venv "$venv" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$root/requirements.lock" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e "$root"
    fi >&2 || fail "could not set up $venv (see above): check the network and run this again"
    cp "$root/requirements.lock" "$venv/requirements.lock"
    say "ready"
}

# Two starting at once: one makes the environment, the other waits. The lock belongs to this shell's descriptor 9, so the
# system gives it up when the shell ends, however it ends.
make_venv_once() {
    local python
    python=$(find_python)
    { exec 9>"$root/.venv.lock"; } 2>/dev/null ||
        fail "cannot write to $root: make it writable, or set PYTHON to a prepared environment"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    is_made || make_venv "$python"
    exec 9>&-
}

[[ $# -gt 0 ]] || fail "usage: run_with_env.sh SERVER.py|-m MODULE|PROGRAM [ARGS]" 2
program=$1

if [[ $program == *.py ]]; then
    if [[ -f $program ]]; then
        [[ $program == /* ]] || program=$PWD/$program
    elif [[ $program != /* && -f $root/$program ]]; then
        program=$root/$program
    else
        fail "no such file: $program (sought from $PWD and from $root)" 127
    fi
fi

load_env "$root/.env"

if [[ -n ${PYTHON:-} ]]; then
    python=$(command -v "$PYTHON") || fail "PYTHON is set to $PYTHON, which is no program" 127
    new_enough "$python" || fail "Python 3.11 or newer is needed, and PYTHON is set to an older one: $PYTHON"
    bin=$(dirname -- "$python")
else
    is_made || make_venv_once
    python=$venv/bin/python bin=$venv/bin
fi
export PATH="$bin:$PATH"

shift
case $program in
    *.py) exec "$python" "$program" "$@" ;;
    -m) exec "$python" -m "$@" ;;
    */*) fail "expected a .py file, -m MODULE or a program's name, got $program" 2 ;;
    *)
        [[ -x $bin/$program ]] || fail "no program $program in $bin" 127
        exec "$bin/$program" "$@"
        ;;
esac
