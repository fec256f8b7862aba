// Arbitrary bytes to both halves of the HTTP/1 codec. The first two bytes choose the side and how
// the rest is split. Held to: calls in the order codec.h promises, the same told whatever the
// split, and what was accepted is written again so that the same is read from it.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "test/fuzz/entry_point.h"
#include "test/http/http1/recording.h"

namespace weir::http::http1 {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

std::vector<std::string> split(std::string_view bytes, uint8_t seed) {
  std::vector<std::string> pieces;
  uint32_t state = seed + 1u;
  for (size_t at = 0; at < bytes.size();) {
    state = state * 1664525u + 1013904223u;
    const size_t count = seed == 0 ? bytes.size() : 1 + (state >> 16) % (seed < 32 ? 3 : 64);
    pieces.emplace_back(bytes.substr(at, count));
    at += count;
  }
  return pieces;
}

// Writes the request the server holds with a client codec, and reads it with another server codec.
void rewriteRequest(RecordingServer& server) {
  const RecordedMessage& original = server.last();
  RecordingClient client;
  client.encoder = &client.codec->newStream(client);
  const bool body = !original.body.empty() || !original.trailers.empty();
  client.encoder->encodeHead(server.head, !body);
  if (body) {
    buffer::Buffer data(client.output.pool);
    data.append(original.body);
    client.encoder->encodeBody(data, original.trailers.empty());
    if (!original.trailers.empty()) client.encoder->encodeTrailers(server.trailers);
  }
  CodecLimits roomy;
  roomy.max_head_bytes *= 2;
  roomy.max_header_fields *= 2;
  roomy.max_trailer_bytes *= 2;
  RecordingServer again(roomy);
  const StreamError error = again.feed(client.output.take());
  require(error.reason == ErrorReason::kNone, "an accepted request is accepted again");
  require(again.messages.size() == 1, "one request is read as one request");
  const bool asks_upgrade = !server.head.upgrade.empty();
  require(again.last().ended != asks_upgrade, "a whole request is read as a whole request");
  require(again.head.method == server.head.method, "same method");
  require(again.head.path == server.head.path, "same path");
  require(again.head.authority == server.head.authority, "same authority");
  require(again.last().body == original.body, "same body");
  require(again.last().trailers == original.trailers, "same trailers");
}

// Answers each request as it is complete, so that pipelined ones follow; rewrites it before.
class Rewriter {
 public:
  std::vector<RecordedMessage> run(const std::vector<std::string>& pieces) {
    RecordingServer server;
    StreamError error;
    for (size_t i = 0; i < pieces.size() && error.reason == ErrorReason::kNone; ++i) {
      error = server.feed(pieces[i]);
      while (error.reason == ErrorReason::kNone && canAnswer(server)) {
        if (server.head.version != Version::kHttp10 || !server.head.authority.empty()) {
          rewriteRequest(server);
        }
        server.respond(200, "ok", BodyFraming::kContentLength);
        error = server.feed("");
      }
    }
    for (const RecordedMessage& message : server.messages) {
      require(message.misuse.empty(), message.misuse.c_str());
    }
    return server.messages;
  }

 private:
  static bool canAnswer(RecordingServer& server) {
    if (server.encoder == nullptr) return false;
    return server.last().ended || (!server.last().head.empty() && !server.head.upgrade.empty());
  }
};

RecordedMessage receive(const std::vector<std::string>& pieces, uint8_t kind) {
  RecordingClient client;
  if (kind % 4 == 3) {
    client.request("GET", "websocket");
  } else {
    client.request(kind % 4 == 1 ? "HEAD" : "GET");
  }
  StreamError error;
  for (size_t i = 0;
       i < pieces.size() && error.reason == ErrorReason::kNone && client.completed == 0; ++i) {
    error = client.feed(pieces[i], i + 1 == pieces.size() && kind >= 128);
  }
  require(client.message.misuse.empty(), client.message.misuse.c_str());
  if (client.message.reset) require(!client.codec->reusable(), "a failed connection is not reused");
  require(client.completed == 0 || client.message.ended, "complete means ended");
  return client.message;
}

}  // namespace
}  // namespace weir::http::http1

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::http::http1;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const uint8_t kind = data[0];
  const std::vector<std::string> whole = split(bytes, 0);
  const std::vector<std::string> pieces = split(bytes, data[1]);
  if (kind % 2 == 0) {
    require(Rewriter().run(whole) == Rewriter().run(pieces), "requests do not depend on the split");
  } else {
    require(receive(whole, kind / 2) == receive(pieces, kind / 2),
            "responses do not depend on the split");
  }
  return 0;
}
