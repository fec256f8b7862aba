#include "test/support/exchange_scripts.h"

#include <cstdint>
#include <string_view>
#include <utility>

namespace weir::test {
namespace {

using Length = ScriptedBody::Length;

ScriptedBody known(std::string bytes) {
  return {Length::kKnown, std::move(bytes)};
}
ScriptedBody unknown(std::string bytes, HeaderList trailers = {}) {
  return {Length::kUnknown, std::move(bytes), std::move(trailers)};
}

std::string large(size_t bytes) {
  std::string text(bytes, ' ');
  uint32_t state = 7;
  for (char& c : text)
    c = static_cast<char>('a' + ((state = state * 1664525u + 1013904223u) >> 28));
  return text;
}

HeaderList many(std::string_view prefix, int count) {
  HeaderList list;
  for (int i = 0; i < count; ++i) {
    list.emplace_back(std::string(prefix) + std::to_string(i), std::string(1 + i % 40, 'v'));
  }
  return list;
}

void addHeads(std::vector<Exchange>& list) {
  list.push_back({.name = "get", .response = {.body = known("hello")}});
  list.push_back({.name = "query",
                  .request = {.path = "/a/b?c=d%20e&f=|", .authority = "Shop.Example:8080"},
                  .response = {.body = unknown("hello")}});
  list.push_back({.name = "fields",
                  .request = {.headers = {{"accept", "*/*"},
                                          {"user-agent", "a (b; c)"},
                                          {"x-empty", ""},
                                          {"x-twice", "1"},
                                          {"x-twice", "2"},
                                          {"x-odd!#$%&'*+-.^_`|~", "\"\\,;=\t\x80\xff"},
                                          {"authorization", "Basic eDp5"}}},
                  .response = {.headers = {{"content-type", "text/plain"},
                                           {"set-cookie", "a=1; Path=/"},
                                           {"set-cookie", "b=2; HttpOnly"},
                                           {"x-empty", ""},
                                           {"cache-control", "no-store"}},
                               .body = known("x")}});
  list.push_back({.name = "many_fields",
                  .request = {.headers = many("x-request-", 85)},
                  .response = {.headers = many("x-response-", 85)}});
  list.push_back({.name = "cookies",
                  .request = {.cookies = {"a=1", "b=2", "session=0123456789012345678901"}},
                  .response = {.body = known("x")}});
  list.push_back({.name = "many_cookies",
                  .request = {.cookies = std::vector<std::string>(150, "crumb=value")}});
  list.push_back({.name = "hop_by_hop",
                  .request = {.http1_fields = {{"Connection", "keep-alive, X-Hop"},
                                               {"X-Hop", "1"},
                                               {"Keep-Alive", "timeout=5"},
                                               {"Proxy-Connection", "keep-alive"}}},
                  .response = {.body = known("x")}});
  list.push_back({.name = "te", .request = {.headers = {{"te", "trailers"}}}});
  list.push_back({.name = "host_only", .request = {.host_only = true}});
  list.push_back({.name = "options", .request = {.method = "OPTIONS", .path = "*"}});
  list.push_back({.name = "custom_method",
                  .request = {.method = "X-FROB", .body = known("frob")},
                  .response = {.body = known("x")}});
}

void addBodies(std::vector<Exchange>& list) {
  list.push_back({.name = "post_known",
                  .request = {.method = "POST", .body = known("five!")},
                  .response = {.body = known("seven!!")}});
  list.push_back({.name = "post_unknown",
                  .request = {.method = "POST", .body = unknown("five!")},
                  .response = {.body = unknown("seven!!")}});
  list.push_back({.name = "post_empty",
                  .request = {.method = "POST", .body = known("")},
                  .response = {.body = known("")}});
  list.push_back({.name = "post_empty_unknown",
                  .request = {.method = "POST", .body = unknown("")},
                  .response = {.body = unknown("")}});
  list.push_back({.name = "large_known",
                  .request = {.method = "PUT", .body = known(large(3'000'000))},
                  .response = {.body = known(large(4'000'000))}});
  list.push_back({.name = "large_unknown",
                  .request = {.method = "PUT", .body = unknown(large(1'500'000))},
                  .response = {.body = unknown(large(2'500'000))}});
  list.push_back(
      {.name = "whole_window",  // to the byte what a peer takes at first; the end comes behind that
       .request = {.method = "POST", .body = unknown(large(65'535), {{"x-up", "1"}})},
       .response = {.body = unknown(large(65'535), {{"x-down", "1"}})}});
  list.push_back(
      {.name = "until_close", .response = {.body = unknown(large(200'000)), .until_close = true}});
  list.push_back(
      {.name = "until_close_at_once", .response = {.body = unknown(""), .until_close = true}});
  list.push_back({.name = "trailers_up",
                  .request = {.method = "POST", .body = unknown("abc", {{"x-sum", "1"}})},
                  .response = {.body = known("x")}});
  list.push_back({.name = "trailers_down",
                  .response = {.body = unknown("abc", {{"x-sum", "1"}, {"x-more", ""}})}});
  list.push_back({.name = "trailers_both_ways",
                  .request = {.method = "POST",
                              .headers = {{"te", "trailers"}},
                              .body = unknown(large(70'000), {{"x-up", "1"}})},
                  .response = {.body = unknown(large(70'000), {{"x-down", "1"}})}});
  list.push_back({.name = "trailers_only",
                  .request = {.method = "POST", .body = unknown("", {{"x-up", "1"}})},
                  .response = {.body = unknown("", {{"x-down", "1"}})}});
}

void addStatuses(std::vector<Exchange>& list) {
  list.push_back({.name = "head",
                  .request = {.method = "HEAD"},
                  .response = {.headers = {{"etag", "\"x\""}}, .announced_length = "1234"}});
  list.push_back({.name = "head_without_length",
                  .request = {.method = "HEAD"},
                  .response = {.headers = {{"etag", "\"x\""}}}});
  list.push_back({.name = "no_content", .response = {.status = 204}});
  list.push_back(
      {.name = "not_modified",
       .request = {.headers = {{"if-none-match", "\"x\""}}},
       .response = {.status = 304, .headers = {{"etag", "\"x\""}}, .announced_length = "1234"}});
  for (const int status : {201, 206, 301, 404, 429, 500, 503}) {
    list.push_back({.name = "status_" + std::to_string(status),
                    .response = {.status = status, .body = known("because")}});
  }
  list.push_back({.name = "continue",
                  .request = {.method = "POST", .body = known("waited"), .awaits_continue = true},
                  .response = {.body = known("x")}});
  list.push_back({.name = "early_hints",
                  .response = {.interim = {{103, {{"link", "</a>; rel=preload"}}}, {103, {}}},
                               .body = known("x")}});
  list.push_back({.name = "continue_and_hints",
                  .request = {.method = "POST", .body = unknown("waited"), .awaits_continue = true},
                  .response = {.interim = {{103, {{"link", "</a>"}}}}, .body = unknown("x")}});
}

void addEnds(std::vector<Exchange>& list) {
  list.push_back({.name = "early_answer",
                  .request = {.method = "POST", .body = known(large(400'000))},
                  .response = {.status = 413, .body = known("too much"), .early = true}});
  list.push_back({.name = "client_breaks",
                  .request = {.method = "POST", .body = known(large(5'000)), .breaks_after = 3'000},
                  .response = {.interim = {{103, {}}}}});
  list.push_back({.name = "client_breaks_unknown",
                  .request = {.method = "POST", .body = unknown(large(5'000)), .breaks_after = 0},
                  .response = {.interim = {{103, {}}}}});
  list.push_back({.name = "origin_breaks_at_once", .response = {.breaks_at_once = true}});
  list.push_back({.name = "origin_breaks",
                  .response = {.body = known(large(50'000)), .breaks_after = 20'000}});
  list.push_back({.name = "origin_breaks_unknown",
                  .response = {.body = unknown(large(50'000)), .breaks_after = 20'000}});
}

void addTunnels(std::vector<Exchange>& list) {
  list.push_back({.name = "connect",
                  .request = {.method = "CONNECT", .path = "", .authority = "origin.test:443"}});
  list.push_back({.name = "connect_refused",
                  .request = {.method = "CONNECT", .path = "", .authority = "origin.test:443"},
                  .response = {.status = 403, .body = known("no")}});
  list.push_back({.name = "websocket",
                  .request = {.path = "/chat",
                              .headers = {{"sec-websocket-protocol", "chat"}},
                              .websocket = true},
                  .response = {.headers = {{"sec-websocket-protocol", "chat"}}}});
  list.push_back({.name = "websocket_refused",
                  .request = {.path = "/chat", .websocket = true},
                  .response = {.status = 403, .body = known("no")}});
}

}  // namespace

const std::vector<Exchange>& scriptedExchanges() {
  static const std::vector<Exchange> all = [] {
    std::vector<Exchange> list;
    addHeads(list);
    addBodies(list);
    addStatuses(list);
    addEnds(list);
    addTunnels(list);
    return list;
  }();
  return all;
}

std::string deviation(const Exchange& exchange, const Seen& client, const Seen& origin) {
  std::string text;
  const auto expect = [&](bool holds, std::string_view what) {
    if (!holds) text.append(what).append("\n");
  };
  const ScriptedRequest& request = exchange.request;
  const ScriptedResponse& response = exchange.response;
  if (request.breaks_after != kNever) {
    expect(client.end == "broken", "the client did not break");
    expect(origin.end == "broken", "the origin did not see it break");
    return text;
  }
  if (exchange.tunnel() && response.status < 300) {
    expect(client.end == "tunnel " + std::string(kTunnelEcho), "no echo through the tunnel");
    expect(origin.end == "tunnel", "the origin saw no tunnel");
    return text;
  }
  if (!response.early) {
    expect(origin.end == "whole", "the origin did not see the whole request");
    expect(origin.body == request.body.bytes, "the origin saw another body");
    expect(origin.trailers.size() == request.body.trailers.size(), "the origin's trailers");
  }
  if (response.breaks_at_once) return text;  // what comes is for the one between to say
  expect(client.line == std::to_string(response.status), "another status");
  expect(client.end == (response.breaks_after == kNever ? "whole" : "broken"), "another end");
  if (response.breaks_after != kNever) return text;
  expect(client.body == response.body.bytes, "the client saw another body");
  expect(client.trailers.size() == response.body.trailers.size(), "the client's trailers");
  return text;
}

void PrintTo(const Exchange& exchange, std::ostream* out) {
  *out << exchange.name;
}

}  // namespace weir::test
