#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/http/connection_manager.h"

namespace weir::http {

class FakeTerminal;

// What the terminals of a test saw and do; held by the test, as a terminal goes with its stream.
struct TerminalScript {
  // After the recording of each call; null: nothing.
  std::function<void(FakeTerminal&, RequestHead&, bool end)> head;
  std::function<void(FakeTerminal&, const std::string& piece, bool end)> body;

  struct Request {
    std::string line;     // "GET example.com /path"
    std::string headers;  // "name: value\n"…
    std::string body;
    std::string trailers;
    bool complete = false;
    bool ended = false;
    std::string detail;
  };
  std::vector<Request> requests;
  FakeTerminal* current = nullptr;  // null when its stream has ended
  std::vector<bool> blocked;
};

// The end of a filter chain that the test answers from. Worker-confined.
class FakeTerminal final : public Terminal {
 public:
  FakeTerminal(TerminalScript& script, FilterChain& chain)
      : script_(script), index_(script.requests.size()), chain_(chain) {
    script_.requests.emplace_back();
    script_.current = this;
  }

  FilterChain& chain() { return chain_; }
  // A complete response with a Content-Length.
  void respond(uint16_t status, std::string_view body) {
    begin(status, BodyFraming::kContentLength, body.size());
    if (body.empty()) return chain_.respondHead(true);
    chain_.respondHead(false);
    send(body, true);
  }
  // Sets the head up; respondHead() is the caller's.
  ResponseHead& begin(uint16_t status, BodyFraming framing, uint64_t length = 0) {
    ResponseHead& head = chain_.context().response;
    head.clear();
    head.status = status;
    head.framing = framing;
    head.content_length = length;
    return head;
  }
  void send(std::string_view bytes, bool end) {
    buffer::Buffer data(chain_.context().blocks);
    data.append(bytes);
    chain_.respondBody(data, end);
  }

  void onRequestHead(RequestHead& head, bool end) override {
    auto& request = mine();
    request.line =
        std::string(head.method) + " " + std::string(head.authority) + " " + std::string(head.path);
    head.headers.forEach([&](const HeaderMap::Field& field) { add(request.headers, field); });
    request.complete = end;
    if (script_.head) script_.head(*this, head, end);
  }
  void onRequestBody(buffer::Buffer& data, bool end) override {
    const std::string piece = data.toString();
    data.clear();
    mine().body += piece;
    mine().complete = end;
    if (script_.body) script_.body(*this, piece, end);
  }
  void onRequestTrailers(HeaderMap& trailers) override {
    trailers.forEach([&](const HeaderMap::Field& field) { add(mine().trailers, field); });
    mine().complete = true;
    if (script_.body) script_.body(*this, "", true);
  }
  void onResponseBlocked(bool blocked) override { script_.blocked.push_back(blocked); }
  void onStreamEnd() override {
    mine().ended = true;
    if (script_.current == this) script_.current = nullptr;
  }

 private:
  TerminalScript::Request& mine() { return script_.requests[index_]; }
  static void add(std::string& text, const HeaderMap::Field& field) {
    text.append(field.name).append(": ").append(field.value).append("\n");
  }
  TerminalScript& script_;
  const size_t index_;
  FilterChain& chain_;
};

// Makes FakeTerminals of one script, which it borrows. Immutable, but for the script.
class FakeTerminalFactory final : public TerminalFactory {
 public:
  explicit FakeTerminalFactory(TerminalScript& script) : script_(script) {}
  std::unique_ptr<WorkerTerminalFactory> bind(base::ServiceMap&) const override {
    return std::make_unique<Bound>(script_);
  }

 private:
  struct Bound final : WorkerTerminalFactory {
    explicit Bound(TerminalScript& s) : script(s) {}
    Terminal& create(base::Arena& arena, FilterChain& chain) override {
      return *arena.create<FakeTerminal>(script, chain);
    }
    TerminalScript& script;
  };
  TerminalScript& script_;
};

}  // namespace weir::http
