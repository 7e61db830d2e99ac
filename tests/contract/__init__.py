"""The contract, walked section by section against one real node, from the outside.

Nothing here imports the application: a test reads the contract's text and talks HTTP and
WebSocket to `run.py serve`. Fields may be added by the server; those named must be there.
"""
