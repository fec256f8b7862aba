"""Headers that are compiled once for all files of a configuration, instead of once for each file.

A C++20 file of ours reads 50 000 to 120 000 lines of the standard library, Abseil and GoogleTest to
compile some hundreds of its own. With --define=weir_pch=1 (WEIR_PCH=1 tools/test) those are read once:
a library's file then takes about half of the time, a test's two thirds. Where the flags of a file do
not fit, GCC reads the header's text, so nothing but time depends on it; clang says so and fails.
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _precompiled_header_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    guard = "WEIR_" + ctx.label.name.upper()
    text = "".join(["#include <%s>\n" % header for header in ctx.attr.includes])
    header = ctx.actions.declare_file(ctx.label.name + ".h")
    ctx.actions.write(header, "#ifndef %s\n#define %s\n%s#endif\n" % (guard, guard, text))
    compiled = ctx.actions.declare_file(ctx.label.name + ".h.gch")
    needed = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        source_file = header.path,
        output_file = compiled.path,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts,
        preprocessor_defines = needed.compilation_context.defines,
        use_pic = True,
    )
    flags = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
        variables = variables,
    )

    # Bazel's cache gives files another date; clang would take the header for a changed one.
    dated = ["-Xclang", "-fno-pch-timestamp"] if toolchain.compiler == "clang" else []
    ctx.actions.run(
        executable = toolchain.compiler_executable,
        arguments = ["-x", "c++-header"] + flags + dated,
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
            variables = variables,
        ),
        inputs = depset([header], transitive = [toolchain.all_files]),
        outputs = [compiled],
        mnemonic = "PrecompileHeader",
        progress_message = "Compiling headers in advance: " + ctx.label.name,
    )
    context = cc_common.create_compilation_context(headers = depset([header, compiled]))
    return [
        DefaultInfo(files = depset([header, compiled])),
        cc_common.merge_cc_infos(cc_infos = [CcInfo(compilation_context = context), needed]),
    ]

precompiled_header = rule(
    doc = "A header of system headers, compiled with the flags that `copts` users have.",
    implementation = _precompiled_header_impl,
    attrs = {
        "includes": attr.string_list(mandatory = True, doc = "what is included, without brackets"),
        "deps": attr.label_list(providers = [CcInfo], doc = "whose defines the headers need; their folders are the system's"),
        "copts": attr.string_list(doc = "what those who use it add to the configuration's flags"),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
