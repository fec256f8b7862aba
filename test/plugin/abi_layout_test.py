"""The promise of ABI 1.0: what it had stays where it was, and means the same, in every later header 1.y."""

import pathlib
import re
import subprocess
import tempfile
import unittest

FROZEN = pathlib.Path("test/plugin/abi_1_0/plugin.inc")
CURRENT = pathlib.Path("api/weir/plugin/plugin.h")


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def structs(text):
    """{struct: [members in order]}"""
    found = {}
    for name, body in re.findall(r"\bstruct (\w+) \{(.*?)\n\}", without_comments(text), re.S):
        members = []
        for declaration in body.split(";"):
            function = re.search(r"\(\*(\w+)\)", declaration)
            plain = re.search(r"(\w+)\s*(\[\w+\])?\s*$", declaration.strip())
            if function or plain:
                members.append((function or plain).group(1))
        found[name] = members
    return found


def constants(text):
    return dict(re.findall(r"\b(WEIR_[A-Z0-9_]+) =\s*(\d+)", without_comments(text)))


def renamed(text):
    """The frozen header, to stand beside the current one."""
    return re.sub(r"\bweir_", "frozen_", text).replace("WEIR_PLUGIN_PLUGIN_H_", "FROZEN_H_")


def without_constants(text):
    return re.sub(r"enum \{.*?\};", "", text, flags=re.S)


def program(text):
    """C++ that has both headers and compares them."""
    lines = ['#include "%s"' % CURRENT.resolve(), renamed(without_constants(text))]
    for struct, members in structs(text).items():
        frozen = renamed(struct)
        lines.append(f"static_assert(sizeof({struct}) >= sizeof({frozen}));")
        for member in members:
            lines.append(f"static_assert(offsetof({struct}, {member}) == offsetof({frozen}, {member}));")
            lines.append(f"static_assert(sizeof({struct}::{member}) == sizeof({frozen}::{member}));")
    return "\n".join(lines) + "\n"


class AbiLayoutTest(unittest.TestCase):
    def test_members_stay(self):
        text = FROZEN.read_text()
        found = structs(text)
        self.assertGreater(len(found), 20)
        self.assertEqual(found["weir_plugin"][-1], "kinds")
        self.assertEqual(found["weir_http_filter"][-1], "on_end")
        self.assertIn("headers_get", found["weir_host"])
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "compare.cc")
            source.write_text(program(text))
            done = subprocess.run(["g++", "-std=c++20", "-fsyntax-only", source], text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr[:2000])

    def test_constants_stay(self):
        frozen = constants(FROZEN.read_text())
        current = constants(CURRENT.read_text())
        self.assertGreater(len(frozen), 80)
        self.assertEqual(frozen, {name: current.get(name) for name in frozen})


if __name__ == "__main__":
    unittest.main()
