"""Where background liquidity comes from: seeded models, recorded frames, recorded bars, and the public dump files.

Each is a MarketSource (bot.simex.core.flow): a stream of absolute changes that knows no account. `listings` are the
instruments an exchange opens with.
"""
