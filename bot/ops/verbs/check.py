"""`trimtab check`: is this config usable? With keys: is the account?"""
