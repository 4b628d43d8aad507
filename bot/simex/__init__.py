"""A simulated exchange that stands alone: it imports nothing of the bot, so that a wrong belief cannot cancel out."""
