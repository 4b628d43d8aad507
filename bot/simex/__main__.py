"""`python -m bot.simex`."""

from bot.simex.main import main

if __name__ == "__main__":
    raise SystemExit(main())
