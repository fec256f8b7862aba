#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/http2/codec.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::http {

// One answer, as the client codec told of it.
class Http2Answer final : public ResponseDecoder {
 public:
  ResponseHead& responseHead() override { return head; }
  HeaderMap& responseTrailers() override { return trailers; }
  void onInformational() override { ++informational; }
  void onHead(bool end_stream) override {
    status = head.status;
    ended = end_stream;
  }
  void onBody(buffer::Buffer& data, bool end_stream) override {
    body += data.toString();
    data.clear();
    ended = ended || end_stream;
  }
  void onTrailers() override { ended = true; }
  void onReset(const StreamError& error) override { reset = std::string(error.detail()) + "!"; }
  void onRequestBlocked(bool now) override { blocked = now; }

  RequestHead request;
  ResponseHead head;
  HeaderMap trailers{head.arena};
  RequestEncoder* encoder = nullptr;
  int informational = 0;
  int status = 0;
  std::string body;
  std::string reset;  // the detail and "!"
  bool ended = false;
  bool blocked = false;
};

// A client that speaks HTTP/2 through our own codec, over strings. Outlived by dispatcher.
class Http2Client final : public CodecOutput, public http2::ClientCallbacks {
 public:
  explicit Http2Client(event::FakeDispatcher& d, const http2::Options& o = {})
      : dispatcher(d), options(o) {}

  // Begins a request; its answer stays where it is.
  Http2Answer& request(std::string_view method, std::string_view path, bool end_stream = true) {
    Http2Answer& answer = *answers.emplace_back(std::make_unique<Http2Answer>());
    answer.request.method = method;
    answer.request.scheme = "http";
    answer.request.authority = "example.com";
    answer.request.path = path;
    answer.request.version = Version::kHttp2;
    answer.encoder = &codec->newStream(answer);
    if (!answer.encoder->encodeHead(answer.request, end_stream)) answer.reset = "not sent!";
    return answer;
  }
  void send(Http2Answer& answer, std::string_view bytes, bool end_stream) {
    buffer::Buffer data(pool);
    data.append(bytes);
    if (!answer.encoder->encodeBody(data, end_stream)) answer.reset = "not sent!";
  }
  // What is to be sent now.
  std::string take() {
    dispatcher.runUntilIdle();
    std::string text = bytes.toString();
    bytes.clear();
    return text;
  }
  // What the server sent.
  StreamError receive(std::string_view text) {
    input.append(text);
    return codec->dispatch(input, false);
  }

  buffer::Buffer& output() override { return bytes; }
  void outputReady(bool) override {}
  void setReadEnabled(bool) override {}
  void abort() override { aborted = true; }
  void onStreamEnded() override { ++streams_ended; }
  void onCapacityChanged() override {}
  void onConnectionError(const StreamError& error) override { failure = error.detail(); }

  event::FakeDispatcher& dispatcher;
  const http2::Options options;
  CodecLimits limits;
  stats::Store store;
  http2::Stats stats = http2::Stats::create(store, {});
  http2::Cells cells{stats, store.block(1)};
  base::Random random;
  buffer::BlockPool pool;
  buffer::Buffer bytes{pool};
  buffer::Buffer input{pool};
  std::vector<std::unique_ptr<Http2Answer>> answers;
  int streams_ended = 0;
  bool aborted = false;
  std::string failure;
  std::unique_ptr<http2::Http2ClientCodec> codec =
      http2::createClientCodec({dispatcher, pool, random, cells, limits, options}, *this, *this);
};

}  // namespace weir::http
