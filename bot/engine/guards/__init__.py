"""Guards, a file a subject: each a small pure function that may refuse an order."""
