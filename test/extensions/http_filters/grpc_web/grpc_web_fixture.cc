#include "test/extensions/http_filters/grpc_web/grpc_web_fixture.h"

#include <algorithm>

#include "source/base/service_map.h"
#include "source/http/grpc_frames.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

GrpcWebStats makeStats(stats::Store& store) {
  const auto counter = [&](std::string_view name) { return store.counter(name, "A test's."); };
  return {counter("requests"),  counter("text"),    counter("malformed_requests"),
          counter("malformed"), counter("foreign"), counter("missing")};
}

}  // namespace

std::string toBase64(std::string_view bytes) {
  std::string bits;
  for (const char c : bytes) {
    for (int i = 7; i >= 0; --i) bits += (static_cast<unsigned char>(c) >> i & 1) != 0 ? '1' : '0';
  }
  while (bits.size() % 6 != 0) bits += '0';
  std::string text;
  for (size_t i = 0; i < bits.size(); i += 6) {
    text += kDigits[std::stoul(bits.substr(i, 6), nullptr, 2)];
  }
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::string fromBase64(std::string_view text) {
  std::string bytes;
  for (; !text.empty(); text.remove_prefix(std::min<size_t>(text.size(), 4))) {
    const std::string_view group = text.substr(0, 4);
    const size_t digits = std::min(group.find('='), group.size());
    const bool padded = group.find_first_not_of('=', digits) == std::string_view::npos;
    if (group.size() < 4 || digits < 2 || !padded) return "!";
    std::string bits;
    for (const char c : group.substr(0, digits)) {
      const size_t value = kDigits.find(c);
      if (value == std::string_view::npos) return "!";
      for (int i = 5; i >= 0; --i) bits += (value >> i & 1) != 0 ? '1' : '0';
    }
    const size_t used = bits.size() / 8 * 8;
    if (bits.find('1', used) != std::string::npos) return "!";
    for (size_t i = 0; i < used; i += 8) {
      bytes += static_cast<char>(std::stoul(bits.substr(i, 8), nullptr, 2));
    }
  }
  return bytes;
}

std::string message(std::string_view payload, char flag) {
  auto prefix = http::grpcPrefix(static_cast<uint32_t>(payload.size()), false);
  prefix.front() = flag;
  return std::string(prefix.data(), prefix.size()).append(payload);
}

std::string readFrames(std::string_view body) {
  std::string text;
  while (!body.empty()) {
    if (body.size() < 5) return text + "!";
    size_t length = 0;
    for (size_t i = 1; i < 5; ++i) length = length * 256 + static_cast<unsigned char>(body[i]);
    if (body.size() - 5 < length) return text + "!";
    const std::string payload(body.substr(5, length));
    const auto flag = static_cast<unsigned char>(body.front());
    text += flag == 0x80 ? "trailers\n" + payload : "data " + payload + "\n";
    body.remove_prefix(5 + length);
    if (flag == 0x80 && !body.empty()) return text + "!";
  }
  return text;
}

GrpcWebChain::GrpcWebChain() : ids(makeStats(stats)) {
  base::ServiceMap services;
  services.put(stats.block(1));
  factory_ = GrpcWebFilterFactory(ids).bind(services);
}

void GrpcWebChain::request(std::string_view content_type, Fields more, bool end_stream) {
  terminal = arena.create<http::FakeTerminal>(script, chain);
  begin(content_type, *terminal, more, end_stream);
}

void GrpcWebChain::begin(std::string_view content_type, http::Terminal& to, Fields more,
                         bool end_stream) {
  chain.addFilter(*factory_->create(arena));
  chain.setTerminal(to);
  request_head.method = "POST";
  request_head.authority = "example.com";
  request_head.path = "/greet.Greeter/Hello";
  request_head.framing = http::BodyFraming::kContentLength;
  request_head.content_length = 4711;
  if (!content_type.empty()) request_head.headers.add(http::HeaderId::kContentType, content_type);
  for (const auto& [name, value] : more) request_head.headers.add(name, value);
  chain.requestHead(end_stream);
}

void GrpcWebChain::answerHead(std::string_view content_type, bool end_stream, int status,
                              Fields more) {
  http::ResponseHead& head =
      terminal->begin(static_cast<uint16_t>(status), http::BodyFraming::kContentLength, 4711);
  head.headers.add(http::HeaderId::kContentType, content_type);
  for (const auto& [name, value] : more) head.headers.add(name, value);
  chain.respondHead(end_stream);
}

}  // namespace weir::extensions::http_filters::grpc_web
