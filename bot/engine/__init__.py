"""The decision core: takes events, returns commands, reads no clock and no world."""
