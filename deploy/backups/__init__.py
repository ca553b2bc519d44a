"""Copies of the whole archive outside of it, and the way back."""
