"""The vocabulary: frozen values, events and commands that every other package speaks."""
