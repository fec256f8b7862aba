"""Plugins are built against the installed headers alone: with one command, and with CMake."""

import pathlib
import subprocess
import tempfile
import unittest

INSTALL = "tools/install_headers"
SOURCE = pathlib.Path("test/plugin/exercise.cc").resolve()
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"]

CMAKE = """\
cmake_minimum_required(VERSION 3.16)
project(exercise CXX)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEIR_PLUGIN REQUIRED IMPORTED_TARGET weir-plugin)
add_library(exercise MODULE %s)
target_compile_features(exercise PRIVATE cxx_std_20)
target_link_libraries(exercise PRIVATE PkgConfig::WEIR_PLUGIN)
set_target_properties(exercise PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden)
"""


def run(*command, **kwargs):
    return subprocess.run(command, check=True, text=True, capture_output=True, **kwargs).stdout


def exported(path):
    """Names that the file defines for others, of functions with strong linkage."""
    lines = run("nm", "-D", "--defined-only", path).splitlines()
    return [line.split()[2] for line in lines if line.split()[1] == "T"]


class OutOfTreeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.prefix = pathlib.Path(self.folder.name, "prefix")
        run(INSTALL, self.prefix)

    def build(self, compiler, *flags):
        object = pathlib.Path(self.folder.name, "exercise.so")
        run(compiler, *FLAGS, *flags, f"-I{self.prefix}/include", SOURCE, "-o", object)
        self.assertEqual(exported(object), ["weir_plugin_entry"])

    def test_builds_with_one_command(self):
        self.build("g++")

    def test_builds_with_clang(self):
        self.build("clang++")

    def test_header_is_pure_c(self):
        header = self.prefix / "include/weir/plugin/plugin.h"
        for standard in ("c99", "c11"):
            run("gcc", f"-std={standard}", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", header)

    def test_builds_with_cmake(self):
        project = pathlib.Path(self.folder.name, "project")
        project.mkdir()
        (project / "CMakeLists.txt").write_text(CMAKE % SOURCE)
        environment = {"PKG_CONFIG_PATH": f"{self.prefix}/lib/pkgconfig", "PATH": "/usr/local/bin:/usr/bin:/bin"}
        run("cmake", "-S", project, "-B", project / "build", env=environment)
        run("cmake", "--build", project / "build", env=environment)
        self.assertEqual(exported(project / "build/exercise.so"), ["weir_plugin_entry"])


if __name__ == "__main__":
    unittest.main()
