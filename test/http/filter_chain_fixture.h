#pragma once

#include <string>
#include <vector>

#include "source/http/filter_chain.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_http_filter.h"
#include "test/fakes/fake_terminal.h"

namespace weir::http {

// The near end of a chain under test: records what is sent.
class RecordingSink final : public ResponseSink {
 public:
  void sendInformational(ResponseHead& head) override { informational.push_back(head.status); }
  void sendHead(ResponseHead& head, bool end) override {
    ++heads;
    status = head.status;
    content_length = head.content_length;
    ended = end;
  }
  void sendBody(buffer::Buffer& data, bool end) override {
    body_before_head |= heads == 0;
    after_end |= ended;
    body += data.toString();
    ended = end;
  }
  void sendTrailers(HeaderMap&) override {
    after_end |= ended;
    trailers = ended = true;
  }
  void sendReset(const StreamError& error) override {
    ++resets;
    reset_reason = error.reason;
  }
  void setRequestReadEnabled(bool enabled) override { reads.push_back(enabled); }
  void clearRouteCache() override {}
  const Route* resolveRoute() override { return route; }
  bool reading() const { return reads.empty() || reads.back(); }

  const Route* route = nullptr;
  std::vector<int> informational;
  int heads = 0;
  int status = 0;
  uint64_t content_length = 0;
  std::string body;
  bool trailers = false;
  bool ended = false;
  bool body_before_head = false;
  bool after_end = false;
  int resets = 0;
  ErrorReason reset_reason = ErrorReason::kNone;
  std::vector<bool> reads;
};

// A chain with fake filters between a recording sink and a fake terminal, without connection.
struct ChainUnderTest {
  FilterScript a;  // outlive the filters
  FilterScript b;
  FilterScript c;
  event::FakeDispatcher dispatcher;
  buffer::BlockPool blocks;
  RequestHead request;
  ResponseHead response;
  HeaderMap request_trailers{request.arena};
  HeaderMap response_trailers{response.arena};
  StreamInfo info;
  base::Arena arena;
  RecordingSink sink;
  TerminalScript terminal_script;
  FilterChain chain{{.request = request,
                     .response = response,
                     .request_trailers = request_trailers,
                     .response_trailers = response_trailers,
                     .info = info,
                     .arena = arena,
                     .dispatcher = dispatcher,
                     .blocks = blocks},
                    sink};
  FakeTerminal* terminal = nullptr;

  void build(std::vector<FilterScript*> scripts) {
    uint32_t position = 0;
    for (FilterScript* script : scripts) {
      chain.addFilter(*arena.create<FakeHttpFilter>(*script), position++);
    }
    terminal = arena.create<FakeTerminal>(terminal_script, chain);
    chain.setTerminal(*terminal);
    request.method = "POST";
    request.authority = "example.com";
    request.path = "/";
    request.framing = BodyFraming::kChunked;
  }
  void sendBody(std::string_view bytes, bool end) {
    buffer::Buffer data(blocks);
    data.append(bytes);
    chain.requestBody(data, end);
  }
  const TerminalScript::Request& seen() const { return terminal_script.requests.at(0); }
};

}  // namespace weir::http
