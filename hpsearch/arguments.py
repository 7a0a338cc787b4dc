"""The parser of the doors' arguments: wrong usage is one line, as every other error."""

import argparse
from typing import NoReturn

from hpsearch.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would print its usage and end the process. hint: where help is."""

    hint = "--help shows the options"

    def error(self, message: str) -> NoReturn:
        raise UsageError([f"{message}; {self.hint}"])
