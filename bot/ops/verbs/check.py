"""`trimtab check`: is this config usable? With keys: is the account?"""

from bot.ops.options import ConfigOption, JsonOption
from bot.ops.speak import speaking


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the config and, where keys are at hand, the account: every finding at once, nothing is sent."""
    with speaking(as_json):
        from bot.ops.check import run_check

        run_check(config, as_json)
