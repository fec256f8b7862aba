// Arbitrary bytes as a DNS answer about SRV records. Held to: nothing is read beyond the end, what
// comes out can be asked for, and a broken answer gives nothing.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "source/network/dns_srv_answer.h"
#include "test/fuzz/entry_point.h"

namespace {

using weir::network::DnsFailure;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> exactly(data, data + size);
  const auto answer = weir::network::parseSrvAnswer(exactly);
  require((answer.failure == DnsFailure::kNone) == !answer.services.empty(),
          "services or a failure");
  require(answer.failure != DnsFailure::kMalformed || answer.services.empty(),
          "a broken answer gives nothing");
  require(answer.ttl.count() >= 0 && answer.ttl.count() <= 0x7fffffff, "the time is one");
  require(answer.services.size() <= size / 18, "each record takes its bytes");
  for (const auto& service : answer.services) {
    require(weir::network::checkHostName(service.target).ok(), "the target is a name");
    require(service.port != 0, "the port is one");
  }
  return 0;
}
