#!/bin/sh
# Makes a virtual environment of its own from a lock with hashes: sh .ci/venv.sh DIRECTORY LOCK
# Once it is made this costs nothing and needs no network.
set -eu

cd "$(dirname "$0")/.."
venv=$1
lock=$2
stamp=$venv/.trimtab-lock

if [ "$(cat "$stamp" 2>/dev/null)" != "$(cksum <"$lock")" ]; then
    python=$(.venv/bin/python -c 'import sys; print(sys._base_executable)')
    "$python" -m venv --clear --without-pip "$venv"
    if command -v uv >/dev/null 2>&1; then
        UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}" uv pip sync --quiet --python "$venv/bin/python" --require-hashes --only-binary :all: "$lock"
    else
        PIP_ROOT_USER_ACTION=ignore "$python" -m pip --python "$venv/bin/python" install --quiet --quiet --no-input \
            --disable-pip-version-check --require-hashes --only-binary :all: -r "$lock"
    fi
    cksum <"$lock" >"$stamp"
fi
