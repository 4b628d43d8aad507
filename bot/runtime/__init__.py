"""Where the core meets the world: loop, inbox, supervision, settings, composition."""
