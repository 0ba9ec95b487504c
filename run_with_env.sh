#!/usr/bin/env bash
# Runs a server or a program of this project with the keys in .env, in the project's own environment, made on first use.
#
#   run_with_env.sh servers/openai_mcp_server.py   a .py file or -m MODULE goes to the project's Python
#   run_with_env.sh mcp-models complete "Hello"    any other word is a program of the project's environment
#
# .env beside this file is read as data: KEY=VALUE lines, nothing in it is expanded or executed, and what the caller has
# set wins. PYTHON names another interpreter than .venv's. stdout belongs to the program; all said here goes to stderr.
[ -n "${BASH_VERSION:-}" ] || { echo "run_with_env.sh: this needs bash: run it as \`bash $0\`" >&2; exit 2; }
set -euo pipefail
_env_exported=$'\n'$(compgen -e)$'\n'
unset CDPATH

# The folder of this file, not that of a link to it.
self=${BASH_SOURCE[0]}
while [[ -L $self ]]; do
    link=$(readlink -- "$self")
    [[ $link == /* ]] && self=$link || self=$(dirname -- "$self")/$link
done
root=$(cd -- "$(dirname -- "$self")" && pwd -P)
venv=$root/.venv

fail() { printf 'run_with_env.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
say() { printf 'run_with_env.sh: %s\n' "$1" >&2; }

# Gathers .env into two arrays; they are exported at the very end, as a key may have the name of a variable of this script.
_env_keys=() _env_values=()
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
            [[ $value == [\"\']* ]] && fail "$file, line $number: the quotes of $key do not enclose its value"
            value=${value%%[[:space:]]#*}
            value=${value%"${value##*[![:space:]]}"}
            [[ $value == '#'* ]] && value=
        fi
        _env_keys+=("$key") _env_values+=("$value")
    done <"$file"
}

# What the host has set wins, and of two lines with one key the first.
export_env() {
    local _env_index
    for ((_env_index = 0; _env_index < ${#_env_keys[@]}; _env_index++)); do
        [[ $_env_exported == *$'\n'${_env_keys[_env_index]}$'\n'* ]] && continue
        _env_exported+=${_env_keys[_env_index]}$'\n'
        export "${_env_keys[_env_index]}=${_env_values[_env_index]}"
    done
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

# What the environment is made from: the copy of it is put there last.
recipe() { printf '%s\n' "$root"; cat -- "$root/pyproject.toml" "$root/requirements.lock"; }
is_made() { cmp -s <(recipe) "$venv/made-from"; }

make_venv() {
    local python=$1
    say "setting up $venv (once; this downloads the packages in requirements.lock)"
    # Only one that was made elsewhere and copied here is removed: its programs would run the other checkout.
    [[ -f $venv/made-from && $(head -n 1 -- "$venv/made-from") != "$root" ]] && rm -rf -- "$venv"
    if command -v uv >/dev/null 2>&1; then
        { [[ -x $venv/bin/python ]] && new_enough "$venv/bin/python" || uv venv --quiet --clear --python "$python" "$venv"; } &&
            uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$root/requirements.lock" &&
            uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e "$root"
    else
        { "$venv/bin/python" -m pip --version >/dev/null 2>&1 && new_enough "$venv/bin/python" || "$python" -m venv --clear "$venv"; } &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$root/requirements.lock" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e "$root"
    fi >&2 || fail "could not set up $venv (see above): check the network and run this again"
    recipe >"$venv/made-from"
    say "ready"
}

# Two starting at once: one makes the environment, the other waits. The lock belongs to this shell's descriptor 9, so the
# system gives it up when the shell ends, however it ends.
make_venv_once() {
    local python
    python=$(find_python)
    { exec 9>"$root/.venv.lock"; } 2>/dev/null ||
        fail "cannot write to $root: make it writable, or set PYTHON to a prepared environment"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null || {
        say "waiting for another set-up of $venv"
        "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    }
    is_made || make_venv "$python"
    exec 9>&-
}

[[ $# -gt 0 ]] || fail "usage: run_with_env.sh SERVER.py|-m MODULE|PROGRAM [ARGS]" 2
program=$1
shift

# The project's own servers first: a host may start this in a folder that is not to be trusted.
if [[ $program == *.py && $program != /* ]]; then
    if [[ -f $root/$program ]]; then
        program=$root/$program
    elif [[ -f $program ]]; then
        program=$PWD/$program
    fi
fi
[[ $program != *.py || -f $program ]] || fail "no such file: $program (sought from $root and from $PWD)" 127

load_env "$root/.env"
for ((i = ${#_env_keys[@]} - 1; i >= 0; i--)); do
    [[ ${_env_keys[i]} == PYTHON && -z ${PYTHON:-} ]] && PYTHON=${_env_values[i]}
done

if [[ -n ${PYTHON:-} ]]; then
    python=$(command -v "$PYTHON") || fail "PYTHON is set to $PYTHON, which is no program" 127
    new_enough "$python" || fail "Python 3.11 or newer is needed, and PYTHON is set to an older one: $PYTHON"
    bin=$(dirname -- "$python")
else
    [[ -f $root/pyproject.toml && -f $root/requirements.lock ]] ||
        fail "$root is no checkout of mcp-models: run this file from where it was cloned to, or set PYTHON"
    is_made || make_venv_once
    python=$venv/bin/python bin=$venv/bin
fi
export PATH="$bin:$PATH"

case $program in
    *.py) set -- "$python" "$program" "$@" ;;
    -m) set -- "$python" -m "$@" ;;
    */*) fail "expected a .py file, -m MODULE or a program's name, got $program" 2 ;;
    *)
        [[ -x $bin/$program ]] || fail "no program $program in $bin" 127
        set -- "$bin/$program" "$@"
        ;;
esac
export_env
exec "$@"
