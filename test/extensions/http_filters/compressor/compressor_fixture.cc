#include "test/extensions/http_filters/compressor/compressor_fixture.h"

#include <utility>

#include "source/base/ascii.h"
#include "source/base/service_map.h"

namespace weir::extensions::http_filters::compressor {

using common::codecs::Coding;
using common::codecs::Decoder;

std::string decoded(std::string_view coding, std::string_view body) {
  const auto known = common::codecs::codingOf(coding);
  if (!known) return coding.empty() ? std::string(body) : "!";
  const auto decoder = common::codecs::makeDecoder(*known);
  buffer::BlockPool blocks;
  buffer::Buffer in(blocks);
  buffer::Buffer out(blocks);
  in.append(body);
  const bool good = decoder->begin() &&
                    decoder->decode(in, size_t{1} << 30, out) == Decoder::Result::kGood &&
                    decoder->complete();
  return good ? out.toString() : "!";
}

CompressorChain::CompressorChain(CompressorConfig config) {
  if (config.encoders.empty()) {
    config.encoders = {{Coding::kZstd, 3, 18}, {Coding::kBrotli, 4, 18}, {Coding::kGzip, 5, 15, 8}};
  }
  for (size_t i = 0; i < common::codecs::kCodings; ++i) {
    const std::string name(codingName(static_cast<Coding>(i)));
    ids.coding[i] = {stats.counter("responses", "A test's.", {{"coding", name}}),
                     stats.counter("in", "A test's.", {{"coding", name}}),
                     stats.counter("out", "A test's.", {{"coding", name}})};
  }
  for (size_t i = 0; i < kSkipped; ++i) {
    ids.skipped[i] = stats.counter("skipped", "A test's.", {{"reason", std::to_string(i)}});
  }
  config.stats = ids;
  shared_ = std::make_unique<CompressorFilterFactory>(std::move(config));
  base::ServiceMap services;
  services.put(stats.block(1));
  factory_ = shared_->bind(services);
}

void CompressorChain::request(std::string_view accept_encoding, std::string_view method,
                              Fields more) {
  if (terminal == nullptr || client.record)
    terminal = arena.create<http::FakeTerminal>(script, chain);
  chain.addFilter(*factory_->create(arena));
  chain.setTerminal(*terminal);
  request_head.method = method;
  request_head.authority = "example.com";
  request_head.path = "/";
  if (!accept_encoding.empty()) {
    request_head.headers.add(http::HeaderId::kAcceptEncoding, accept_encoding);
  }
  for (const auto& [name, value] : more) request_head.headers.add(name, value);
  chain.requestHead(true);
}

void CompressorChain::answerHead(std::string_view content_type, int64_t length, Fields more,
                                 bool end_stream, int status) {
  const auto framing = length < 0 ? http::BodyFraming::kChunked : http::BodyFraming::kContentLength;
  http::ResponseHead& head = terminal->begin(static_cast<uint16_t>(status), framing,
                                             length < 0 ? 0 : static_cast<uint64_t>(length));
  if (!content_type.empty()) head.headers.add(http::HeaderId::kContentType, content_type);
  if (length >= 0) head.headers.add("Content-Length", std::to_string(length));
  for (const auto& [name, value] : more) head.headers.add(name, value);
  chain.respondHead(end_stream);
}

std::string CompressorChain::answer(std::string_view content_type, std::string_view body,
                                    Fields more) {
  answerHead(content_type, static_cast<int64_t>(body.size()), more, body.empty());
  if (!body.empty()) answerBody(body, true);
  std::string coding = field("content-encoding");
  return decoded(coding, client.body);
}

std::string CompressorChain::field(std::string_view name) const {
  std::string lower;
  for (const char c : client.headers) lower += base::toLower(c);
  const std::string start = "\n" + std::string(name) + ": ";
  const std::string text = "\n" + lower;
  const size_t at = text.find(start);
  if (at == std::string::npos) return "";
  const size_t begin = at + start.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace weir::extensions::http_filters::compressor
