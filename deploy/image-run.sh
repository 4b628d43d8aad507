#!/bin/sh
# Runs a command of an image that buildah built, as compose.yaml would run it, without any container engine:
# runc (or crun) starts it as uid 10001, on a read-only root, without capabilities and without a way to gain any.
#
#   deploy/image-run.sh IMAGE [ARGUMENT ...]        e.g.  deploy/image-run.sh localhost/trimtab:latest demo --fast
#   deploy/image-run.sh IMAGE -- COMMAND ...        another command of the image than trimtab
#
# CONFIG=FOLDER   is mounted at /etc/trimtab, read-only; what is named TRIMTAB_... goes in as well
#
# /tmp and /var/lib/trimtab are the only places that can be written; both live in memory and are gone afterwards.
# The container shares this machine's network, as `--network host` does. Needs root, buildah, python3, and runc or crun.
set -eu

say() { printf 'image-run: %s\n' "$*" >&2; }
refuse() { say "$*"; exit 2; }
need() { command -v "$1" >/dev/null 2>&1 || refuse "$1 is needed and is not here: apt install $1"; }

[ $# -gt 0 ] || refuse "usage: image-run.sh IMAGE [ARGUMENT ...]"
need buildah
need python3
if command -v runc >/dev/null 2>&1; then runtime=runc; else need crun; runtime=crun; fi
[ "$(id -u)" = 0 ] || refuse "it mounts the image and so needs root"
image=$1
shift

# shellcheck disable=SC2086 # flags are words on purpose
builder() { buildah ${BUILDAH_FLAGS:-} "$@"; }

bundle=$(mktemp -d "${TMPDIR:-/tmp}/trimtab-run.XXXXXX")
name=trimtab-$$
container=$(builder from --pull-never "$image") || refuse "there is no image $image here: deploy/image.sh builds it"
leave() {
    "$runtime" --root "$bundle/runtime" delete --force "$name" >/dev/null 2>&1 || :
    builder umount "$container" >/dev/null 2>&1 || :
    builder rm "$container" >/dev/null 2>&1 || :
    rm -rf "$bundle"
}
trap leave EXIT
trap 'exit 130' INT TERM

root=$(builder mount "$container")
builder inspect "$container" >"$bundle/image.json"
# The runtime's own default seccomp profile is the container engine's, not runc's: it is not part of this.
python3 - "$bundle" "$root" "$@" <<'PYTHON'
import json
import os
import sys
from pathlib import Path

bundle, root, *arguments = sys.argv[1:]
image = json.loads(Path(bundle, "image.json").read_text())["Docker"]["config"]
private = ["nosuid", "nodev", "noexec", "size=2g"]
home = ["nosuid", "nodev", "noexec", "size=2g", "mode=0700", "uid=10001", "gid=10001"]
uid, gid = (int(part) for part in image["User"].split(":"))
folder = os.environ.get("CONFIG")
config = [{"destination": "/etc/trimtab", "type": "bind", "source": folder, "options": ["rbind", "ro"]}] if folder else []
settings = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("TRIMTAB_")]
nothing = {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")}


def tmpfs(place: str, options: list[str]) -> dict[str, object]:
    return {"destination": place, "type": "tmpfs", "source": "tmpfs", "options": options}


spec = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": uid, "gid": gid},
        "args": arguments[1:] if arguments[:1] == ["--"] else [*image["Entrypoint"], *(arguments or image["Cmd"])],
        "env": [*image["Env"], *settings, "HOME=/var/lib/trimtab", "COLUMNS=120"],
        "cwd": image["WorkingDir"],
        "capabilities": nothing,
        "noNewPrivileges": True,
    },
    "root": {"path": root, "readonly": True},
    "hostname": "trimtab",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
        tmpfs("/dev", ["nosuid", "noexec", "mode=755", "size=64k"]),
        tmpfs("/tmp", [*private, "mode=1777"]),
        tmpfs("/var/lib/trimtab", home),
        *config,
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/sysrq-trigger", "/proc/timer_list"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
    },
}
Path(bundle, "config.json").write_text(json.dumps(spec))
PYTHON

say "uid 10001, read-only root, no capabilities: $*"
"$runtime" --root "$bundle/runtime" run --bundle "$bundle" "$name"
