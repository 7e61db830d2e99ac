"""Who is here: mitras with their heartbeat and slots, customers with their sockets."""
