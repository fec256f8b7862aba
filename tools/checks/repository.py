"""The files that rules look at, and what they report."""

import dataclasses
import functools
import os
import subprocess


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong: `message` says what, and what would be right."""

    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class Repository:
    """Files by path from the root. Tests make one from a dict; `open_repository` makes the real one."""

    def __init__(self, files, read):
        self.files = sorted(files)
        self._present = set(self.files)
        self._read = functools.lru_cache(maxsize=None)(read)

    @classmethod
    def of(cls, texts):
        return cls(texts, texts.__getitem__)

    def text(self, path):
        return self._read(path)

    def lines(self, path):
        return self.text(path).split("\n")

    def has(self, path):
        return path in self._present

    def has_folder(self, path):
        prefix = path.rstrip("/") + "/"
        return any(file.startswith(prefix) for file in self.files)

    def ending(self, *suffixes, under=""):
        """Files with one of the endings, in the folders named by `under` (a string or a tuple)."""
        return [file for file in self.files if file.endswith(suffixes) and file.startswith(under)]


def open_repository(root):
    """Everything in the work tree that git does not ignore, committed or not."""
    listing = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = [path for path in set(listing.split("\0")) if path and os.path.isfile(os.path.join(root, path))]

    def read(path):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    return Repository(files, read)
