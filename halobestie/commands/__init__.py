"""What `run.py` does beside serving, a file for each command."""
