"""The promises of image and compose files: no rights that are not needed, no order without being asked, no secret."""

from __future__ import annotations

import re

import pytest

from bot.runtime.golive import CONFIRM_VARIABLE
from bot.runtime.secrets import FILE_VARIABLES
from bot.runtime.settings_load import load
from tests.deploy.kit import COMPOSE, DEPLOY, ROOT, document, seconds, services, text

ALL = sorted(services("compose.yaml"))
UID = "10001"


@pytest.mark.parametrize("name", ALL)
def test_no_service_has_rights_that_it_does_not_need(name: str) -> None:
    """Read-only root, no capabilities, no way to gain any, never root, bounded memory, processes and logs."""
    service = services("compose.yaml")[name]

    assert service["read_only"] is True
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert not service["user"].startswith("0")
    assert {"mem_limit", "pids_limit", "cpus", "logging"} <= set(service)
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)


@pytest.mark.parametrize("name", ALL)
def test_every_image_is_pinned(name: str) -> None:
    """What runs beside the daemon does not change by itself."""
    image = services("compose.yaml")[name]["image"]

    assert name == "trimtab" or re.fullmatch(r"docker\.io/\S+:v?\d+\.\d+\.\d+", image)


def test_only_loopback_is_published() -> None:
    """No port is reachable from another machine, and the metrics' network leads nowhere."""
    ports = [port for service in services("compose.yaml").values() for port in service.get("ports", ())]

    assert ports
    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]
    assert {"internal": True} == document(COMPOSE / "compose.yaml")["networks"]["metrics"]
    assert ["metrics"] == services("compose.yaml")["prometheus"]["networks"]


def test_compose_starts_a_dry_run() -> None:
    """compose.yaml alone sends no real order and needs no secret."""
    service = services("compose.yaml")["trimtab"]

    assert ["run"] == service["command"]
    assert {"TRIMTAB_WEB__LISTEN": "0.0.0.0:9464"} == service["environment"]
    assert "secrets" not in service


def test_live_asks_for_the_portfolios_name() -> None:
    """Compose itself stops where nobody has named the portfolio that shall trade."""
    service = services("compose.live.yaml")["trimtab"]

    assert ["run", "--live"] == service["command"]
    assert service["environment"][CONFIRM_VARIABLE].startswith(f"${{{CONFIRM_VARIABLE}:?")


def test_secrets_are_files_outside_the_environment() -> None:
    """Keys reach the daemon as files; every secret that is used is declared, and none of their files is committed."""
    keyed = services("compose.key.yaml")["trimtab"]

    assert set(FILE_VARIABLES) == set(keyed["environment"])
    assert {f"/run/secrets/{name}" for name in keyed["secrets"]} == set(keyed["environment"].values())
    for file in ("compose.key.yaml", "compose.alerts.yaml", "compose.telegram.yaml"):
        declared = document(COMPOSE / file)["secrets"]
        assert set(services(file)["trimtab"]["secrets"]) == set(declared)
        assert all(secret["file"].startswith("./secrets/") for secret in declared.values())
    assert "secrets/" in text(".gitignore").splitlines()


def test_a_stop_is_given_its_time() -> None:
    """What is in flight gets ten seconds to end, and the container no fewer."""
    assert seconds(services("compose.yaml")["trimtab"]["stop_grace_period"]) >= 15


def test_the_config_that_comes_with_compose_is_right() -> None:
    """The first `docker compose up` needs no editing: the config loads, with what compose sets over it."""
    environment = services("compose.yaml")["trimtab"]["environment"]
    loaded = load(COMPOSE / "config" / "trimtab.yaml", {**environment, "TRIMTAB_STATE_DIR": "/var/lib/trimtab"})

    assert "/var/lib/trimtab" == str(loaded.settings.state_dir)
    assert "0.0.0.0:9464" == str(loaded.settings.web.listen)


def test_sink_and_bot_need_no_line_of_the_config() -> None:
    """What the further compose files set makes an alert sink and a Telegram bot of secrets that they mount."""
    files = ("compose.yaml", "compose.alerts.yaml", "compose.telegram.yaml")
    merged = {name: value for file in files for name, value in services(file)["trimtab"]["environment"].items()}
    users = "TRIMTAB_CHAT__TELEGRAM__USERS"
    assert merged[users].startswith(f"${{{users}:?")

    settings = load(COMPOSE / "config" / "trimtab.yaml", {**merged, users: "[123456789]"}).settings

    assert "/run/secrets/trimtab_sink_phone" == str(settings.alerts.sinks["phone"].url_file)
    assert settings.chat.telegram is not None
    assert (123456789,) == settings.chat.telegram.users
    assert "/run/secrets/trimtab_telegram_token" == str(settings.chat.telegram.token_file)


def test_what_is_mounted_exists() -> None:
    """Docker would make an empty folder of a source that is not there."""
    binds = [
        (COMPOSE / volume["source"]).resolve()
        for service in services("compose.yaml").values()
        for volume in service["volumes"]
        if isinstance(volume, dict)
    ]

    assert len(binds) == 4
    assert [] == [path for path in binds if not path.is_dir()]


def test_the_health_check_is_one() -> None:
    """Image and compose file ask the same question, the daemon's own, in the directory that it works in."""
    test = services("compose.yaml")["trimtab"]["healthcheck"]["test"]
    asked = ", ".join(f'"{word}"' for word in test[1:])

    assert ["CMD", "trimtab", "health", "--state-dir", "/var/lib/trimtab"] == test
    assert f"CMD [{asked}]" in text("Dockerfile")


def test_the_image_is_not_roots() -> None:
    """The image runs as one fixed user without rights, and is made of locked packages only."""
    lines = text("Dockerfile").splitlines()
    users = [line for line in lines if line.startswith("USER ")]

    assert [f"USER {UID}:{UID}"] == users
    assert f"{UID}:{UID}" == services("compose.yaml")["trimtab"]["user"]
    assert [] == [
        line for line in lines if "pip install" in line and not re.search("--require-hashes|--no-index", line)
    ]


def test_the_image_is_made_of_named_files() -> None:
    """No history, test or secret reaches a builder: everything that is copied is let in by name, and nothing else."""
    let_in = [line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text("Dockerfile"), flags=re.MULTILINE)

    assert text(".dockerignore").splitlines()[1] == "*"
    assert set(let_in) == {name.removeprefix("./") for line in copied for name in line.split()}


def test_scripts_say_what_they_need() -> None:
    """Every script in deploy/ stops at its first error, and runs with a plain shell."""
    scripts = sorted(DEPLOY.glob("*.sh"))

    assert ["check.sh", "image-run.sh", "image.sh"] == [path.name for path in scripts]
    for path in scripts:
        content = path.read_text(encoding="utf-8")
        assert content.startswith("#!/bin/sh\n"), path.relative_to(ROOT)
        assert "\nset -eu\n" in content, path.relative_to(ROOT)
