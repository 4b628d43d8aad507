"""What a person meets: the command line, reports and the terminal view."""
