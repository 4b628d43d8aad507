"""Commands by chat: a Telegram bot that answers its owner, and nobody else."""
