class BackupError(Exception):
    """One clear sentence for the person at the terminal."""
