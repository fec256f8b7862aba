// Arbitrary field lists to the reader of HTTP/2 heads. The first byte chooses direction, end of
// stream and what was asked; the rest is fields, 0x1e between them and 0x1f behind a name. Held to:
// what is accepted is accepted, as one message with the same meaning, by the HTTP/1 codec once it
// is written as HTTP/1 text; and it means the same after another round through HTTP/2.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "test/fuzz/entry_point.h"
#include "test/http/http1/recording.h"
#include "test/http/http2/field_lists.h"
#include "test/http/http2/head_meaning.h"

namespace weir::http::http2 {
namespace {

using http1::RecordingClient;
using http1::RecordingServer;

constexpr uint64_t kMostBodyBytes = 4096;  // that are really sent

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

void requireSame(const std::string& a, const std::string& b, const char* what) {
  if (a != b) std::fprintf(stderr, "--- one\n%s--- other\n%s", a.c_str(), b.c_str());
  require(a == b, what);
}

FieldList parse(std::string_view text) {
  FieldList fields;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\x1e'), text.size());
    const std::string_view field = text.substr(0, end);
    const size_t unit = std::min(field.find('\x1f'), field.size());
    fields.emplace_back(field.substr(0, unit),
                        unit < field.size() ? field.substr(unit + 1) : std::string_view());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return fields;
}

CodecLimits roomy() {
  CodecLimits limits;
  limits.max_request_line_bytes = limits.max_head_bytes = 1 << 20;
  limits.max_header_fields = 10'000;
  limits.allow_connect = true;
  return limits;
}

std::string bodyFor(BodyFraming framing, uint64_t length) {
  if (framing == BodyFraming::kChunked) return "GET / HTTP/1.1\r\nHost: inside\r\n\r\n";
  return std::string(framing == BodyFraming::kContentLength ? std::min(length, kMostBodyBytes) : 0,
                     'G');
}

// As HTTP/1 text, to an HTTP/1 server that must see one request.
void checkWithHttp1(const RequestHead& head, bool end_stream) {
  RecordingClient client(roomy());
  client.encoder = &client.codec->newStream(client);
  const std::string body = bodyFor(head.framing, head.content_length);
  const bool tunnel = head.framing == BodyFraming::kTunnel || !head.upgrade.empty();
  const bool whole =
      head.framing != BodyFraming::kContentLength || head.content_length <= kMostBodyBytes;
  require(client.encoder->encodeHead(head, end_stream && !tunnel), "a head is written");
  if (!tunnel && !end_stream) {
    buffer::Buffer data(client.output.pool);
    data.append(body);
    require(client.encoder->encodeBody(data, whole), "a body is written");
  }
  RecordingServer server(roomy());
  const StreamError error = server.feed(client.output.take());
  if (error.reason != ErrorReason::kNone) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(error.detail().size()), error.detail().data());
  }
  require(error.reason == ErrorReason::kNone, "HTTP/1 accepts what HTTP/2 accepts");
  require(server.messages.size() == 1, "one request is one request");
  require(server.input.empty(), "nothing is left over");
  require(tunnel || server.last().ended == whole, "the request ends where it ends");
  if (!tunnel) requireSame(server.last().body, body, "same body");
  requireSame(meaningOf(server.head), meaningOf(head), "same request in HTTP/1");
}

void checkRequest(const FieldList& fields, bool end_stream, bool extended_connect) {
  HeadReader reader;
  RequestHead head;
  if (readRequest(reader, head, fields, end_stream, extended_connect).reason !=
      ErrorReason::kNone) {
    return;
  }
  checkWithHttp1(head, end_stream);
  HeadWriter writer;
  RequestHead again;
  const FieldList written = listOf(writer.request(head, end_stream));
  require(readRequest(reader, again, written, end_stream).reason == ErrorReason::kNone,
          "HTTP/2 accepts it again");
  requireSame(meaningOf(again), meaningOf(head), "same request in HTTP/2");
}

struct Question {
  std::string_view method = "GET";
  std::string_view upgrade = {};
};

void checkWithHttp1(const ResponseHead& head, const Question& question, bool end_stream) {
  RecordingClient client(roomy());
  client.request(question.method, question.upgrade);
  RecordingServer server(roomy());
  server.feed(client.output.take());
  require(server.encoder != nullptr, "the question is understood");
  const bool interim = head.status < 200 && head.status != 101;
  if (interim) {
    server.encoder->encodeInformational(head);
  } else {
    server.encoder->encodeHead(head, end_stream);
  }
  const bool tunnel = head.framing == BodyFraming::kTunnel;
  const StreamError error = client.feed(server.output.take());
  if (error.reason != ErrorReason::kNone) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(error.detail().size()), error.detail().data());
  }
  require(error.reason == ErrorReason::kNone, "HTTP/1 accepts the answer");
  require(client.message.misuse.empty(), client.message.misuse.c_str());
  if (interim) return require(client.message.interim.size() == 1, "one interim head");
  require(!client.message.head.empty(), "the head is whole");
  require(tunnel || !end_stream || client.message.ended, "the answer ends where it ends");
  if (end_stream && head.framing == BodyFraming::kNone) return;  // HTTP/1 says: 0 bytes
  const bool to_head = question.method == "HEAD";
  requireSame(meaningOf(client.head, to_head), meaningOf(head, to_head), "same answer in HTTP/1");
}

void checkResponse(const FieldList& fields, bool end_stream, const Question& question) {
  const HeadReader::Asked asked{.head = question.method == "HEAD",
                                .connect = question.method == "CONNECT",
                                .upgrade = question.upgrade,
                                .websocket_key = "dGhlIHNhbXBsZSBub25jZQ=="};
  HeadReader reader;
  ResponseHead head;
  if (readResponse(reader, head, fields, end_stream, asked).reason != ErrorReason::kNone) return;
  checkWithHttp1(head, question, end_stream);
  HeadWriter writer;
  ResponseHead again;
  const FieldList written = listOf(writer.response(head, end_stream, asked.head));
  require(readResponse(reader, again, written, end_stream, asked).reason == ErrorReason::kNone,
          "HTTP/2 accepts the answer again");
  requireSame(meaningOf(again, asked.head), meaningOf(head, asked.head), "same answer in HTTP/2");
}

void checkTrailers(const FieldList& fields) {
  HeadReader reader;
  base::Arena arena;
  HeaderMap trailers(arena);
  if (readTrailers(reader, trailers, fields).reason != ErrorReason::kNone) return;
  RecordingClient client(roomy());
  client.requestWithBody(BodyFraming::kChunked, 0);
  require(client.encoder->encodeTrailers(trailers), "trailers are written");
  CodecLimits limits = roomy();
  limits.max_trailer_bytes = 1 << 20;
  RecordingServer server(limits);
  require(server.feed(client.output.take()).reason == ErrorReason::kNone,
          "HTTP/1 accepts the trailers");
  require(server.messages.size() == 1 && server.last().ended, "one request with trailers");
  requireSame(http1::textOf(server.trailers), http1::textOf(trailers), "same trailers");
}

}  // namespace
}  // namespace weir::http::http2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::http::http2;
  if (size < 1) return 0;
  const uint8_t kind = data[0];
  const FieldList fields = parse({reinterpret_cast<const char*>(data) + 1, size - 1});
  const bool end_stream = (kind & 4) != 0;
  constexpr Question kQuestions[] = {{"GET"}, {"HEAD"}, {"CONNECT"}, {"GET", "websocket"}};
  switch (kind & 3) {
    case 0:
    case 1:
      checkRequest(fields, end_stream, (kind & 8) != 0);
      break;
    case 2:
      checkResponse(fields, end_stream, kQuestions[kind >> 3 & 3]);
      break;
    case 3:
      checkTrailers(fields);
      break;
  }
  return 0;
}
