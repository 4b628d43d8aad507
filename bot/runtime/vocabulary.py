"""The words that several sections of the config share: coins, names, widths, amounts of money."""

from decimal import Decimal
from typing import Annotated

from bot.runtime.fields import Quantity, Share, Text
from bot.runtime.fields_targets import Owned
from bot.runtime.quantities import Amount

Coin = Annotated[str, Text("[A-Z0-9]{1,15}", "a coin in capitals, as BTC", str.upper)]
Name = Annotated[str, Text("[a-z0-9][a-z0-9_-]{0,31}", "up to 32 of a-z, 0-9, - and _", str.lower)]
_WIDTH = Quantity("a width with %, pp (of a base), coins, the coin or the quote currency", "0")
Width = Annotated[Amount, _WIDTH]
WidthIfAny = Annotated[Amount | None, _WIDTH]
Money = Annotated[Amount, Quantity("an amount in the quote currency, above 0", "0.00000001", "USDT")]
MoneySeconds = Annotated[Amount, Quantity("an amount in the quote currency times s, as 500000 USDT s", "0", "USDT s")]
_VALUE = Quantity("an amount in the quote or reporting currency, above 0", "0.00000001", "USDT")
Value = Annotated[Amount, _VALUE]
"""Money as targets and budgets count it: `portfolio` says what holds where the two currencies differ."""
ValueIfAny = Annotated[Amount | None, _VALUE]
Weight = Annotated[Decimal, Share("0", "1")]
Holding = Annotated[Amount, Owned()]
