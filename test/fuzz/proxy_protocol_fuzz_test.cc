// Arbitrary bytes as a PROXY protocol header. The first byte chooses the split. Held to: the same
// told whatever the split, and what was read is written so that the same is read from it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "source/network/proxy_protocol.h"
#include "test/fuzz/entry_point.h"

namespace {

using weir::network::parseProxyProtocol;
using weir::network::ProxyProtocolResult;
using weir::network::writeProxyProtocol;
using State = ProxyProtocolResult::State;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

bool sameHeader(const ProxyProtocolResult& a, const ProxyProtocolResult& b) {
  return a.header.version == b.header.version && a.header.local == b.header.local &&
         a.header.datagram == b.header.datagram && a.header.source == b.header.source &&
         a.header.destination == b.header.destination && a.header.tlvs == b.header.tlvs;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = 1 + data[0] % 32;
  const ProxyProtocolResult whole = parseProxyProtocol(bytes);
  ProxyProtocolResult pieces;
  for (size_t end = step; pieces.state == State::kNeedMore; end += step) {
    pieces = parseProxyProtocol(bytes.substr(0, end));
    if (end >= bytes.size()) break;
  }
  require(whole.state == pieces.state && whole.error == pieces.error, "the split does not matter");
  require(whole.consumed == pieces.consumed && sameHeader(whole, pieces), "nor for the header");
  if (whole.state != State::kDone) return 0;
  require(whole.consumed <= bytes.size(), "no more is consumed than there is");
  std::string written;
  const bool checksum = data[0] >= 128 && bytes.size() < 60'000;
  require(writeProxyProtocol(whole.header, written, checksum).ok(), "what was read can be written");
  const ProxyProtocolResult again = parseProxyProtocol(written);
  require(again.state == State::kDone && again.consumed == written.size(), "and read again");
  require(sameHeader(whole, again), "and says the same");
  return 0;
}
