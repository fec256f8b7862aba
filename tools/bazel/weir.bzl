"""The rules our own BUILD files use: the native ones with our flags.

    weir_cc_library, weir_cc_binary, weir_cc_test, weir_cc_benchmark, weir_cc_fuzz_test, weir_py_test,
    weir_plugin, weir_proto_library
"""

# Warnings are errors in our own code only; libraries come in as system headers. The builds with
# sanitizers ask for none (.bazelrc).
WEIR_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-exceptions",
]

def _in_advance(testonly):
    """(copts, deps) that bring the headers of pch.bzl where they are wanted."""
    of_tests = native.package_name().split("/")[0] == "test"
    if of_tests and not testonly:
        return [], []  # has the flags of tests, and may not have GoogleTest
    return _precompiled("test_headers" if of_tests else "library_headers")

def _precompiled(name):
    copts = select({
        "//tools/bazel:pch": ["-include", "$(BINDIR)/tools/bazel/pch/%s.h" % name],
        "//conditions:default": [],
    })
    deps = select({
        "//tools/bazel:pch": ["//tools/bazel/pch:" + name],
        "//conditions:default": [],
    })
    return copts, deps

def weir_cc_library(name, copts = [], deps = [], **kwargs):
    pch_copts, pch_deps = _in_advance(kwargs.get("testonly", False))
    native.cc_library(
        name = name,
        copts = WEIR_COPTS + copts + pch_copts,
        deps = deps + pch_deps,
        linkstatic = True,
        visibility = kwargs.pop("visibility", ["//visibility:public"]),
        **kwargs
    )

def weir_cc_binary(name, copts = [], **kwargs):
    native.cc_binary(
        name = name,
        copts = WEIR_COPTS + copts,
        visibility = kwargs.pop("visibility", ["//visibility:public"]),
        **kwargs
    )

def weir_cc_test(name, copts = [], deps = [], size = "small", tags = [], **kwargs):
    """A GoogleTest binary; gtest, gmock and their main come with it.

    What sanitizers would falsify or cut short is tagged `measures`, and runs without them in CI as well; tests
    that count allocations have the tag by themselves.
    """
    counts = "//test/support:allocation_counter" in deps
    pch_copts, pch_deps = _in_advance(True)
    native.cc_test(
        name = name,
        size = size,
        copts = WEIR_COPTS + copts + pch_copts,
        linkstatic = True,
        tags = tags + (["measures"] if counts else []),
        deps = deps + pch_deps + ["@gtest", "@gtest//:main"],
        **kwargs
    )

def weir_cc_benchmark(name, copts = [], deps = [], tags = [], **kwargs):
    """A Google Benchmark binary (it brings its own main with BENCHMARK_MAIN)."""
    native.cc_binary(
        name = name,
        testonly = True,
        copts = WEIR_COPTS + copts,
        tags = tags + ["benchmark"],
        deps = deps + ["@benchmark"],
        **kwargs
    )

def weir_cc_fuzz_test(name, srcs, deps = [], corpus = [], copts = [], tags = [], **kwargs):
    """A fuzz target: srcs define LLVMFuzzerTestOneInput.

    In a plain or tsan build it replays the corpus and a fixed number of seeded mutations of it
    (test/fuzz/driver.cc); with --config=asan it is a libFuzzer binary. WEIR_FUZZ_RUNS sets the number.

    Args:
      name: of the test.
      srcs: with the fuzz entry point.
      deps: of the entry point.
      corpus: seed files, usually glob(["corpus/NAME/*"]).
      copts: more compiler flags.
      tags: besides "fuzz".
      **kwargs: as for cc_test.
    """
    package = native.package_name()
    folders = {}
    for seed in corpus:
        folders["/".join((package + "/" + seed).split("/")[:-1])] = True
    native.cc_test(
        name = name,
        srcs = srcs,
        args = sorted(folders.keys()),
        copts = WEIR_COPTS + copts,
        data = corpus,
        linkopts = select({
            "//tools/bazel:asan": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        linkstatic = True,
        size = kwargs.pop("size", "small"),
        tags = tags + ["fuzz"],
        deps = deps + select({
            "//tools/bazel:asan": ["//test/fuzz:libfuzzer_options"],
            "//conditions:default": ["//test/fuzz:driver"],
        }),
        **kwargs
    )

def weir_plugin(name, srcs, deps = [], copts = [], **kwargs):
    """A plugin of Weir's, NAME.so, in C++ or C; sees <weir/plugin/plugin.hpp> and may throw."""
    native.cc_binary(
        name = name + ".so",
        srcs = srcs,
        copts = [
            "-Wall",
            "-Wextra",
            "-fvisibility=hidden",
            "-Iapi",
        ] + copts,
        linkshared = True,
        visibility = kwargs.pop("visibility", ["//visibility:public"]),
        deps = deps + ["//api/weir/plugin"],
        **kwargs
    )

def weir_py_test(name, srcs, data = [], size = "small", tags = [], **kwargs):
    """Python unit tests (unittest), each case reported. Imports are from the repository's root.

    Sanitizers have nothing to find in them, so they are left out of those phases of tools/test.
    """
    package = native.package_name()
    native.sh_test(
        name = name,
        size = size,
        srcs = ["//tools/bazel:run_unittests"],
        args = ["%s/%s" % (package, src) for src in srcs],
        data = srcs + data,
        tags = tags + ["no_asan", "no_tsan"],
        **kwargs
    )

def weir_proto_library(name, srcs, deps = [], visibility = ["//visibility:public"]):
    """C++ messages of .proto files, included by their path from the root: "api/.../x.pb.h".

    Args:
      name: the cc_library; `name + "_srcs"` are the .proto files with those of deps.
      srcs: .proto files of this package.
      deps: other weir_proto_library targets whose files are imported.
      visibility: as usual.
    """
    package = native.package_name()
    stems = [src[:-len(".proto")] for src in srcs]
    native.filegroup(
        name = name + "_srcs",
        srcs = srcs + [_sibling(dep, "_srcs") for dep in deps],
        visibility = visibility,
    )
    headers = [stem + ".pb.h" for stem in stems]
    sources = [stem + ".pb.cc" for stem in stems]
    native.genrule(
        name = name + "_cpp",
        srcs = [":" + name + "_srcs"],
        outs = headers + sources,
        cmd = "protoc -I. -I/usr/include --cpp_out=$(GENDIR) " +
              " ".join(["%s/%s" % (package, src) for src in srcs]),
        message = "Generating C++ messages",
    )
    pch_copts, pch_deps = _precompiled("proto_headers")
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = ["-w"] + pch_copts,
        # A message that is only found by its name (an extension without fields that its config.cc
        # reads) must be in the program all the same.
        alwayslink = True,
        linkstatic = True,
        deps = deps + pch_deps + ["@protobuf"],
        visibility = visibility,
    )

def _sibling(label, suffix):
    if ":" in label:
        return label + suffix
    return label + ":" + label.split("/")[-1] + suffix
