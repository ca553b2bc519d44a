"""Attributes of the Unified Procedure Step that the worklist itself deals with (PS3.3 B.26)."""

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
UPS_EVENT = "1.2.840.10008.5.1.4.34.6.4"
WORKLIST = "1.2.840.10008.5.1.4.34.5"
FILTERED_WORKLIST = "1.2.840.10008.5.1.4.34.5.1"

CLASS_UID = "00080016"
UID = "00080018"
TRANSACTION_UID = "00081195"
STUDY_UID = "0020000D"
REQUESTS = "0040A370"  # Referenced Request Sequence
START = "00404005"  # Scheduled Procedure Step Start DateTime
MODIFIED = "00404010"  # Scheduled Procedure Step Modification DateTime
STATIONS = "00404025"  # Scheduled Station Name Code Sequence
INPUT = "00404021"  # Input Information Sequence
OUTPUT = "00404033"  # Output Information Sequence
READINESS = "00404041"  # Input Readiness State
STATE = "00741000"
PROGRESS = "00741002"  # Procedure Step Progress Information Sequence
PRIORITY = "00741200"
WORKLIST_LABEL = "00741202"
LABEL = "00741204"  # Procedure Step Label
PERFORMED = "00741216"  # Unified Procedure Step Performed Procedure Sequence
CANCEL_REASON = "00741238"
CONTACT_URI = "0074100A"
CONTACT_NAME = "0074100C"
DISCONTINUATION_REASON = "0074100E"
CANCELED_AT = "00404052"  # Procedure Step Cancellation DateTime
REFERENCED = "00081199"  # Referenced SOP Sequence
REFERENCED_CLASS, REFERENCED_UID = "00081150", "00081155"
