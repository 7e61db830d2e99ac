"""Halo Bestie: people who seek support, paired with a trained bestie, in a timed chat."""
