"""Settings of sharing, emergencies and the audit trail; imported by the base alone."""

from deploy.settings.environment import read_int, read_text

__all__ = [
    "RIGHTS_SCHEDULE",
    "TWINSIGHT_EMERGENCY_MINUTES",
    "TWINSIGHT_SHARE_LINK_DAYS",
    "TWINSIGHT_SYSLOG_AUTHORITY",
    "TWINSIGHT_SYSLOG_CERTIFICATE",
    "TWINSIGHT_SYSLOG_KEY",
    "TWINSIGHT_SYSLOG_URL",
]

# How long a patient is open to who asked for it in an emergency: at most four hours.
TWINSIGHT_EMERGENCY_MINUTES = min(max(read_int("TWINSIGHT_EMERGENCY_MINUTES", 60), 1), 240)
# How long links for people without an account may last; 0: there are none.
TWINSIGHT_SHARE_LINK_DAYS = read_int("TWINSIGHT_SHARE_LINK_DAYS", 30)
# Where audit messages (DICOM PS3.15 A.5) are sent: tls://host:6514; empty: nowhere. PEM files:
# the authority of the server's certificate, our certificate and its key where one is wanted.
TWINSIGHT_SYSLOG_URL = read_text("TWINSIGHT_SYSLOG_URL")
TWINSIGHT_SYSLOG_AUTHORITY = read_text("TWINSIGHT_SYSLOG_AUTHORITY")
TWINSIGHT_SYSLOG_CERTIFICATE = read_text("TWINSIGHT_SYSLOG_CERTIFICATE")
TWINSIGHT_SYSLOG_KEY = read_text("TWINSIGHT_SYSLOG_KEY")

RIGHTS_SCHEDULE = {
    "seal-audit": {
        "task": "archive.audit.seal",
        "schedule": 2.0,
        "options": {"queue": "default", "expires": 4},
    },
    "send-audit": {
        "task": "archive.audit.send",
        "schedule": 5.0,
        # A server that is away keeps nobody waiting but this.
        "options": {"queue": "transfers", "expires": 10},
    },
    "close-emergencies": {
        "task": "archive.access.close_emergencies",
        "schedule": 30.0,
        "options": {"queue": "default", "expires": 30},
    },
}
