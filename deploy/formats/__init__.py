"""How languages write dates, where Django's own way would not do."""
