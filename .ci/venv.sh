#!/bin/sh
# Makes virtual environments of their own from locks with hashes: sh .ci/venv.sh DIRECTORY LOCK [DIRECTORY LOCK ...]
# Once they are made this costs nothing and needs no network. It installs as .ci/setup.sh does: with uv, else with pip.
set -eu

cd "$(dirname "$0")/.."

say() { printf 'venv: %s\n' "$*" >&2; }

is_made() { [ "$(cat "$1/.trimtab-lock" 2>/dev/null)" = "$(cksum <"$2")" ]; }

with_uv() {
    "$uv" pip sync --quiet --compile-bytecode --python "$1/bin/python" --require-hashes --only-binary :all: "$2"
}

with_pip() {
    "$python" -m pip --python "$1/bin/python" install --quiet --no-input --disable-pip-version-check \
        --require-hashes --only-binary :all: -r "$2"
}

# What the installers say is kept back: a machine without a package index hears of it in one line.
made() {
    said=$(mktemp)
    if "$python" -m venv --clear --without-pip "$1" >"$said" 2>&1 &&
        { { bring_uv && with_uv "$1" "$2"; } >"$said" 2>&1 || with_pip "$1" "$2" >>"$said" 2>&1; }; then
        rm -f "$said"
        cksum <"$2" >"$1/.trimtab-lock"
        return
    fi
    say "$1 could not be made from $2 (is a package index within reach?): $(grep . "$said" | tail -n 1)"
    rm -f "$said"
    return 1
}

python=
while [ $# -gt 0 ]; do
    if ! is_made "$1" "$2"; then
        if [ -z "$python" ]; then
            python=$(.venv/bin/python -c 'import sys; print(sys._base_executable)')
            . .ci/uv.sh
            trap drop_uv EXIT
        fi
        say "installing into $1"
        made "$1" "$2"
    fi
    shift 2
done
