"""The token and the address: carefully read, never shown, never sent in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.ops.chat.token import CREDENTIAL_NAME, ChatError, api_address, load_token
from bot.runtime.redact import Redactor
from bot.runtime.settings_service import TelegramSettings
from tests.ops.chat.botapi import TOKEN
from tests.ops.chat.desk import settings

API = "https://api.telegram.org"


def telegram(tmp_path: Path, api: str = API) -> TelegramSettings:
    section = settings(tmp_path, api).telegram
    assert section is not None
    return section


def refusal(tmp_path: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ChatError) as caught:
        load_token(telegram(tmp_path), Redactor(), environ or {})
    return str(caught.value)


def test_the_token_is_read_and_learnt(tmp_path: Path) -> None:
    """The file's token is stripped, and the redactor knows it."""
    redactor = Redactor()
    token, place = load_token(telegram(tmp_path), redactor, {})

    assert (TOKEN, "chat.telegram.token_file") == (token.get_secret_value(), place)
    assert TOKEN not in repr(token)
    assert "canary" not in redactor.text(f"see {TOKEN}")


def test_systemds_credential_comes_first(tmp_path: Path) -> None:
    """A credential that systemd hands over is used, and the config's file is not looked at."""
    section = telegram(tmp_path)
    section.token_file.chmod(0o644)
    (tmp_path / CREDENTIAL_NAME).write_text("987654321:from-systemd_0123456789abcdef")
    token, place = load_token(section, Redactor(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert "987654321:from-systemd_0123456789abcdef" == token.get_secret_value()
    assert CREDENTIAL_NAME in place


def test_an_empty_credentials_directory_leaves_the_file(tmp_path: Path) -> None:
    """systemd's directory without our credential is no reason to refuse."""
    (tmp_path / "creds").mkdir()
    token, _ = load_token(telegram(tmp_path), Redactor(), {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")})

    assert TOKEN == token.get_secret_value()


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """One line says which file, what is wrong and what is allowed."""
    telegram(tmp_path).token_file.chmod(0o640)
    line = refusal(tmp_path)

    assert line.startswith("chat.telegram.token_file: ")
    assert "0640" in line
    assert "mode 0600" in line
    assert "\n" not in line


@pytest.mark.parametrize("content", ["", "hello", f"bot{TOKEN}", f"{TOKEN}\n{TOKEN}", "123:short", "1" * 9000])
def test_what_is_no_token_is_refused(tmp_path: Path, content: str) -> None:
    """A file with something else in it is refused without showing what it holds."""
    telegram(tmp_path).token_file.write_text(content)
    line = refusal(tmp_path)

    assert "allowed: " in line
    assert "canary" not in line
    assert "\n" not in line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is told with its name."""
    telegram(tmp_path).token_file.unlink()
    section = TelegramSettings.model_construct(token_file=tmp_path / "nowhere", users=(1,), code_valid=1, api=API)
    with pytest.raises(ChatError, match="nowhere cannot be read"):
        load_token(section, Redactor(), {})


@pytest.mark.parametrize(
    "address",
    [API, "https://bots.example:8443/api", "http://127.0.0.1:8081", "http://localhost:8081", "http://[::1]:1"],
)
def test_good_addresses(tmp_path: Path, address: str) -> None:
    """https anywhere, http on this machine; a slash at the end is taken off."""
    assert address == api_address(telegram(tmp_path, f"{address}/"))


@pytest.mark.parametrize(
    "address",
    [
        "http://api.telegram.org",
        "http://10.0.0.7:8081",
        "http://127.0.0.1.example.org",
        "ftp://127.0.0.1",
        "https://user:password@api.telegram.org",
        "https://api.telegram.org?x=1",
        f"https://api.telegram.org/bot{TOKEN}",
        "https://",
        "https://host:99999",
        "https://[::1",
    ],
)
def test_bad_addresses(tmp_path: Path, address: str) -> None:
    """An address in the clear, with a secret in it, or that is none is refused in one line that repeats none of it."""
    with pytest.raises(ChatError) as caught:
        api_address(telegram(tmp_path, address))

    assert str(caught.value).startswith("chat.telegram.api: ")
    assert "canary" not in str(caught.value)
    assert "password" not in str(caught.value)
