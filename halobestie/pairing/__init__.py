"""The search for a mitra that one confirmed payment pays for."""
