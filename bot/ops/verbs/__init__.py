"""The verbs of the command line, a file each; whatever is heavy is imported inside the function."""
