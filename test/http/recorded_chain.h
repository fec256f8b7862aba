#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "source/http/filter_chain.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_terminal.h"

namespace weir::http {

// A chain and what it works on, without connection. Worker-confined.
struct BareChain {
  explicit BareChain(ResponseSink& client);

  void sendBody(std::string_view bytes, bool end);
  // Ends the stream; the chain takes another.
  void clear();

  event::FakeDispatcher dispatcher;
  buffer::BlockPool blocks;
  RequestHead request_head;
  ResponseHead response_head;
  HeaderMap request_trailers{request_head.arena};
  HeaderMap response_trailers{response_head.arena};
  StreamInfo info;
  base::Arena arena;
  FilterChain chain;
};

// What reached the client. Worker-confined.
class ClientSide final : public ResponseSink {
 public:
  void sendInformational(ResponseHead&) override { ++informational; }
  void sendHead(ResponseHead& head, bool end) override;
  void sendBody(buffer::Buffer& data, bool end) override;
  void sendTrailers(HeaderMap& fields) override;
  void sendReset(const StreamError& error) override { reset = error.detail(); }
  void setRequestReadEnabled(bool enabled) override { reading = enabled; }
  void clearRouteCache() override { ++cleared; }
  const Route* resolveRoute() override { return route; }

  bool record = true;  // else no texts are kept, which takes memory
  int status = 0;
  std::string reason;
  int informational = 0;
  BodyFraming framing = BodyFraming::kNone;
  uint64_t content_length = 0;
  std::string headers;  // "name: value\n"…
  std::string body;
  std::string trailers;
  bool trailing = false;  // trailers came
  bool ended = false;
  bool reading = true;
  int cleared = 0;
  std::string reset;
  const Route* route = nullptr;
};

// A chain between a client's side and a fake terminal: what tests of one filter begin with.
// Worker-confined.
struct RecordedChain : BareChain {
  using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  RecordedChain() : BareChain(client) {}

  void answerBody(std::string_view bytes, bool end) { terminal->send(bytes, end); }
  void answerTrailers(Fields fields);

  const TerminalScript::Request& seen() const { return script.requests.back(); }

  ClientSide client;
  TerminalScript script;
  FakeTerminal* terminal = nullptr;
};

}  // namespace weir::http
