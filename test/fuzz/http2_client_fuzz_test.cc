// Arbitrary frames to the client half of the HTTP/2 codec, which has asked for several things. The
// first byte says how the rest is split. Held to: calls in the order codec.h promises, each stream
// told its end at last, memory within bounds.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "test/fuzz/entry_point.h"
#include "test/http/http2/raw_peer.h"

namespace weir::http::http2 {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace

void fuzzClient(std::string_view input) {
  if (input.empty()) return;
  const auto manner = static_cast<uint8_t>(input[0]);
  input.remove_prefix(1);
  RawServer peer;
  peer.start({{raw::Setting::kEnableConnectProtocol, 1}});
  TestClient& client = peer.client;
  client.request("/");
  client.request("/", "HEAD");
  client.request("", "CONNECT");
  client.webSocket("/");
  ClientSideStream& post = client.post("/");
  (void)post.sendBody("body", (manner & 1) != 0);
  if ((manner & 2) != 0) client.streams.front().encoder->setReadEnabled(false);
  peer.receive();
  const size_t piece = (manner & 4) != 0 ? 1 + (manner >> 3) : SIZE_MAX;
  while (!input.empty()) {
    const size_t count = std::min(piece, input.size());
    peer.send(input.substr(0, count));
    input.remove_prefix(count);
    require(peer.blocks.bytesInUse() < 8'000'000, "memory within bounds");
  }
  const ClientSideStream& first = client.streams.front();
  if (!first.seen.ended && !first.seen.reset) first.encoder->setReadEnabled(true);
  peer.receive();
  client.codec->connectionLost({ErrorOrigin::kUpstream, ErrorReason::kConnectionReset});
  for (const ClientSideStream& stream : client.streams) {
    require(stream.seen.misuse.empty(), stream.seen.misuse.c_str());
    require(stream.seen.ended || stream.seen.reset, "each stream is told its end");
  }
  require(client.codec->openStreams() == 0, "no stream is left");
}

}  // namespace weir::http::http2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::http::http2::fuzzClient({reinterpret_cast<const char*>(data), size});
  return 0;
}
