"""The promises of addresses: where a URL may come from, and how carefully it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.ops.alerts.addresses import heartbeat_address, sink_addresses
from bot.runtime.problems import ConfigError
from bot.runtime.redact import Redactor
from tests.runtime.configs import RIGHT, loaded

if TYPE_CHECKING:
    from pathlib import Path

URL = "tgram://123456789:AAbbCCddEEffGGhh/42"


def secret_file(path: Path, text: str = URL, mode: int = 0o600) -> Path:
    """A file with a secret."""
    path.touch()
    path.chmod(mode)
    path.write_text(text)
    return path


def config(more: str) -> str:
    """A config with one sink."""
    return f"{RIGHT}alerts:\n  sinks:\n    phone: {more}\n"


def only_line(text: str, environ: dict[str, str] | None = None) -> str:
    """The one line that says what is wrong."""
    with pytest.raises(ConfigError) as caught:
        sink_addresses(loaded(text, environ), Redactor(), environ or {})
    said = str(caught.value)
    assert "\n" not in said
    assert "AAbb" not in said
    return said


def test_a_file_of_the_owners(tmp_path: Path) -> None:
    """The URL is what stands in it, without blanks and line breaks around it."""
    file = secret_file(tmp_path / "url", f"  {URL}\n")
    (address,) = sink_addresses(loaded(config(f"{{url_file: {file}}}")), Redactor(), {})

    assert (address.name, address.url.get_secret_value()) == ("phone", URL)
    assert "AAbb" not in repr(address)


def test_systemds_credential_comes_first(tmp_path: Path) -> None:
    """A service's credential is taken whatever the config names, and without anything named at all."""
    secret_file(tmp_path / "trimtab_sink_phone", mode=0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    for text in (config("{}"), config("{url_file: /nowhere}")):
        (address,) = sink_addresses(loaded(text), Redactor(), environ)
        assert address.url.get_secret_value() == URL


def test_a_containers_secret_is_named_by_a_variable(tmp_path: Path) -> None:
    """What TRIMTAB_ALERTS__SINKS__PHONE__URL_FILE names is handed over by the container, whoever may read it."""
    file = secret_file(tmp_path / "phone", mode=0o444)
    environ = {"TRIMTAB_ALERTS__SINKS__PHONE__URL_FILE": str(file)}
    (address,) = sink_addresses(loaded(config("{}"), environ), Redactor(), environ)

    assert address.url.get_secret_value() == URL


def test_what_others_may_read_is_refused(tmp_path: Path) -> None:
    """A file that the config names must be closed to others; the line says how."""
    file = secret_file(tmp_path / "url", mode=0o644)
    said = only_line(config(f"{{url_file: {file}}}"))

    assert said.startswith("c.yaml:12: alerts.sinks.phone.url_file: value ")
    assert str(file) in said
    assert "may be read by others (mode 0644); do: chmod 600" in said


@pytest.mark.parametrize(
    ("content", "part"),
    [("", "holds no URL"), ("just a token AAbb", "holds no URL"), (f"{URL}\n{URL}", "holds no URL")],
)
def test_what_is_no_url_is_refused(tmp_path: Path, content: str, part: str) -> None:
    """Nothing of the content is shown."""
    assert part in only_line(config(f"{{url_file: {secret_file(tmp_path / 'url', content)}}}"))


def test_a_missing_file_and_no_address_at_all(tmp_path: Path) -> None:
    """Each is one line with its place."""
    assert "cannot be read: No such file or directory" in only_line(config(f"{{url_file: {tmp_path / 'none'}}}"))
    assert "no address; allowed: url, url_file, or systemd's credential trimtab_sink_phone" in only_line(config("{}"))


def test_every_wrong_sink_is_told_at_once() -> None:
    """One run names them all."""
    text = f"{RIGHT}alerts: {{sinks: {{a: {{url_file: /none/a}}, b: {{url_file: /none/b}}}}}}\n"
    with pytest.raises(ConfigError) as caught:
        sink_addresses(loaded(text), Redactor(), {})

    assert ["alerts.sinks.a.url_file", "alerts.sinks.b.url_file"] == [p.key for p in caught.value.problems]


def test_the_heartbeats_address(tmp_path: Path) -> None:
    """A web address from a file; anything else is refused without being shown."""
    assert heartbeat_address(loaded(), Redactor(), {}) is None
    file = secret_file(tmp_path / "url", "https://hc.example/5b0f1c3a-0000-4000-8000-0123456789ab")
    text = f"{RIGHT}alerts: {{heartbeat: {{url_file: {file}}}}}\n"
    redactor = Redactor()
    found = heartbeat_address(loaded(text), redactor, {})
    assert found is not None
    assert "5b0f1c3a" not in redactor.text(f"GET {found.get_secret_value()}")
    with pytest.raises(ConfigError, match=r"no address; allowed: url, url_file, or systemd's credential trimtab_heart"):
        heartbeat_address(loaded(f"{RIGHT}alerts: {{heartbeat: {{every: 60 s}}}}\n"), Redactor(), {})
    secret_file(tmp_path / "url", URL)
    with pytest.raises(ConfigError, match=r"tgram://\(hidden\): no web address") as caught:
        heartbeat_address(loaded(text), Redactor(), {})
    assert "AAbb" not in str(caught.value)
