// Arbitrary bytes as what an endpoint answers to checks. The first byte chooses the split. Held to:
// replies of Redis are the same whatever the split, and bounded; what is expected over TCP is found
// exactly when it stands there in order.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/health_checkers/redis/reply_reader.h"
#include "extensions/health_checkers/tcp/expectations.h"
#include "test/fuzz/entry_point.h"

namespace {

namespace redis = weir::extensions::health_checkers::redis;
namespace tcp = weir::extensions::health_checkers::tcp;
using Kind = redis::Reply::Kind;
using Progress = tcp::ExpectationReader::Progress;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// Kind and text of each, up to one that is malformed.
std::vector<std::string> replies(std::string_view bytes, size_t step) {
  std::vector<std::string> out;
  redis::ReplyReader reader;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, step);
    const size_t size = piece.size();
    redis::Reply reply;
    const bool complete = reader.read(piece, reply);
    require(complete || piece.empty(), "all is taken while a reply is not complete");
    require(!complete || piece.size() < size, "a reply takes something");
    bytes.remove_prefix(size - piece.size());
    if (!complete) continue;
    require(reply.text.size() < redis::ReplyReader::kMostLineBytes, "a reply is bounded");
    require(reply.text.find_first_of("\r\n") == std::string_view::npos, "a reply is one line");
    out.push_back(static_cast<char>('0' + static_cast<int>(reply.kind)) + std::string(reply.text));
    if (reply.kind == Kind::kMalformed) break;
  }
  return out;
}

const tcp::Expectations& expected() {
  static const tcp::Expectations expectations = [] {
    tcp::Expectations out;
    for (const char* text : {"220 ", "aab", "\r\n"}) out.emplace_back(text);
    return out;
  }();
  return expectations;
}

bool inOrder(std::string_view bytes) {
  bytes = bytes.substr(0, tcp::kMostAnswerBytes);
  for (const auto& pattern : expected()) {
    const size_t at = bytes.find(pattern.bytes());
    if (at == std::string_view::npos) return false;
    bytes.remove_prefix(at + pattern.bytes().size());
  }
  return true;
}

Progress progressOf(std::string_view bytes, size_t step) {
  tcp::ExpectationReader reader(expected());
  Progress progress = Progress::kMore;
  for (size_t at = 0; at < bytes.size(); at += step) {
    const Progress next = reader.read(bytes.substr(at, step));
    require(progress == Progress::kMore || next == progress, "an outcome stays");
    progress = next;
  }
  return progress;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = 1 + data[0] % 32;
  require(replies(bytes, step) == replies(bytes, bytes.size()), "the split does not matter");
  const Progress progress = progressOf(bytes, step);
  require((progress == Progress::kFound) == inOrder(bytes), "what is there in order is found");
  require((progress == Progress::kNever) ==
              (progress != Progress::kFound && bytes.size() >= tcp::kMostAnswerBytes),
          "and is given up when so much has come");
  return 0;
}
