"""Whether live trading may start: asked for in two ways that no slip of the hand makes together."""

from collections.abc import Mapping

CONFIRM_VARIABLE = "TRIMTAB_CONFIRM_LIVE"


def refusal(
    *, portfolio: str | None, asked: bool, typed: str | None = None, environ: Mapping[str, str] | None = None
) -> str | None:
    """Why live may not start, as one line; None when it may.

    `portfolio` is the config's (None without a config), `asked` whether --live was given, `typed` what a person typed
    when asked for the portfolio's name (None when nobody could be asked). A service confirms by TRIMTAB_CONFIRM_LIVE.
    What was typed counts: the variable of an old shell does not confirm for somebody who typed another name.
    """
    if portfolio is None:
        return "live needs a config: name it with --config"
    if not asked:
        return "live needs --live; without it nothing is sent"
    given = typed if typed is not None else (environ or {}).get(CONFIRM_VARIABLE)
    if given is None:
        ways = f"type the portfolio's name, '{portfolio}', or set {CONFIRM_VARIABLE}={portfolio}"
        return f"live needs a confirmation: {ways}"
    if given.strip() != portfolio:
        source = "what was typed" if typed is not None else CONFIRM_VARIABLE
        return f"live is not confirmed: {source} is not the portfolio's name, '{portfolio}'"
    return None
