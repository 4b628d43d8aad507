# Sourced by what installs from a lock: uv, from the machine or for as long as it is needed.
# The caller is at the root of the tree and has set `python`.

# The variables of a calling environment that would lead an installer elsewhere: we choose interpreter and place.
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET PIP_PREFIX || :
export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}" PIP_ROOT_USER_ACTION=ignore
tools=.tools

# Sets `uv` to one that is there, or to the pinned one, which pip brings. Fails when there is none.
bring_uv() {
    if command -v uv >/dev/null 2>&1; then uv=uv; else uv=$tools/bin/uv; fi
    [ "$uv" = uv ] || [ -x "$uv" ] || "$python" -m pip install --quiet --no-input --disable-pip-version-check \
        --require-hashes --only-binary :all: --no-deps --upgrade --target "$tools" -r .ci/bootstrap.lock
}

# 40 MB that nothing needs any more.
drop_uv() { rm -rf "$tools"; }
