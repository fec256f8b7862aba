// Arbitrary bytes as the body of POST /explain, and what is asked as a request. Held to: an error
// says something, and what is not refused is a request that a connection manager would route.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "source/explain/asked.h"
#include "source/explain/request.h"
#include "source/http/semantics.h"
#include "test/fuzz/entry_point.h"

namespace {

using namespace weir;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

void ask(const explain::Question& question) {
  const auto request = explain::Request::make(question);
  if (!request.ok()) return require(!request.status().message().empty(), "an error says something");
  static const http::ConnectionManagerConfig config;
  (*request)->arriveAt(*network::Address::parse("127.0.0.1:8080"));
  const http::StreamError refused = (*request)->prepare(config);
  if (refused.reason != http::ErrorReason::kNone) {
    return require(!refused.detail().empty(), "a refusal says something");
  }
  const http::RequestHead& head = (*request)->head;
  require(http::isMethod(head.method), "the method is one");
  require(head.authority.empty() || http::isAuthority(head.authority), "the authority is one");
  require(head.path.empty() || http::isTarget(head.path), "the path can be asked for");
  require((*request)->info.downstream_remote != nullptr, "somebody asks");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto asked = explain::readAsked({reinterpret_cast<const char*>(data), size});
  if (!asked.ok()) {
    require(!asked.status().message().empty(), "an error says something");
    return 0;
  }
  require(asked->question.url.empty() != asked->request_id.empty(), "one thing is asked");
  if (asked->request_id.empty()) ask(asked->question);
  return 0;
}
