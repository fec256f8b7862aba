"""Compiles what tools/new_extension makes, and runs its tests, without putting it into the tree."""

load("//tools/bazel:weir.bzl", "weir_cc_library", "weir_cc_test")

def sample_extension(category, behaviour_deps):
    """The tests `<category>_sample_test` and `<category>_sample_config_test` of a generated extension.

    Args:
      category: that has templates.
      behaviour_deps: as in its values.txt.
    """
    name = "sample"
    base = "%s_sample" % category
    root = base + "_tree"
    folder = "%s/extensions/%s/%s/" % (root, category, name)
    tests = "%s/test/extensions/%s/%s/" % (root, category, name)
    proto = "api/weir/extensions/%s/%s/v1/%s" % (category, name, name)
    behaviour = [folder + name + ".cc", folder + name + ".h"]
    config = [folder + "config.cc", folder + "config.h"]
    listed = root + "/extensions/all_extensions.cc"
    native.genrule(
        name = base + "_files",
        srcs = [
            "make_sample.py",
            "//extensions:all_extensions.cc",
            "//tools/templates",
        ],
        outs = behaviour + config + [
            listed,
            tests + name + "_test.cc",
            tests + "config_test.cc",
            "%s/%s.proto" % (root, proto),
        ],
        cmd = "python3 $(location make_sample.py) $(RULEDIR)/%s %s %s" % (root, category, name),
    )
    native.genrule(
        name = base + "_messages",
        srcs = ["%s/%s.proto" % (root, proto)],
        outs = ["%s/%s.pb.%s" % (root, proto, kind) for kind in ("cc", "h")],
        cmd = "protoc -I$(RULEDIR)/%s --cpp_out=$(RULEDIR)/%s %s.proto" % (root, root, proto),
    )
    native.cc_library(
        name = base + "_proto",
        srcs = ["%s/%s.pb.cc" % (root, proto)],
        hdrs = ["%s/%s.pb.h" % (root, proto)],
        alwayslink = True,
        copts = ["-w"],
        linkstatic = True,
        strip_include_prefix = root,
        deps = ["@protobuf"],
    )
    weir_cc_library(
        name = base + "_behaviour",
        srcs = behaviour[:1],
        hdrs = behaviour[1:],
        strip_include_prefix = root,
        deps = behaviour_deps,
    )
    weir_cc_library(
        name = base + "_config",
        srcs = config[:1],
        hdrs = config[1:],
        strip_include_prefix = root,
        deps = [
            base + "_behaviour",
            base + "_proto",
            "//source/config:extensions",
            "@protobuf",
        ],
    )
    weir_cc_test(
        name = base + "_test",
        srcs = [tests + name + "_test.cc"],
        deps = [base + "_behaviour"],
    )
    # Its own list comes first, so that the linker takes nothing of the tree's.
    weir_cc_test(
        name = base + "_config_test",
        srcs = [
            listed,
            tests + "config_test.cc",
        ],
        deps = [
            base + "_config",
            "//extensions:all_extensions",
            "//source/config",
        ],
    )
