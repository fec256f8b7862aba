"""Finds the programs of other projects."""

import shutil


def find(program):
    """Its path, or None. Debian puts servers where a plain user's PATH does not look."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
