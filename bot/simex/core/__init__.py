"""The exchange itself, without sockets or clocks: books, orders, accounts, margin, funding, liquidation."""
