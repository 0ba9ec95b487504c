# Make the project's environment in .venv, or bring it up to date. run_with_env.sh reads this when something has changed.
#
# It uses `root`, `venv`, `fail` and `say` of run_with_env.sh. Everything runs in the project's folder, and every Python is
# isolated (-I): the folder that a host starts this in may hold a `venv.py` or a `uv.toml`.

is_new_enough() { "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Print the path of the newest Python.
newest_python() {
    local candidate found=
    for candidate in python3.14 python3.13 python3.12 python3.11 python3 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        found=1
        is_new_enough "$candidate" && { command -v "$candidate"; return; }
    done
    [[ -n $found ]] && fail "Python 3.11 or newer is needed, and the one found is too old: install it, or set PYTHON"
    fail "Python 3.11 or newer is needed: install it, or set PYTHON to it"
}

# Write down what an environment is made from, with the dates that is_ready compares. A folder's date is taken before the
# list of its files, and a copy's before its content, so that what changes meanwhile is noticed next time.
write_record() {
    local record=$1 folder folders=()
    for folder in {servers,client}{,/*,/*/*,/*/*/*}/; do
        [[ $folder == */__pycache__/ || ! -d $folder ]] || folders+=("$folder")
    done
    mkdir -p -- "${folders[@]/#/$record/}"
    for folder in "${folders[@]}"; do touch -r "$folder" -- "$record/$folder"; done
    cp -p -- pyproject.toml requirements.lock "$record"
    printf '%s\n' "$root" >"$record/root"
    printf '%s\n' {servers,client}{,/*,/*/*,/*/*/*}/*.{py,json} | LC_ALL=C sort >"$record/files"
}

# Tell whether the record has the same content, whatever the dates, as that of the environment that is there.
has_same() {
    local name
    for name in "$@"; do cmp -s -- "$_env_record/$name" "$venv/made-from/$name" || return 1; done
}
has_packages() { has_same root pyproject.toml requirements.lock; }
has_links() {
    local links=(build/__editable__.*/mcp_models/)
    has_same files && [[ -d ${links[0]} ]]
}

# Put the record where is_ready looks. A folder that cannot be written to only makes the next start slower.
keep_record() { { rm -rf -- "$venv/made-from" && mv -- "$_env_record" "$venv/made-from"; } 2>/dev/null || :; }

# Give the record that is there the dates of the new one, in place: others may be reading it.
keep_dates() {
    local path
    for path in pyproject.toml requirements.lock {servers,client}{,/*,/*/*,/*/*/*}/; do
        [[ -e $_env_record/$path ]] || continue
        { [[ $path != */ ]] || mkdir -p -- "$venv/made-from/$path"; } 2>/dev/null &&
            touch -r "$_env_record/$path" -- "$venv/made-from/$path" 2>/dev/null || :
    done
}

is_up_to_date() {
    write_record "$_env_record"
    has_packages && has_links
}

install_packages() {
    local python=$1
    # Only one that was made elsewhere and copied here is removed: its programs would run the other checkout.
    [[ ! -f $venv/made-from/root ]] || has_same root || rm -rf -- "$venv" build
    if command -v uv >/dev/null 2>&1; then
        { [[ -x $venv/bin/python ]] && is_new_enough "$venv/bin/python" || uv venv --quiet --clear --python "$python" "$venv"; } &&
            uv pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements.lock
    else
        { "$venv/bin/python" -I -m pip --version >/dev/null 2>&1 && is_new_enough "$venv/bin/python" ||
            "$python" -I -m venv --clear "$venv"; } &&
            "$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    fi
}

# `strict` makes a link for each file, so that editors and type checkers find them, and a start costs no more than with a wheel.
install_project() {
    if command -v uv >/dev/null 2>&1; then
        # uv takes the same setting from pyproject.toml, and refuses it given twice.
        uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
    else
        "$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
            --config-settings editable_mode=strict -e .
    fi
}

bring_up_to_date() {
    local new_packages=
    if ! has_packages; then
        say "setting up $venv (once; this downloads the packages in requirements.lock)"
        install_packages "$1" >&2 || fail "could not set up $venv (see above): check the network and run this again"
        new_packages=1
    fi
    say "linking the project's files"
    install_project >&2 || fail "could not link the project's files into $venv (see above)"
    keep_record
    [[ -z $new_packages ]] || say "ready"
}

# Two starting at once: one makes the environment, the other waits. The lock belongs to this shell's descriptor 9, so the
# system gives it up when the shell ends, however it ends.
set_up_once() {
    local python here=$PWD
    cd -- "$root"
    _env_record=$(mktemp -d)/made-from # mktemp's folder is this user's only, and the environment everybody's
    trap 'rm -rf -- "${_env_record%/*}"' EXIT
    if is_up_to_date; then
        keep_dates
    else
        python=$(newest_python)
        { exec 9>.venv.lock; } 2>/dev/null ||
            fail "cannot write to $root: make it writable, or set PYTHON to a prepared environment"
        "$python" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null || {
            say "waiting for another set-up of $venv"
            "$python" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
        }
        is_up_to_date && keep_dates || bring_up_to_date "$python"
        exec 9>&-
    fi
    rm -rf -- "${_env_record%/*}"
    trap - EXIT
    cd -- "$here" 2>/dev/null || :
}

set_up_once
