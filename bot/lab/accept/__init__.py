"""The acceptance run on recorded markets: the bot against a replayed exchange, live and dry, judged independently."""
