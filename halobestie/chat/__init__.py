"""The timed conversation of one customer and one mitra."""
