#!/bin/sh
# Makes .venv with the `trimtab` command in it, from the lock alone. `make setup` calls this.
#
# What it needs: python3 (3.11 or newer) with pip. Nothing else: no uv, no venv or ensurepip package (Debian
# splits them off), no configuration. Every download is checked against a hash in a lock.
# Order of means: a uv that is there; else the pinned uv, brought by pip; else pip alone, which is slower but
# follows pip's own configuration where a machine has told only pip how to reach an index.
# Done once, it costs a few milliseconds: the stamp holds a checksum of all that it depends on, and the place.
set -eu

cd "$(dirname "$0")/.."
root=$(pwd -P)
lock=requirements-dev.lock
venv=.venv
stamp=$venv/.trimtab-setup

say() { printf 'setup: %s\n' "$*" >&2; }

modern() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if modern "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    say "Python 3.11 or newer is needed; found $("${PYTHON:-python3}" --version 2>&1 || echo none). Set PYTHON=/path/to/python3.11"
    return 1
}

wanted() {
    cat "$lock" pyproject.toml bot/__init__.py .ci/setup.sh .ci/uv.sh .ci/bootstrap.lock | cksum
    printf '%s\n' "$root"
}

# The commands of a copied or moved .venv still run the tree that it was made in.
moved() { [ -f "$stamp" ] && [ "$(tail -n 1 "$stamp")" != "$root" ]; }

with_uv() {
    modern "$venv/bin/python" || "$1" venv --quiet --clear --no-project --python "$python" "$venv" || return 1
    "$1" pip sync --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes --only-binary :all: "$lock" &&
        "$1" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
}

# pip in the outer Python installs into the inner one, so the inner one needs neither pip nor ensurepip.
with_pip() {
    modern "$venv/bin/python" || "$python" -m venv --clear --without-pip "$venv" || return 1
    inner="$python -m pip --python $venv/bin/python install --quiet --no-input --disable-pip-version-check"
    $inner --require-hashes --only-binary :all: -r "$lock" &&
        $inner --no-deps --no-build-isolation --editable .
}

if [ -x "$venv/bin/trimtab" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(wanted)" ]; then
    exit 0
fi

. .ci/uv.sh
python=$(find_python)
say "installing into $venv with $("$python" --version) ($python)"
if moved; then rm -rf "$venv"; else rm -f "$stamp"; fi
if bring_uv && with_uv "$uv"; then
    :
else
    say "uv could not install; trying pip alone"
    with_pip
fi
drop_uv
wanted >"$stamp"
say "done: $venv/bin/trimtab"
