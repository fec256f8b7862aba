// Arbitrary frames to the server half of the HTTP/2 codec. The first byte says how the rest is
// split and answered. Held to: calls in the order codec.h promises, nothing told differently
// because of the split, every stream told its end, memory within bounds.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "test/fuzz/entry_point.h"
#include "test/http/http2/raw_peer.h"

namespace weir::http::http2 {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

struct Told {
  std::vector<Recorded> messages;
  bool connection_failed = false;
};

// What a server told of the bytes, answering by `manner`.
Told serve(std::string_view bytes, size_t piece, uint8_t manner) {
  RawClient peer;
  peer.server.side.options.extended_connect = true;
  peer.server.side.limits.allow_connect = true;
  peer.server.on_head = [&](ServerSideStream& stream) {
    if ((manner & 1) != 0) stream.encoder->setReadEnabled(false);
  };
  peer.server.on_ended = [&](ServerSideStream& stream) {
    if ((manner & 2) != 0) return stream.respond(204, "");
    stream.sendHead(200);
    stream.sendBody(std::string(manner * 100u, 'x'));
    base::Arena arena;
    HeaderMap trailers(arena);
    trailers.add("t", "1");
    stream.encoder->encodeTrailers(trailers);
  };
  peer.start();
  while (!bytes.empty()) {
    const size_t count = std::min(piece, bytes.size());
    peer.send(bytes.substr(0, count));
    bytes.remove_prefix(count);
    require(peer.blocks.bytesInUse() < 8'000'000, "memory within bounds");
    if ((manner & 1) == 0) continue;
    for (ServerSideStream& stream : peer.server.streams) {
      if (stream.encoder != nullptr) stream.encoder->setReadEnabled(true);
    }
    peer.receive();
  }
  const bool dead = peer.server.codec->closing();
  Told told;
  told.connection_failed = dead;
  for (ServerSideStream& stream : peer.server.streams) {
    require(stream.seen.misuse.empty(), stream.seen.misuse.c_str());
    require(!dead || stream.complete || stream.seen.reset, "each stream is told its end");
    told.messages.push_back(stream.seen);
  }
  require(!dead || peer.error.reason != ErrorReason::kNone || peer.server.failure,
          "the owner is told the end");
  return told;
}

bool isPrefix(const std::string& a, const std::string& b) {
  return a.compare(0, std::min(a.size(), b.size()), b, 0, std::min(a.size(), b.size())) == 0;
}

}  // namespace

void fuzzServer(std::string_view input) {
  if (input.empty()) return;
  const auto manner = static_cast<uint8_t>(input[0]);
  input.remove_prefix(1);
  const Told all = serve(input, SIZE_MAX, manner & 7);
  const Told pieces = serve(input, 1 + (manner >> 3), manner & 7);
  const std::vector<Recorded>& whole = all.messages;
  const std::vector<Recorded>& split = pieces.messages;
  // What comes on a stream that was answered in between may be an error or a late comer; and more
  // streams at once than are allowed are refused, one after the other they are not.
  const bool comparable = !all.connection_failed && !pieces.connection_failed &&
                          std::max(whole.size(), split.size()) < 100;
  if (!comparable) return;
  require(whole.size() == split.size(), "as many requests");
  for (size_t i = 0; i < whole.size(); ++i) {
    const bool cut = whole[i].reset || split[i].reset;
    require(cut || whole[i].head == split[i].head, "the same head");
    require(cut || whole[i].trailers == split[i].trailers, "the same trailers");
    require(cut || whole[i].ended == split[i].ended, "the same end");
    require(isPrefix(whole[i].body, split[i].body), "the same body");
  }
}

}  // namespace weir::http::http2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::http::http2::fuzzServer({reinterpret_cast<const char*>(data), size});
  return 0;
}
