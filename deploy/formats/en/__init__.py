"""English, for readers of both sides of the Atlantic."""
