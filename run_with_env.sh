#!/usr/bin/env bash
# Runs a server or a program of this project with the keys in .env, in the project's own environment, made on first use.
#
#   run_with_env.sh servers/openai_mcp_server.py   a .py file or -m MODULE goes to the project's Python
#   run_with_env.sh mcp-models complete "Hello"    any other word is a program of the project's environment
#
# .env beside this file is read as data: KEY=VALUE lines, nothing in it is expanded or executed, and what the caller has
# set wins. PYTHON names another interpreter than .venv's. stdout belongs to the program; all said here goes to stderr.
# Starting a program costs a few milliseconds: no other program is run on the way to it, and set_up_env.sh, which makes
# the environment, is read only if something has changed.
[ -n "${BASH_VERSION:-}" ] || { echo "run_with_env.sh: this needs bash: run it as \`bash $0\`" >&2; exit 2; }
set -euo pipefail
unset CDPATH

fail() { printf 'run_with_env.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
say() { printf 'run_with_env.sh: %s\n' "$1" >&2; }

# The folder of this file, not that of a link to it.
self=${BASH_SOURCE[0]}
while [[ -L $self ]]; do
    link=$(readlink -- "$self")
    [[ $link == /* ]] && self=$link || self=${self%"${self##*/}"}$link
done
here=$PWD folder=${self%"${self##*/}"}
cd -P -- "${folder:-.}"
root=$PWD venv=$PWD/.venv
cd -- "$here" 2>/dev/null || : # the folder that it was started in may be gone

# Gathers .env into two arrays; they are exported at the very end, as a key may have the name of a variable of this script.
_env_keys=() _env_values=()
MAX_ENV_LINES=1000 MAX_ENV_LINE=65536
load_env() {
    local file=$1 line key value mode number=0
    local assignment='^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$'
    local double='^"(([^"\\]|\\.)*)"[[:space:]]*(#.*)?$' single="^'([^']*)'[[:space:]]*(#.*)?\$"
    [[ -f $file && -r $file ]] || fail "cannot read $file: check its permissions"
    mode=$(ls -ldL -- "$file")
    [[ ${mode:5:1}${mode:8:1} == *w* ]] && say "other users can write to $file: run \`chmod 600 $file\`"
    while IFS= read -r -n $((MAX_ENV_LINE + 1)) line || [[ -n $line ]]; do
        number=$((number + 1))
        [[ $number -le $MAX_ENV_LINES ]] || fail "$file has more than $MAX_ENV_LINES lines: it is for settings only"
        [[ ${#line} -le $MAX_ENV_LINE ]] || fail "$file, line $number: it has more than $MAX_ENV_LINE characters"
        line=${line%$'\r'}
        [[ $number -eq 1 ]] && line=${line#$'\xef\xbb\xbf'}
        [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
        [[ $line =~ $assignment ]] || fail "$file, line $number: expected KEY=VALUE"
        key=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
        [[ $key =~ ^(_env_.*|BASH.*|SHELLOPTS|EUID|UID|PPID|_)$ ]] &&
            fail "$file, line $number: bash and this script use the name $key themselves: take another one"
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
    local _env_index _env_exported=$1
    for ((_env_index = 0; _env_index < ${#_env_keys[@]}; _env_index++)); do
        [[ $_env_exported == *$'\n'${_env_keys[_env_index]}$'\n'* ]] && continue
        _env_exported+=${_env_keys[_env_index]}$'\n'
        export "${_env_keys[_env_index]}=${_env_values[_env_index]}"
    done
}

# Whether the environment was made here, and since then neither what it is made from nor the list of the project's files
# has changed. A newer date does not yet mean a change: set_up_env.sh looks closer.
is_ready() {
    local made_for path
    { IFS= read -r made_for <"$venv/made-from"; } 2>/dev/null || return 1
    [[ $made_for == "$root" ]] || return 1
    for path in "$root"/{pyproject.toml,requirements.lock} "$root"/{servers,client}{,/*,/*/*}/; do
        [[ $path == */__pycache__/ || ! $path -nt $venv/made-from ]] || return 1
    done
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

exported=
if [[ -e $root/.env ]]; then
    exported=$'\n'$(compgen -e)$'\n'
    load_env "$root/.env"
    for ((i = ${#_env_keys[@]} - 1; i >= 0; i--)); do
        [[ ${_env_keys[i]} == PYTHON && -z ${PYTHON:-} ]] && PYTHON=${_env_values[i]}
    done
fi

if [[ -n ${PYTHON:-} ]]; then
    python=$(command -v "$PYTHON") || fail "PYTHON is set to $PYTHON, which is no program" 127
    "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "Python 3.11 or newer is needed, and PYTHON is set to an older one: $PYTHON"
    bin=${python%/*}
else
    [[ -f $root/pyproject.toml && -f $root/requirements.lock && -f $root/set_up_env.sh ]] ||
        fail "$root is no checkout of mcp-models: run this file from where it was cloned to, or set PYTHON"
    is_ready || . "$root/set_up_env.sh"
    python=$venv/bin/python bin=$venv/bin
fi
export PATH="$bin:$PATH"

# -P: a folder that this is started in must not stand in for the project's modules, or for Python's own.
case $program in
    *.py) set -- "$python" "$program" "$@" ;;
    -m)
        module=${1:-}
        [[ -z $module || ! -d $root/${module%%.*} ]] || export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
        set -- "$python" -P -m "$@"
        ;;
    */*) fail "expected a .py file, -m MODULE or a program's name, got $program" 2 ;;
    *)
        [[ -x $bin/$program ]] || fail "no program $program in $bin" 127
        set -- "$bin/$program" "$@"
        ;;
esac
[[ -z $exported ]] || export_env "$exported"
exec "$@"
