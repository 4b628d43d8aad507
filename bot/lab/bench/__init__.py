"""How fast Trimtab is: one table, its ratios taken in one run. `python -m bot.lab.bench`."""
