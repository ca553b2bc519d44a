"""Which release of OHIF is installed, and by what it is known: its integrity hash in npm."""

PACKAGE = "@ohif/app"
VERSION = "3.13.2"
INTEGRITY = (
    "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5P"
    "Pe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
)


class ViewerInstallError(Exception):
    """The viewer could not be installed; says what to do."""
