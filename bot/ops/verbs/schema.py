"""`trimtab schema`: the JSON Schema of the config, for editors."""

from bot.ops.speak import print_json


def schema() -> None:
    """Print the JSON Schema of the config; an editor completes and checks with it."""
    from bot.ops.schema import schema as config_schema

    print_json(config_schema())
