"""What is owed to phones: an outbox in PostgreSQL, and who sends from it."""
