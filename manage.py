#!/usr/bin/env python
"""Django's command line; ``python manage.py help`` lists the commands."""

import os
import sys


def main() -> int:
    if sys.version_info[:2] != (3, 11):
        print(f"reautomation needs Python 3.11, this is {sys.version.split()[0]}: run it with .venv/bin/python.")
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")
    try:
        from reautomation.frame import run_command
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: run `make install`, then .venv/bin/python manage.py …")
        return 2
    return run_command(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
