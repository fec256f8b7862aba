// Arbitrary bytes as the start of a TLS connection. The first byte chooses the split. Held to: the
// same answer whatever the split, an answer within the limit, names that are host names.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "source/network/client_hello.h"
#include "test/fuzz/entry_point.h"

namespace {

using weir::network::ClientHelloInspector;
using Progress = ClientHelloInspector::Progress;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = 1 + data[0];
  ClientHelloInspector whole;
  const Progress progress = whole.inspect(bytes);
  ClientHelloInspector pieces;
  Progress other = Progress::kNeedMore;
  for (size_t end = step; other == Progress::kNeedMore; end += step) {
    const std::vector<char> copy(bytes.begin(), bytes.begin() + std::min(end, bytes.size()));
    other = pieces.inspect({copy.data(), copy.size()});
    if (end >= bytes.size()) break;
  }
  require(progress == other && whole.error() == pieces.error(), "the split does not matter");
  require(whole.hello().server_name == pieces.hello().server_name, "nor for the name");
  require(whole.hello().application_protocols == pieces.hello().application_protocols,
          "nor for the protocols");
  require(progress != Progress::kNeedMore || bytes.size() < ClientHelloInspector::kMaxBytes,
          "it is decided within the limit");
  for (const char c : whole.hello().server_name) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    require(allowed || c == '.', "a name has no other characters");
  }
  return 0;
}
