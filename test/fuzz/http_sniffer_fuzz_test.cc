// Arbitrary bytes as the start of a connection. The first byte chooses the split. Held to: the same
// answer whatever the split, an answer within the limit, and HTTP only where the words of it stand.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "source/network/http_sniffer.h"
#include "test/fuzz/entry_point.h"

namespace {

using weir::network::HttpSniffer;
using Answer = HttpSniffer::Answer;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = 1 + data[0] % 64;
  const Answer whole = HttpSniffer().sniff(bytes);
  HttpSniffer sniffer;
  Answer pieces = Answer::kNeedMore;
  for (size_t end = step; pieces == Answer::kNeedMore; end += step) {
    pieces = sniffer.sniff(bytes.substr(0, end));
    if (end >= bytes.size()) break;
  }
  require(whole == pieces, "the split does not matter");
  require(whole != Answer::kNeedMore || bytes.size() < HttpSniffer::kMaxBytes,
          "it is decided within the limit");
  const std::string_view line = bytes.substr(0, HttpSniffer::kMaxBytes);
  require(whole != Answer::kHttp1 || line.find(" HTTP/1.") != line.npos, "HTTP/1 says so");
  require(whole != Answer::kHttp2 || line.starts_with("PRI * HTTP/2.0\r\n"), "HTTP/2 says so");
  return 0;
}
