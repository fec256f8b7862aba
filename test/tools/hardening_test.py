import os
import subprocess
import unittest

BINARY = "test/tools/hardened"


def readelf(flag):
    return subprocess.run(["readelf", "-W", flag, BINARY], check=True, capture_output=True, text=True).stdout


class Hardening(unittest.TestCase):
    """What the flags in .bazelrc make of a program of ours."""

    def test_position_independent(self):
        self.assertIn("Type:                              DYN", readelf("-h"))

    def test_relocations_are_read_only_and_bound_at_start(self):
        self.assertIn("GNU_RELRO", readelf("-l"))
        self.assertIn("NOW", readelf("-d"))

    def test_the_stack_is_not_executable(self):
        stack = next(line for line in readelf("-l").split("\n") if "GNU_STACK" in line)
        self.assertNotIn("RWE", stack)

    @unittest.skipIf(os.environ.get("WEIR_SANITIZER"), "sanitizers check the stack themselves")
    def test_stack_protector(self):
        self.assertIn("__stack_chk_fail", readelf("--dyn-syms"))

    @unittest.skipUnless(os.environ.get("WEIR_RELEASE"), "only the release build is optimised, which FORTIFY needs")
    def test_fortified_copies(self):
        self.assertIn("__strncpy_chk", readelf("--dyn-syms"))


if __name__ == "__main__":
    unittest.main()
