"""Settings of HL7 v2 messages; imported by the base alone."""

from deploy.settings.environment import read_bool, read_int, read_list, read_text

__all__ = [
    "HL7_SCHEDULE",
    "TWINSIGHT_HL7_KEEP_DAYS",
    "TWINSIGHT_HL7_PORT",
    "TWINSIGHT_HL7_PROJECT",
    "TWINSIGHT_HL7_RESULTS_TLS",
    "TWINSIGHT_HL7_RESULTS_TO",
    "TWINSIGHT_HL7_SENDERS",
    "TWINSIGHT_HL7_TLS_AUTHORITY",
    "TWINSIGHT_HL7_TLS_CERTIFICATE",
    "TWINSIGHT_HL7_TLS_KEY",
    "TWINSIGHT_HL7_USER",
]

# By MLLP: 0 for none; addresses or networks that may send; the account that acts for them
# (made at the first start) and the project that orders go to; PEM files for TLS.
TWINSIGHT_HL7_PORT = read_int("TWINSIGHT_HL7_PORT", 0)
TWINSIGHT_HL7_SENDERS = read_list("TWINSIGHT_HL7_SENDERS", ["127.0.0.1", "::1"])
TWINSIGHT_HL7_USER = read_text("TWINSIGHT_HL7_USER", "hl7")
TWINSIGHT_HL7_PROJECT = read_text("TWINSIGHT_HL7_PROJECT")
# Where verified reports go as ORU^R01 (host:port; empty: nowhere), and whether by TLS.
TWINSIGHT_HL7_RESULTS_TO = read_text("TWINSIGHT_HL7_RESULTS_TO")
TWINSIGHT_HL7_RESULTS_TLS = read_bool("TWINSIGHT_HL7_RESULTS_TLS", default=False)
TWINSIGHT_HL7_TLS_CERTIFICATE = read_text("TWINSIGHT_HL7_TLS_CERTIFICATE")
TWINSIGHT_HL7_TLS_KEY = read_text("TWINSIGHT_HL7_TLS_KEY")
TWINSIGHT_HL7_TLS_AUTHORITY = read_text("TWINSIGHT_HL7_TLS_AUTHORITY")
# How long messages are kept after they were settled; 0: for ever.
TWINSIGHT_HL7_KEEP_DAYS = read_int("TWINSIGHT_HL7_KEEP_DAYS", 90)

HL7_SCHEDULE = {
    "send-hl7-results": {
        "task": "archive.hl7.send_results",
        "schedule": 10.0,
        "options": {"queue": "transfers", "expires": 10.0},
    },
    "retry-hl7-messages": {
        "task": "archive.hl7.retry",
        "schedule": 10.0,
        "options": {"queue": "default", "expires": 10.0},
    },
    "purge-hl7-messages": {
        "task": "archive.hl7.purge",
        "schedule": 3600.0,
        "options": {"queue": "transfers", "expires": 3600},
    },
}
