#!/usr/bin/env python
"""Twinsight's commands; `manage.py up` runs everything."""

import os
import sys

from deploy.supervisor.attach import services_for_command
from deploy.supervisor.errors import SupervisorError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings.development")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 settings first

    try:
        with services_for_command(sys.argv):
            execute_from_command_line(sys.argv)
    except SupervisorError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
