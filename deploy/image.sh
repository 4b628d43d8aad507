#!/bin/sh
# Builds the image with buildah: no Docker engine, no daemon. `make image` calls this.
#
#   deploy/image.sh [--local-base] [--tag NAME] [--demo]
#
#   --local-base  make the base image from Debian's packages (needs mmdebstrap) where no image registry is reachable
#   --tag NAME    the image's name                          [localhost/trimtab:latest]
#   --demo        then run `trimtab demo` in it: as uid 10001, on a read-only root, without capabilities (needs runc)
#
# BASE=image      another base image: Debian-like, with python3 (3.11 or newer), its venv module and useradd
# REMAKE=yes      make the local base anew although one is there, with the latest packages
# BUILDAH_FLAGS   flags of buildah itself; default: none where the host lets it, else vfs storage and chroot isolation
#
# It needs root or a user with subordinate uids (/etc/subuid), and a way to a package index for pip: your pip's own
# configuration and certificate authority are handed to the build as secrets, so that they stay in no layer.
set -eu

cd "$(dirname "$0")/.."

LOCAL_BASE=localhost/trimtab-base:bookworm
tag=localhost/trimtab:latest
local_base=no
demo=no

say() { printf 'image: %s\n' "$*" >&2; }
refuse() { say "$*"; exit 2; }
need() { command -v "$1" >/dev/null 2>&1 || refuse "$1 is needed and is not here: apt install $2"; }

while [ $# -gt 0 ]; do
    case $1 in
        --local-base) local_base=yes ;;
        --demo) demo=yes ;;
        --tag) [ $# -gt 1 ] || refuse "--tag wants a name"; tag=$2; shift ;;
        *) refuse "unknown option $1 (there are --local-base, --tag NAME and --demo)" ;;
    esac
    shift
done

need buildah buildah
[ "$local_base" = no ] || need mmdebstrap mmdebstrap
if [ "$demo" = yes ]; then
    command -v crun >/dev/null 2>&1 || need runc runc
    [ "$(id -u)" = 0 ] || refuse "--demo mounts the image and so needs root"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/trimtab-image.XXXXXX")
leave() { rm -rf "$work"; }
trap leave EXIT
trap 'exit 130' INT TERM

# A machine whose kernel knows no overlay file systems or no new namespaces still builds, only slower.
if [ -z "${BUILDAH_FLAGS+set}" ]; then
    if grep -qw overlay /proc/filesystems; then BUILDAH_FLAGS=; else BUILDAH_FLAGS="--storage-driver vfs"; fi
fi
isolation=${BUILDAH_ISOLATION:-chroot}

# shellcheck disable=SC2086 # flags are words on purpose
builder() { buildah $BUILDAH_FLAGS "$@"; }

make_base() {
    say "making $LOCAL_BASE from Debian's packages"
    mmdebstrap --quiet --variant=essential --include=ca-certificates,passwd,python3,python3-venv \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        bookworm "$work/base.tar"
    container=$(builder from scratch)
    builder add --quiet "$container" "$work/base.tar" / >/dev/null
    builder config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env LANG=C.UTF-8 "$container"
    builder commit --quiet --rm "$container" "$LOCAL_BASE" >/dev/null
    rm "$work/base.tar"
}

# The first of pip's own files that is there; what the environment says goes before it, as with pip.
pip_conf() {
    if [ -n "${PIP_INDEX_URL:-}${PIP_EXTRA_INDEX_URL:-}" ]; then
        echo '[global]'
        [ -z "${PIP_INDEX_URL:-}" ] || echo "index-url = $PIP_INDEX_URL"
        [ -z "${PIP_EXTRA_INDEX_URL:-}" ] || echo "extra-index-url = $PIP_EXTRA_INDEX_URL"
        return
    fi
    for file in "${PIP_CONFIG_FILE:-}" "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf" "$HOME/.pip/pip.conf" \
        /etc/pip.conf /etc/xdg/pip/pip.conf; do
        if [ -n "$file" ] && [ -f "$file" ]; then cat "$file"; return; fi
    done
}

pip_ca() {
    for file in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
        if [ -n "$file" ] && [ -f "$file" ]; then cat "$file"; return; fi
    done
}

if [ "$local_base" = yes ]; then
    BASE=$LOCAL_BASE
    if [ "${REMAKE:-no}" = yes ] || ! builder inspect --type image "$BASE" >/dev/null 2>&1; then make_base; fi
fi

umask 077
pip_conf >"$work/pip_conf"
pip_ca >"$work/pip_ca"

say "building $tag on ${BASE:-the default base}"
# --format docker: the OCI format has no place for a health check.
builder build --quiet --format docker --isolation "$isolation" ${BASE:+--build-arg "BASE=$BASE"} \
    --secret "id=pip_conf,src=$work/pip_conf" --secret "id=pip_ca,src=$work/pip_ca" \
    --tag "$tag" --file Dockerfile . >"$work/id" || refuse "the build failed, as said above (where no registry can be reached: --local-base)"
say "built $tag: $(cat "$work/id")"

if [ "$demo" = yes ]; then
    BUILDAH_FLAGS=$BUILDAH_FLAGS sh deploy/image-run.sh "$tag" demo --fast
fi
