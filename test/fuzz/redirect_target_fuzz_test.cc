// Arbitrary bytes as the Location that an internal redirect follows. Held to: what can be asked is
// well-formed, saying the same as a whole URL leads to the same, and neither white space around a
// reference nor its fragment says anything.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "source/http/semantics.h"
#include "source/router/redirect_target.h"
#include "test/fuzz/entry_point.h"

namespace {

using namespace weir;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// Where the reference leads to from http://shop.example/a/b?q=1; empty: nowhere.
std::string follow(std::string_view location) {
  http::RequestHead head;
  head.scheme = "http";
  head.authority = "shop.example";
  head.path = "/a/b?q=1";
  router::RedirectTarget target;
  if (!router::resolveReference(location, head, target)) return "";
  require(target.scheme == "http" || target.scheme == "https", "schemes are ours");
  require(http::isAuthority(target.authority), "the authority is one");
  require(target.path.starts_with('/') && http::isTarget(target.path), "the path can be asked for");
  require(target.path.find('#') == std::string_view::npos, "fragments stay with the client");
  return std::string(target.scheme) + "://" + std::string(target.authority) +
         std::string(target.path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string url = follow(text);
  require(follow(" \t" + text + " ") == url, "white space around it says nothing");
  require(follow(text + "#top") == url, "a fragment says nothing");
  if (!url.empty()) require(follow(url) == url, "a whole URL leads to itself");
  return 0;
}
