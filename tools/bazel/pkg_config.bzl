"""A Debian library, found through pkg-config, as a cc_library.

`@NAME` and `@NAME//:lib` are the library. Header folders outside the compiler's own search path are
linked into the repository and become system includes, so warnings in them stay quiet.
"""

_BUILD = """\
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "{name}",
    hdrs = glob(["include/**"], allow_empty = True),
    defines = {defines},
    includes = {includes},
    linkopts = {linkopts},
)

alias(name = "lib", actual = ":{name}")
"""

_MAIN = """
cc_library(
    name = "main",
    linkopts = {linkopts},
)
"""

def _flags(ctx, which, modules):
    result = ctx.execute(["pkg-config", which] + modules)
    if result.return_code != 0:
        fail("pkg-config {} {} failed; run tools/test once, it installs what is missing:\n{}".format(
            which,
            " ".join(modules),
            result.stderr,
        ))
    return [flag for flag in result.stdout.strip().split(" ") if flag]

def _pkg_config_impl(ctx):
    includes = []
    defines = list(ctx.attr.defines)
    for flag in _flags(ctx, "--cflags", ctx.attr.modules):
        if flag.startswith("-I"):
            folder = "include/%d" % len(includes)
            ctx.symlink(flag[2:], folder)
            includes.append(folder)
        elif flag.startswith("-D"):
            defines.append(flag[2:])
    libs = _flags(ctx, "--libs", ctx.attr.modules)
    build = _BUILD.format(
        name = ctx.name,
        defines = repr(defines),
        includes = repr(includes),
        linkopts = repr(libs),
    )
    if ctx.attr.main:
        build += _MAIN.format(linkopts = repr(_flags(ctx, "--libs", [ctx.attr.main]) + libs))
    ctx.file("BUILD.bazel", build)

pkg_config = repository_rule(
    implementation = _pkg_config_impl,
    local = True,
    attrs = {
        "modules": attr.string_list(mandatory = True, doc = "pkg-config module names"),
        "main": attr.string(doc = "module that brings a main(); becomes the target :main"),
        "defines": attr.string_list(doc = "preprocessor defines for whoever depends on the library"),
    },
)
