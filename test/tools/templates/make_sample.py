"""Writes the C++ and messages of one generated extension, and the list with it: make_sample.py FOLDER CATEGORY NAME."""

import os
import sys

sys.path.insert(0, os.getcwd())
sys.dont_write_bytecode = True

from tools.templates import generate  # noqa: E402  (the path comes first)


def main(folder, category, name):
    files = generate.render(category, name)
    with open(generate.LIST, encoding="utf-8") as file:
        files[generate.LIST] = generate.list_extension(file.read(), category, name)
    for path, text in files.items():
        if path.endswith((".h", ".cc", ".proto")):
            target = os.path.join(folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)


main(*sys.argv[1:])
