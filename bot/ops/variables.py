"""Environment variables that stand in for the command line's options."""

STATE_DIR_VARIABLE = "TRIMTAB_STATE_DIR"
CONFIG_VARIABLE = "TRIMTAB_CONFIG"
