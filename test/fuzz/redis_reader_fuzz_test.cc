// Arbitrary bytes as the answers of a Redis server, in pieces of any size. Held to: they come to
// the same whatever the pieces, and nothing longer than the limit is given out.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "source/redis/protocol.h"
#include "test/fuzz/entry_point.h"

namespace {

using namespace weir::redis;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// All answers as one text, with how it ended. What is too long is noticed the later the larger the
// pieces are, so it does not count.
std::string readAll(std::string_view bytes, size_t piece) {
  Reader reader;
  std::string all;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    Reply reply;
    Reader::Result result = reader.next(reply);
    for (; result == Reader::Result::kReply; result = reader.next(reply)) {
      require(reply.text.size() <= Reader::kMaxReply, "an answer is not longer than that");
      all += std::to_string(static_cast<int>(reply.kind)) + " " + std::string(reply.text) + " " +
             std::to_string(reply.integer) + "\n";
    }
    if (result == Reader::Result::kBroken) {
      require(!reader.problem().empty(), "there is a reason");
      return all + "broken";
    }
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                               std::min<size_t>(size - 1, Reader::kMaxReply));
  const size_t piece = 1 + data[0];
  require(readAll(bytes, piece) == readAll(bytes, bytes.size() + 1), "pieces do not matter");
  return 0;
}
