# Makes the project's environment in .venv, or brings it up to date. run_with_env.sh reads this if something has changed.
#
# It sets nothing that run_with_env.sh needs; it uses `root`, `venv`, `fail` and `say`. Every Python runs isolated (-I), as the
# folder that this is started in may hold a `venv.py`.

new_enough() { "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate found=
    for candidate in python3.14 python3.13 python3.12 python3.11 python3 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        found=1
        new_enough "$candidate" && { command -v "$candidate"; return; }
    done
    [[ -n $found ]] && fail "Python 3.11 or newer is needed, and the one found is too old: install it, or set PYTHON"
    fail "Python 3.11 or newer is needed: install it, or set PYTHON to it"
}

# What the environment is made from: the copy of it is put there last.
recipe() { printf '%s\n' "$root"; cat -- "$root/pyproject.toml" "$root/requirements.lock"; }
has_recipe() { cmp -s <(recipe) "$venv/made-from"; }

# The project's files as the editable install links them, one for one: a new one needs a new link.
files() { (cd -- "$root" && printf '%s\n' {servers,client}{,/*,/*/*}/*.{py,json} | LC_ALL=C sort); }
has_files() { cmp -s <(files) "$venv/linked-files"; }

# `strict` links every file, so that editors and type checkers find them, and a start costs no more than with a wheel.
install_project() {
    say "linking the project's files"
    if command -v uv >/dev/null 2>&1; then
        # uv takes the same setting from pyproject.toml, and refuses it given twice.
        (cd -- "$root" && uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .)
    else
        "$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
            --config-settings editable_mode=strict -e "$root"
    fi
}

install_packages() {
    local python=$1
    say "setting up $venv (once; this downloads the packages in requirements.lock)"
    # Only one that was made elsewhere and copied here is removed: its programs would run the other checkout.
    [[ -f $venv/made-from && $(head -n 1 -- "$venv/made-from") != "$root" ]] && rm -rf -- "$venv" "$root/build"
    if command -v uv >/dev/null 2>&1; then
        { [[ -x $venv/bin/python ]] && new_enough "$venv/bin/python" || uv venv --quiet --clear --python "$python" "$venv"; } &&
            uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$root/requirements.lock"
    else
        { "$venv/bin/python" -I -m pip --version >/dev/null 2>&1 && new_enough "$venv/bin/python" ||
            "$python" -I -m venv --clear "$venv"; } &&
            "$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --require-hashes -r "$root/requirements.lock"
    fi
}

bring_up_to_date() {
    local python=$1 made_again=
    has_recipe && has_files && { touch -- "$venv/made-from"; return; }
    {
        has_recipe || { install_packages "$python" && made_again=1; }
    } >&2 || fail "could not set up $venv (see above): check the network and run this again"
    install_project >&2 || fail "could not link the project's files into $venv (see above)"
    files >"$venv/linked-files"
    recipe >"$venv/made-from"
    [[ -z $made_again ]] || say "ready"
}

# Two starting at once: one makes the environment, the other waits. The lock belongs to this shell's descriptor 9, so the
# system gives it up when the shell ends, however it ends.
set_up_once() {
    local python
    has_recipe && has_files && { touch -- "$venv/made-from"; return; }
    python=$(find_python)
    { exec 9>"$root/.venv.lock"; } 2>/dev/null ||
        fail "cannot write to $root: make it writable, or set PYTHON to a prepared environment"
    "$python" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null || {
        say "waiting for another set-up of $venv"
        "$python" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    }
    bring_up_to_date "$python"
    exec 9>&-
}

set_up_once
