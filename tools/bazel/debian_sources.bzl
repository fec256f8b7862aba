"""Debian libraries that pkg-config does not know: llhttp (as sources) and BoringSSL."""

_LLHTTP = """\
# The generated parser; its own warnings are not ours to fix.
cc_library(
    name = "llhttp",
    srcs = ["src/api.c", "src/http.c", "src/llhttp.c"],
    hdrs = ["include/llhttp.h"],
    copts = ["-w", "-O2", "-DLLHTTP_STRICT_MODE=1"{sse}],
    includes = ["include"],
    linkstatic = True,
    visibility = ["//visibility:public"],
)

alias(name = "lib", actual = ":llhttp", visibility = ["//visibility:public"])
"""

_BORINGSSL = """\
cc_library(
    name = "boringssl",
    hdrs = glob(["include/**"]),
    includes = ["include"],
    linkopts = ["-L{folder}", "-Wl,-rpath,{folder}", "-lssl", "-lcrypto"],
    visibility = ["//visibility:public"],
)

alias(name = "lib", actual = ":boringssl", visibility = ["//visibility:public"])
"""

def _output(ctx, command):
    result = ctx.execute(command)
    if result.return_code != 0:
        fail("{} failed:\n{}".format(" ".join(command), result.stderr))
    return result.stdout.strip()

def _existing(ctx, path, package):
    if not ctx.path(path).exists:
        fail("{} is missing; run tools/test once, it installs {}".format(path, package))
    return path

def _llhttp_impl(ctx):
    ctx.symlink(_existing(ctx, "/usr/share/include/llhttp/llhttp.h", "node-llhttp"), "include/llhttp.h")
    for source in ["api.c", "http.c", "llhttp.c"]:
        ctx.symlink(_existing(ctx, "/usr/share/llhttp/" + source, "node-llhttp"), "src/" + source)
    x86 = _output(ctx, ["uname", "-m"]) == "x86_64"
    ctx.file("BUILD.bazel", _LLHTTP.format(sse = ', "-msse4.2"' if x86 else ""))

def _boringssl_impl(ctx):
    multiarch = _output(ctx, ["gcc", "-print-multiarch"])
    folder = _existing(ctx, "/usr/lib/%s/android" % multiarch, "android-libboringssl-dev")
    ctx.symlink(_existing(ctx, "/usr/include/android", "android-libboringssl-dev"), "include")
    ctx.file("BUILD.bazel", _BORINGSSL.format(folder = folder))

debian_llhttp = repository_rule(implementation = _llhttp_impl, local = True)
debian_boringssl = repository_rule(implementation = _boringssl_impl, local = True)
