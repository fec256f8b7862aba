#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "extensions/http_filters/grpc_web/grpc_web.h"
#include "source/http/filter_chain.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_terminal.h"

namespace weir::extensions::http_filters::grpc_web {

// Naive and whole, to compare with.
std::string toBase64(std::string_view bytes);
// Of one or more encoded pieces behind each other; "!" when it is not base64.
std::string fromBase64(std::string_view text);
// A gRPC message, or with another flag what looks like one.
std::string message(std::string_view payload, char flag = 0);
// What a gRPC-Web client reads in an answer: a line for each message ("data …"), then the fields of
// the last frame; "!" for what is no frame.
std::string readFrames(std::string_view body);

// What reached the client. Worker-confined.
class ClientSide final : public http::ResponseSink {
 public:
  void sendInformational(http::ResponseHead&) override { ++informational; }
  void sendHead(http::ResponseHead& head, bool end) override;
  void sendBody(buffer::Buffer& data, bool end) override;
  void sendTrailers(http::HeaderMap&) override { trailers = ended = true; }
  void sendReset(const http::StreamError& error) override { reset = error.detail(); }
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const http::Route* resolveRoute() override { return nullptr; }

  int status = 0;
  int informational = 0;
  http::BodyFraming framing = http::BodyFraming::kNone;
  uint64_t content_length = 0;
  std::string headers;  // "name: value\n"…
  std::string body;
  std::vector<size_t> pieces;  // body bytes after each
  bool record = true;
  bool trailers = false;
  bool ended = false;
  std::string reset;
};

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class GrpcWebChain {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  GrpcWebChain();

  // Begins a stream that runs into `to`.
  void begin(std::string_view content_type, http::Terminal& to, Fields more = {},
             bool end_stream = false);
  // The same with a fake one. The Content-Length of the messages is one that no body here has.
  void request(std::string_view content_type, Fields more = {}, bool end_stream = false);
  void sendBody(std::string_view bytes, bool end);
  void answerHead(std::string_view content_type, bool end_stream, int status = 200,
                  Fields more = {});
  void answerBody(std::string_view bytes, bool end);
  void answerTrailers(Fields fields);
  // Ends the stream; the chain takes another.
  void clear();

  const http::TerminalScript::Request& seen() const { return script.requests.back(); }
  uint64_t count(stats::CounterId id) const { return stats.value(id); }

  stats::Store stats;
  const GrpcWebStats ids;
  event::FakeDispatcher dispatcher;
  buffer::BlockPool blocks;
  http::RequestHead request_head;
  http::ResponseHead response_head;
  http::HeaderMap request_trailers{request_head.arena};
  http::HeaderMap response_trailers{response_head.arena};
  http::StreamInfo info;
  base::Arena arena;
  ClientSide client;
  http::TerminalScript script;
  http::FilterChain chain{{.request = request_head,
                           .response = response_head,
                           .request_trailers = request_trailers,
                           .response_trailers = response_trailers,
                           .info = info,
                           .arena = arena,
                           .dispatcher = dispatcher,
                           .blocks = blocks},
                          client};
  http::FakeTerminal* terminal = nullptr;

 private:
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

}  // namespace weir::extensions::http_filters::grpc_web
