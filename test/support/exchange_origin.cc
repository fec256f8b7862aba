#include "test/support/exchange_origin.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <functional>
#include <utility>

#include "source/http/websocket.h"
#include "test/support/http2_bodies.h"
#include "test/support/http2_peer.h"

namespace weir::test {
namespace {

using http2::ErrorCode;
using http2::Field;
using http2::Fields;
using Length = ScriptedBody::Length;

constexpr auto kPatience = std::chrono::seconds(10);
// Connections of the proxy stay open between exchanges.
constexpr auto kIdlePatience = std::chrono::minutes(5);
constexpr size_t kChunkBytes = 7000;

std::string inCapitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

void addLines(std::string& text, const HeaderList& headers) {
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
}

std::string startLine(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
}

std::string chunkOf(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

std::string http1Head(const ScriptedResponse& response) {
  std::string head = startLine(response.status);
  addLines(head, response.headers);
  if (!response.announced_length.empty()) {
    head += "Content-Length: " + response.announced_length + "\r\n";
  } else if (response.body.length == Length::kKnown) {
    head += "Content-Length: " + std::to_string(response.body.bytes.size()) + "\r\n";
  } else if (response.until_close) {
    head += "Connection: close\r\n";
  } else if (response.body.length == Length::kUnknown) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (response.status != 204 && response.status != 304) {
    head += "Content-Length: 0\r\n";
  }
  return head + "\r\n";
}

std::string http1Body(const ScriptedResponse& response) {
  const ScriptedBody& body = response.body;
  const std::string_view bytes = std::string_view(body.bytes).substr(0, response.breaks_after);
  if (body.length != Length::kUnknown || response.until_close) return std::string(bytes);
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += kChunkBytes) {
    text += chunkOf(bytes.substr(at, kChunkBytes));
  }
  if (response.breaks_after != kNever) return text;
  text += "0\r\n";
  addLines(text, body.trailers);
  return text + "\r\n";
}

std::multimap<std::string, std::string> mapOf(const Fields& fields) {
  std::multimap<std::string, std::string> map;
  for (const Field& field : fields) map.emplace(field.name, field.value);
  return map;
}

Fields fieldsOf(int status, const HeaderList& headers) {
  Fields fields = {{":status", std::to_string(status)}};
  for (const auto& [name, value] : headers) fields.push_back({name, value});
  return fields;
}

// One HTTP/2 connection of the origin: every stream goes on as far as it can whenever a frame has
// come.
class Http2Origin {
 public:
  using Find = std::function<const Exchange*(const std::string&)>;
  using Note = std::function<void(const std::string&, Seen)>;
  using Accuse = std::function<void(const std::string&)>;
  Http2Origin(RawConnection& connection, Find find, Note note, Accuse accuse)
      : peer_(connection),
        find_(std::move(find)),
        note_(std::move(note)),
        accuse_(std::move(accuse)) {
    peer_.patience = kIdlePatience;
  }

  void run() {
    if (!peer_.start({{http2::Setting::kEnableConnectProtocol, 1},
                      {http2::Setting::kMaxConcurrentStreams, 1000}})) {
      return;
    }
    while (peer_.next()) {
      peer_.drain();
      accuse();
      do {
        takeRequests();
        for (auto& [stream, running] : running_) proceed(stream, running);
        bodies_.pump();
      } while (resetStreams());
    }
    for (auto& [stream, running] : running_) {
      if (!running.noted) noteRequest(stream, running, "broken");
    }
  }

 private:
  enum class Stage { kRequest, kTunnel, kDone };
  struct Running {
    const Exchange* exchange = nullptr;
    Stage stage = Stage::kRequest;
    bool noted = false;
    size_t echoed = 0;
  };

  void accuse() {
    const std::string& violations = peer_.violations();
    if (violations.size() == violations_bytes_) return;
    accuse_(violations.substr(violations_bytes_));
    violations_bytes_ = violations.size();
  }

  // Once the other end has taken in what came before: a reset may overtake that. True when there
  // was any; other frames may have come meanwhile.
  bool resetStreams() {
    if (to_reset_.empty()) return false;
    const std::vector<uint32_t> streams = std::exchange(to_reset_, {});
    peer_.roundTrip();
    for (const uint32_t stream : streams) {
      bodies_.forget(stream);
      peer_.send(http2::rstStream(stream, ErrorCode::kInternalError));
    }
    return true;
  }

  void takeRequests() {
    const auto& frames = peer_.frames();
    for (; frames_seen_ < frames.size(); ++frames_seen_) {
      const http2::Frame& frame = frames[frames_seen_];
      if (frame.type == http2::FrameType::kHeaders && running_.count(frame.stream) == 0) {
        begin(frame.stream);
      }
    }
  }

  void begin(uint32_t stream) {
    const http2::Message& message = peer_.message(stream);
    if (message.head.empty()) return;  // the rest of the head is on its way: CONTINUATION
    Running& running = running_[stream];
    running.exchange = find_(message.header("x-exchange"));
    if (running.exchange == nullptr) {
      peer_.respond(stream, 500, "no such exchange");
      running.stage = Stage::kDone;
      running.noted = true;
      return;
    }
    const ScriptedResponse& response = running.exchange->response;
    if (message.header("expect") == "100-continue") sendHead(stream, 100, {}, false);
    for (const auto& [status, headers] : response.interim) sendHead(stream, status, headers, false);
    if (running.exchange->tunnel() && response.status < 300) {
      sendHead(stream, 200, response.headers, false);
      running.stage = Stage::kTunnel;
      noteRequest(stream, running, "tunnel");
    }
  }

  void sendHead(uint32_t stream, int status, const HeaderList& headers, bool end_stream,
                const std::string& length = {}) {
    Fields fields = fieldsOf(status, headers);
    if (!length.empty()) fields.push_back({"content-length", length});
    peer_.send(http2::headers(
        stream, http2::hpack::block(fields),
        static_cast<uint8_t>(http2::kEndHeaders | (end_stream ? http2::kEndStream : 0))));
  }

  void proceed(uint32_t stream, Running& running) {
    const http2::Message& message = peer_.message(stream);
    switch (running.stage) {
      case Stage::kRequest:
        if (message.reset) {
          noteRequest(stream, running, "broken");
          running.stage = Stage::kDone;
        } else if (const bool whole = message.ended || running.exchange->tunnel();
                   whole || running.exchange->response.early) {
          const bool early = running.exchange->response.early;
          noteRequest(stream, running, whole && !early ? "whole" : "broken");
          respond(stream, *running.exchange);
          running.stage = Stage::kDone;
        }
        return;
      case Stage::kTunnel:
        bodies_.add(stream, inCapitals(message.body.substr(running.echoed)));
        running.echoed = message.body.size();
        if (message.ended) bodies_.end(stream);
        if (message.over()) running.stage = Stage::kDone;
        return;
      case Stage::kDone:
        return;
    }
  }

  void respond(uint32_t stream, const Exchange& exchange) {
    const ScriptedResponse& response = exchange.response;
    if (response.breaks_at_once) {
      to_reset_.push_back(stream);
      return;
    }
    std::string length = response.announced_length;
    if (response.body.length == Length::kKnown && length.empty()) {
      length = std::to_string(response.body.bytes.size());
    }
    const bool no_body = response.body.length == Length::kNone || exchange.toHead();
    sendHead(stream, response.status, response.headers, no_body, length);
    if (no_body) return;
    bodies_.add(stream, std::string_view(response.body.bytes).substr(0, response.breaks_after));
    if (response.breaks_after != kNever) {
      to_reset_.push_back(stream);
      return;
    }
    Fields trailers;
    for (const auto& [name, value] : response.body.trailers) trailers.push_back({name, value});
    bodies_.end(stream, trailers);
  }

  void noteRequest(uint32_t stream, Running& running, std::string_view end) {
    running.noted = true;
    const http2::Message& message = peer_.message(stream);
    Seen seen{.headers = mapOf(message.head), .end = std::string(end)};
    const bool websocket = message.count(":protocol") != 0;
    const std::string method = websocket ? "GET" : message.header(":method");
    seen.line = method + " " + message.header(":authority") + " " + message.header(":path");
    if (websocket) seen.line += " upgrade " + message.header(":protocol");
    if (!running.exchange->tunnel()) seen.body = message.body;
    seen.trailers = mapOf(message.trailers);
    note_(running.exchange->name, std::move(seen));
  }

  http2::Http2Peer peer_;
  http2::BodySender bodies_{peer_};
  const Find find_;
  const Note note_;
  const Accuse accuse_;
  size_t violations_bytes_ = 0;
  std::map<uint32_t, Running> running_;
  std::vector<uint32_t> to_reset_;
  size_t frames_seen_ = 0;
};

}  // namespace

ExchangeOrigin::ExchangeOrigin(Speaks speaks, const std::vector<Exchange>& exchanges)
    : exchanges_(exchanges), origin_([this, speaks](RawConnection& connection, int) {
        speaks == Speaks::kHttp1 ? serveHttp1(connection) : serveHttp2(connection);
      }) {}

std::vector<Seen> ExchangeOrigin::seen(const std::string& exchange, size_t times) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return seen_[exchange].size() >= times; });
  return seen_[exchange];
}

void ExchangeOrigin::forget() {
  std::lock_guard lock(mutex_);
  seen_.clear();
}

std::string ExchangeOrigin::violations() {
  std::lock_guard lock(mutex_);
  return violations_;
}

const Exchange* ExchangeOrigin::find(const std::string& name) const {
  const auto found = std::find_if(exchanges_.begin(), exchanges_.end(),
                                  [&](const Exchange& exchange) { return exchange.name == name; });
  return found == exchanges_.end() ? nullptr : &*found;
}

void ExchangeOrigin::note(const std::string& exchange, Seen seen) {
  std::lock_guard lock(mutex_);
  seen_[exchange].push_back(std::move(seen));
  changed_.notify_all();
}

void ExchangeOrigin::serveHttp1(RawConnection& connection) {
  while (serveOne(connection)) {
  }
}

// False: the connection is of no more use.
bool ExchangeOrigin::serveOne(RawConnection& connection) {
  RawMessage request = connection.readMessage(false, /*body=*/false);
  if (!request.complete) return false;
  const Exchange* exchange = find(request.header("x-exchange"));
  if (exchange == nullptr) {
    return connection.send("HTTP/1.1 500 No Such Exchange\r\nContent-Length: 0\r\n\r\n");
  }
  const ScriptedResponse& response = exchange->response;
  Seen seen{.line = request.method() + " " + request.header("host") + " " +
                    (exchange->connect() ? "" : request.target()),
            .headers = request.headers};
  if (request.count("upgrade") != 0) seen.line += " upgrade " + request.header("upgrade");
  if (request.header("expect") == "100-continue") connection.send(startLine(100) + "\r\n");
  for (const auto& [status, headers] : response.interim) {
    std::string head = startLine(status);
    addLines(head, headers);
    connection.send(head + "\r\n");
  }
  if (exchange->tunnel() && response.status < 300) {
    seen.end = "tunnel";
    note(exchange->name, std::move(seen));
    std::string head = startLine(exchange->connect() ? 200 : 101);
    addLines(head, response.headers);
    if (!exchange->connect()) {
      const auto accept = http::webSocketAccept(request.header("sec-websocket-key"));
      head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
              std::string(accept.data(), accept.size()) + "\r\n";
    }
    connection.send(head + "\r\n");
    for (std::string some = connection.readSome(); !some.empty(); some = connection.readSome()) {
      connection.send(inCapitals(some));
    }
    return false;
  }
  const bool whole = !response.early && connection.readBody(request);
  seen.body = request.body;
  seen.trailers = request.trailers;
  seen.end = whole ? "whole" : "broken";
  note(exchange->name, std::move(seen));
  if (response.breaks_at_once) {
    connection.abort();
    return false;
  }
  if (!whole && !response.early) return false;
  connection.send(http1Head(response));
  if (!exchange->toHead()) connection.send(http1Body(response));
  if (response.breaks_after != kNever || response.until_close) return false;
  if (response.early) return connection.readBody(request);
  return whole;
}

void ExchangeOrigin::serveHttp2(RawConnection& connection) {
  Http2Origin origin(
      connection, [this](const std::string& name) { return find(name); },
      [this](const std::string& name, Seen seen) { note(name, std::move(seen)); },
      [this](const std::string& violations) {
        std::lock_guard lock(mutex_);
        violations_ += violations;
      });
  origin.run();
}

}  // namespace weir::test
