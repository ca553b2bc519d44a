"""The demo and a developer's machine: loopback, no TLS."""

from deploy.settings.base import *

# Plain HTTP on loopback by intention; production.py turns all of these on.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]
