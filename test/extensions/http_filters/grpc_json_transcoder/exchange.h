#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/grpc_json_transcoder/escapes.h"
#include "extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"
#include "source/base/concat.h"
#include "source/http/grpc_frames.h"
#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"
#include "test/http/filter_chain_fixture.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

inline std::string framed(std::string_view message, bool compressed = false) {
  const auto prefix = http::grpcPrefix(static_cast<uint32_t>(message.size()), compressed);
  return base::concat(std::string_view(prefix.data(), prefix.size()), message);
}

// One stream through the filter, between a client that speaks JSON and an upstream that the test
// plays.
class Exchange : public http::ChainUnderTest {
 public:
  explicit Exchange(const Options& options = {}) : transcoding_(shelves(options)) {
    base::ServiceMap services;
    factory_ = GrpcJsonTranscoderFilterFactory(transcoding_).bind(services);
    filter_ = factory_->create(arena);
    chain.addFilter(*filter_);
    build({});
    response_trailers.clear();
  }
  ~Exchange() { chain.end(); }

  // A request as a whole, its body in pieces.
  void ask(std::string_view method, std::string_view path,
           const std::vector<std::string>& body = {}) {
    begin(method, path, body.empty());
    for (size_t i = 0; i < body.size(); ++i) sendBody(body[i], i + 1 == body.size());
  }
  void begin(std::string_view method, std::string_view path, bool end) {
    request.method = request.arena.copy(method);
    request.path = request.arena.copy(path);
    request.framing = end ? http::BodyFraming::kNone : http::BodyFraming::kChunked;
    chain.requestHead(end);
  }

  // What the upstream got: "POST /shop.Shelves/GetBook", then each message in the text format.
  std::string line() const { return seen().line; }
  std::vector<std::string> messages(std::string_view type) const {
    buffer::BlockPool pool;
    http::GrpcFrameReader reader(pool, 1 << 20);
    buffer::Buffer body(pool);
    body.append(seen().body);
    reader.add(body);
    std::vector<std::string> texts;
    buffer::Buffer message(pool);
    bool compressed = false;
    while (reader.next(message, compressed) == http::GrpcFrameReader::Result::kMessage) {
      texts.push_back(textOf(transcoding_->types(), type, message.toString()));
      message.clear();
    }
    EXPECT_TRUE(reader.betweenMessages());
    return texts;
  }

  // The upstream's answer, piece by piece.
  void grpcHead(uint16_t status = 200) {
    terminal->begin(status, http::BodyFraming::kChunked)
        .headers.add(http::HeaderId::kContentType, "application/grpc+proto");
    response.headers.add("x-meta", "m");
    response.headers.add("grpc-encoding", "identity");
    chain.respondHead(false);
  }
  void message(std::string_view type, std::string_view text) {
    terminal->send(framed(binaryOf(transcoding_->types(), type, text)), false);
  }
  void status(std::string_view number, std::string_view message = {},
              std::string_view details = {}) {
    addStatus(response_trailers, number, message, details);
    chain.respondTrailers();
  }
  void trailersOnly(std::string_view number, std::string_view message = {}) {
    terminal->begin(200, http::BodyFraming::kContentLength)
        .headers.add(http::HeaderId::kContentType, "application/grpc");
    addStatus(response.headers, number, message, {});
    chain.respondHead(true);
  }
  std::string header(std::string_view name) { return std::string(response.headers.get(name)); }

 private:
  static void addStatus(http::HeaderMap& fields, std::string_view number, std::string_view message,
                        std::string_view details) {
    fields.add("grpc-status", number);
    if (!message.empty()) fields.add("grpc-message", message);
    if (!details.empty()) fields.add("grpc-status-details-bin", encodeBase64(details));
  }
  const std::shared_ptr<const Transcoding> transcoding_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
  http::HttpFilter* filter_ = nullptr;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
