#!/bin/sh
# Builds the documentation strictly into ./site, with tools of its own from a lock with hashes (.venv-docs).
# Once the tools are there it needs no network.
set -eu

cd "$(dirname "$0")/.."
venv=.venv-docs
lock=requirements-docs.lock
stamp=$venv/.trimtab-docs

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
NO_MKDOCS_2_WARNING=1 "$venv/bin/python" -m mkdocs build --strict --quiet --config-file .ci/mkdocs.yml
echo "docs: site/index.html"
