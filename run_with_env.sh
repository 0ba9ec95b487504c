#!/usr/bin/env bash
# Run a server or a program of this project with the keys in .env, in the project's own environment, made on first use.
#
#   run_with_env.sh servers/openai_mcp_server.py   a .py file or -m MODULE goes to the project's Python
#   run_with_env.sh mcp-models complete "Hello"    any other word is a program of the project's environment
#
# .env beside this file is read as data: KEY=VALUE lines, nothing in it is expanded or executed, and what the caller has
# set wins. PYTHON names another interpreter than .venv's. stdout belongs to the program; all said here goes to stderr.
# A host waits for this at every start, so it runs no other program where it can do without, and reads set_up_env.sh, which
# makes the environment, only when something has changed. It has to run in bash 3.2, which macOS has.
[ -n "${BASH_VERSION:-}" ] || { echo "run_with_env.sh: this needs bash: run it as \`bash $0\`" >&2; exit 2; }
set -euo pipefail

fail() { printf 'run_with_env.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
say() { printf 'run_with_env.sh: %s\n' "$1" >&2; }

# Variables outside of functions begin with _env_, a prefix that .env must not use. All others are local, so that those of
# the same name in .env or in the caller's environment reach the program.
_env_keys=() _env_values=() _env_command=()
_env_most_bytes=65536 _env_most_lines=1000
_env_taken='^(_env_.*|BASH.*|SHELLOPTS|E?UID|PPID|GROUPS|DIRSTACK|FUNCNAME|PIPESTATUS|LINENO|HISTCMD|S?RANDOM|(EPOCH)?SECONDS|EPOCHREALTIME|_)$'

# Read .env into two arrays. LC_ALL=C: what is no valid UTF-8 passes as it is, and A-Z are 26 letters.
load_env() {
    local LC_ALL=C file=$1 line key value number=0
    local assignment='^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$'
    local double='^"(([^"\\]|\\.)*)"[[:space:]]*(#.*)?$' single="^'([^']*)'[[:space:]]*(#.*)?\$"
    [[ -f $file && -r $file ]] || fail "cannot read $file: check its permissions"
    check_size_and_mode "$file"
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        [[ $number -le $_env_most_lines ]] || fail "$file has more than $_env_most_lines lines: it is for settings only"
        line=${line%$'\r'}
        [[ $number -eq 1 ]] && line=${line#$'\xef\xbb\xbf'}
        [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
        [[ $line =~ $assignment ]] || fail "$file, line $number: expected KEY=VALUE"
        key=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
        [[ $key =~ $_env_taken ]] && fail "$file, line $number: bash and this script use the name $key themselves: take another one"
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

# Refuse a file that would take long to read, and warn of one with keys that other users of this machine can open. A file
# with nothing to say about is not looked at again until it changes: `ls` takes as long as all the rest.
check_size_and_mode() {
    local looked_at=$root/.venv/looked-at.env listed
    [[ $1 -nt $looked_at || $1 -ot $looked_at ]] || return 0
    listed=($(ls -ldnL -- "$1")) # -rw------- 1 1000 1000 SIZE …
    [[ ${listed[4]} -le $_env_most_bytes ]] || fail "$1 has more than $_env_most_bytes bytes: it is for settings only"
    case ${listed[0]:4:6} in # the group's rights and everybody's: rwxrwx
        ?w* | ????w*) say "other users can write to $1: run \`chmod 600 $1\`" ;;
        r* | ???r*) say "other users can read $1: run \`chmod 600 $1\`" ;;
        *) [[ ! -d $root/.venv ]] || touch -r "$1" -- "$looked_at" 2>/dev/null || : ;;
    esac
}

# Export what .env says. What the caller has set wins, and of two lines with one key the first.
export_env() {
    local _env_index _env_key _env_exported=
    for ((_env_index = 0; _env_index < ${#_env_keys[@]}; _env_index++)); do
        _env_key=${_env_keys[_env_index]}
        if [[ -n ${!_env_key+set} ]]; then # by the caller, by a line above, or by bash itself, which exports nothing
            [[ -n $_env_exported ]] || _env_exported=$'\n'$(compgen -e)$'\n'
            [[ $_env_exported != *$'\n'$_env_key$'\n'* ]] || continue
        fi
        [[ -z $_env_exported ]] || _env_exported+=$_env_key$'\n'
        export "$_env_key=${_env_values[_env_index]}"
    done
}

# Tell whether the environment was made here, and from the files and folders as they are: made-from has copies of them with
# the same dates. Another date does not yet mean a change: set_up_env.sh looks closer.
is_ready() {
    local made_in copy original links
    { IFS= read -r made_in <"$venv/made-from/root"; } 2>/dev/null || return 1
    links=("$root"/build/__editable__.*/mcp_models/)
    [[ $made_in == "$root" && -d ${links[0]} ]] || return 1
    for copy in "$venv"/made-from/{pyproject.toml,requirements.lock,{servers,client}{,/*,/*/*,/*/*/*}/}; do
        original=$root/${copy#"$venv/made-from/"}
        [[ ! ($copy -nt $original || $copy -ot $original) ]] || return 1
    done
}

# Set `root` to the folder of this file, not to that of a link to it, and without a process.
find_root() {
    local self=${BASH_SOURCE[0]} link here=$PWD
    while [[ -L $self ]]; do
        link=$(readlink -- "$self")
        [[ $link == /* ]] && self=$link || self=${self%"${self##*/}"}$link
    done
    self=${self%"${self##*/}"}
    CDPATH='' cd -P -- "${self:-.}"
    root=$PWD
    cd -- "$here" 2>/dev/null || : # the folder that it was started in may be gone
}

# Set `python`, and make or mend the environment unless PYTHON names one.
find_python() {
    local interpreter=${PYTHON:-} venv=$root/.venv index
    for ((index = 0; index < ${#_env_keys[@]}; index++)); do
        [[ ${_env_keys[index]} != PYTHON || -n $interpreter ]] || interpreter=${_env_values[index]}
    done
    if [[ -n $interpreter ]]; then
        python=$(command -v "$interpreter") || fail "PYTHON is set to $interpreter, which is no program" 127
        "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
            fail "Python 3.11 or newer is needed, and PYTHON is set to an older one: $interpreter"
    else
        [[ -f $root/pyproject.toml && -f $root/requirements.lock && -f $root/set_up_env.sh ]] ||
            fail "$root is no checkout of mcp-models: run this file from where it was cloned to, or set PYTHON"
        is_ready || . "$root/set_up_env.sh"
        python=$venv/bin/python
    fi
}

# Put together what is to be run.
prepare() {
    local root python bin program=${1:-}
    [[ $# -gt 0 ]] || fail "usage: run_with_env.sh SERVER.py|-m MODULE|PROGRAM [ARGS]" 2
    shift
    find_root
    # The project's own servers first: a host may start this in a folder that is not to be trusted.
    if [[ $program == *.py && $program != /* ]]; then
        if [[ -f $root/$program ]]; then
            program=$root/$program
        elif [[ -f $program ]]; then
            program=$PWD/$program
        fi
    fi
    [[ $program != *.py || -f $program ]] || fail "no such file: $program (sought from $root and from $PWD)" 127
    [[ ! -e $root/.env ]] || load_env "$root/.env"
    find_python
    bin=${python%/*}
    export PATH="$bin:$PATH"
    case $program in
        *.py) _env_command=("$python" "$program" "$@") ;;
        -m)
            # -P: the folder that this is started in must not stand in for the project's modules, or for Python's own.
            _env_command=("$python" -P -m "$@")
            [[ -z ${1:-} || ! -d $root/${1%%.*} ]] || export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
            ;;
        */*) fail "expected a .py file, -m MODULE or a program's name, got $program" 2 ;;
        *)
            [[ -x $bin/$program ]] || fail "no program $program in $bin" 127
            _env_command=("$bin/$program" "$@")
            ;;
    esac
}

prepare "$@"
export_env
exec "${_env_command[@]}"
