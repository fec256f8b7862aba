#include "test/support/exchange_client.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "source/http/websocket.h"

namespace weir::test {
namespace {

using http2::ErrorCode;
using http2::Field;
using http2::Fields;

constexpr size_t kChunkBytes = 9000;
// The example of RFC 6455.
constexpr std::string_view kWebSocketKey = "dGhlIHNhbXBsZSBub25jZQ==";

void addLines(std::string& text, const HeaderList& headers) {
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
}

std::string joined(const std::vector<std::string>& cookies) {
  std::string text;
  for (const std::string& cookie : cookies) text += (text.empty() ? "" : "; ") + cookie;
  return text;
}

std::string http1Head(const Exchange& exchange) {
  const ScriptedRequest& request = exchange.request;
  const std::string& target = exchange.connect() ? request.authority : request.path;
  std::string head =
      request.method + " " + target + " HTTP/1.1\r\nHost: " + request.authority + "\r\n";
  addLines(head, exchange.requestHeaders());
  addLines(head, request.http1_fields);
  if (!request.cookies.empty()) head += "Cookie: " + joined(request.cookies) + "\r\n";
  if (request.websocket) {
    head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ";
    head.append(kWebSocketKey).append("\r\n");
  }
  if (request.body.length == ScriptedBody::Length::kKnown) {
    head += "Content-Length: " + std::to_string(request.body.bytes.size()) + "\r\n";
  } else if (request.body.length == ScriptedBody::Length::kUnknown) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  return head + "\r\n";
}

std::string http1Body(const ScriptedBody& body, size_t most) {
  const std::string bytes = body.bytes.substr(0, most);
  if (body.length != ScriptedBody::Length::kUnknown) return bytes;
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += kChunkBytes) {
    const std::string chunk = bytes.substr(at, kChunkBytes);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
    text += size + chunk + "\r\n";
  }
  if (most != kNever) return text;
  text += "0\r\n";
  addLines(text, body.trailers);
  return text + "\r\n";
}

std::string interimText(int status, const std::multimap<std::string, std::string>& headers) {
  std::string text = std::to_string(status);
  for (const auto& [name, value] : headers) {
    if (endToEnd(name)) text += " " + name + "=" + value;
  }
  return text;
}

std::multimap<std::string, std::string> mapOf(const Fields& fields) {
  std::multimap<std::string, std::string> map;
  for (const Field& field : fields) map.emplace(field.name, field.value);
  return map;
}

// Whether the handshake's proof fits the key.
bool acceptFits(const RawMessage& response) {
  const auto accept = http::webSocketAccept(kWebSocketKey);
  return response.header("sec-websocket-accept") == std::string(accept.data(), accept.size());
}

void talkThroughTunnel(RawConnection& connection, Seen& seen) {
  seen.headers.erase("content-length");
  connection.send(kTunnelWords);
  seen.end = "tunnel " + connection.readExactly(kTunnelEcho.size());
  connection.shutdownWrite();
  seen.end += connection.readAll().empty() ? "" : " and more";
}

}  // namespace

Seen exchangeByHttp1(uint16_t port, const Exchange& exchange) {
  const ScriptedRequest& request = exchange.request;
  RawConnection connection = RawConnection::connectTo(port);
  connection.send(http1Head(exchange));
  const bool breaks = request.breaks_after != kNever;
  if (!request.awaits_continue) connection.send(http1Body(request.body, request.breaks_after));
  Seen seen;
  while (true) {
    RawMessage response = connection.readMessage(exchange.toHead(), /*body=*/false);
    const int status = response.status();
    seen.line = std::to_string(status);
    if (status >= 100 && status < 200 && status != 101) {
      seen.interim.push_back(interimText(status, response.headers));
      if (breaks) {
        connection.abort();
        seen.end = "broken";
        return seen;
      }
      if (status == 100 && request.awaits_continue)
        connection.send(http1Body(request.body, kNever));
      continue;
    }
    seen.headers = response.headers;
    const bool accepted = exchange.connect() ? status == 200 : status == 101;
    if (exchange.tunnel() && accepted) {
      if (request.websocket && !acceptFits(response)) seen.interim.push_back("wrong accept");
      seen.line = "tunnel begins";
      talkThroughTunnel(connection, seen);
      return seen;
    }
    const bool whole = response.complete && connection.readBody(response, exchange.toHead());
    seen.body = response.body;
    seen.trailers = response.trailers;
    seen.end = whole ? "whole" : "broken";
    return seen;
  }
}

Seen exchangeByHttp2(uint16_t port, const Exchange& exchange) {
  Http2ExchangeClient client(port);
  if (!client.started()) return {.line = "no connection"};
  const uint32_t stream = client.begin(exchange);
  client.run();
  Seen seen = client.seen(stream);
  if (!client.peer().violations().empty()) seen.line += "\n" + client.peer().violations();
  return seen;
}

Http2ExchangeClient::Http2ExchangeClient(uint16_t port)
    : peer_(http2::Http2Peer::connectTo(port)), started_(peer_.start()) {}

Fields Http2ExchangeClient::fieldsOf(const Exchange& exchange) const {
  const ScriptedRequest& request = exchange.request;
  Fields fields = {{":method", request.websocket ? "CONNECT" : request.method}};
  if (request.websocket) fields.push_back({":protocol", "websocket"});
  if (!exchange.connect()) {
    fields.push_back({":scheme", "http"});
    fields.push_back({":path", request.path});
  }
  fields.push_back({request.host_only ? "host" : ":authority", request.authority});
  for (const auto& [name, value] : exchange.requestHeaders()) fields.push_back({name, value});
  for (const std::string& cookie : request.cookies) fields.push_back({"cookie", cookie});
  if (request.body.length == ScriptedBody::Length::kKnown) {
    fields.push_back({"content-length", std::to_string(request.body.bytes.size())});
  }
  return fields;
}

uint32_t Http2ExchangeClient::begin(const Exchange& exchange) {
  const ScriptedRequest& request = exchange.request;
  const bool no_body = request.body.length == ScriptedBody::Length::kNone;
  const uint32_t stream = peer_.request(fieldsOf(exchange), no_body && !exchange.tunnel());
  Running& running = running_[stream] = {.exchange = &exchange};
  if (exchange.tunnel() || request.awaits_continue) return stream;
  if (!no_body) sendBody(stream, exchange);
  running.stage = Stage::kBody;
  return stream;
}

void Http2ExchangeClient::sendBody(uint32_t stream, const Exchange& exchange) {
  const ScriptedRequest& request = exchange.request;
  bodies_.add(stream, std::string_view(request.body.bytes).substr(0, request.breaks_after));
  if (request.breaks_after != kNever) return;
  Fields trailers;
  for (const auto& [name, value] : request.body.trailers) trailers.push_back({name, value});
  bodies_.end(stream, trailers);
}

void Http2ExchangeClient::proceed(uint32_t stream, Running& running) {
  const http2::Message& message = peer_.message(stream);
  const Exchange& exchange = *running.exchange;
  switch (running.stage) {
    case Stage::kHead:
      if (exchange.tunnel() && message.status() == 200) {
        bodies_.add(stream, kTunnelWords);
        running.stage = Stage::kTunnel;
      } else if (exchange.request.awaits_continue && !message.informational.empty()) {
        sendBody(stream, exchange);
        running.stage = Stage::kBody;
      }
      return;
    case Stage::kBody:
      if (exchange.request.breaks_after == kNever || message.informational.empty()) return;
      if (!bodies_.done(stream)) return;
      bodies_.forget(stream);
      peer_.send(http2::rstStream(stream, ErrorCode::kCancel));
      running.stage = Stage::kDone;
      return;
    case Stage::kTunnel:
      if (message.body.size() < kTunnelEcho.size()) return;
      bodies_.end(stream);
      running.stage = Stage::kTunnelEnd;
      return;
    case Stage::kTunnelEnd:
    case Stage::kDone:
      return;
  }
}

bool Http2ExchangeClient::over(uint32_t stream, const Running& running) {
  return running.stage == Stage::kDone || peer_.message(stream).over();
}

void Http2ExchangeClient::run() {
  while (true) {
    bool all_over = true;
    for (auto& [stream, running] : running_) {
      proceed(stream, running);
      if (over(stream, running)) {
        bodies_.forget(stream);
      } else {
        all_over = false;
      }
    }
    if (all_over) return;
    bodies_.pump();
    if (!peer_.next()) return;
    peer_.drain();
  }
}

Seen Http2ExchangeClient::seen(uint32_t stream) {
  const http2::Message& message = peer_.message(stream);
  const Running& running = running_[stream];
  const Exchange& exchange = *running.exchange;
  Seen seen{.line = std::to_string(message.status())};
  for (const Fields& head : message.informational) {
    const auto headers = mapOf(head);
    seen.interim.push_back(
        interimText(std::atoi(headers.find(":status")->second.c_str()), headers));
  }
  if (running.stage == Stage::kDone) {
    seen.line = seen.interim.empty() ? "nothing" : seen.interim.back().substr(0, 3);
    seen.end = "broken";
    return seen;
  }
  seen.headers = mapOf(message.head);
  if (exchange.tunnel() && message.status() == 200) {
    seen.line = "tunnel begins";
    seen.end = "tunnel " + message.body;
    if (!message.ended) seen.end += " and no end";
    return seen;
  }
  seen.body = message.body;
  seen.trailers = mapOf(message.trailers);
  seen.end = message.ended ? "whole" : "broken";
  return seen;
}

}  // namespace weir::test
