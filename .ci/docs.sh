#!/bin/sh
# Builds the documentation strictly into ./site, with tools of its own from a lock with hashes (.venv-docs).
set -eu

cd "$(dirname "$0")/.."
sh .ci/venv.sh .venv-docs requirements-docs.lock
NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --strict --quiet --config-file .ci/mkdocs.yml
echo "docs: site/index.html"
