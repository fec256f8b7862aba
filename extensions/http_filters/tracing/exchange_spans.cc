#include "extensions/http_filters/tracing/exchange_spans.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "source/http/path_template.h"
#include "source/http/route.h"
#include "source/network/address.h"

namespace weir::extensions::http_filters::tracing {
namespace {

// Of one span; a fixed number of those that the conventions know, and the user's.
class Attributes {
 public:
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) list_.push_back({key, value});
  }
  void number(std::string_view key, int64_t value) { list_.push_back({key, value}); }
  std::span<const Attribute> list() const { return list_; }

 private:
  std::vector<Attribute> list_;
};

std::string ipOf(const network::Address* address) {
  if (address == nullptr) return {};
  if (!address->isIp()) return address->toString();
  std::array<char, 64> text;
  return std::string(text.data(), address->formatIp(text.data()));
}

struct HostAndPort {
  std::string_view host;
  std::optional<int64_t> port;
};
HostAndPort split(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos &&
                        authority.find(']', colon) == std::string_view::npos &&
                        (authority.starts_with('[') || authority.find(':') == colon);
  HostAndPort parts{authority.substr(0, has_port ? colon : authority.size()), std::nullopt};
  if (!has_port) return parts;
  int64_t port = 0;
  const std::string_view digits = authority.substr(colon + 1);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), port).ec == std::errc()) {
    parts.port = port;
  }
  return parts;
}

std::string_view protocolVersion(http::Version version) {
  switch (version) {
    case http::Version::kHttp10:
      return "1.0";
    case http::Version::kHttp11:
      return "1.1";
    case http::Version::kHttp2:
      return "2";
  }
  return {};
}

// Methods that are not known could be anything, and so too many.
std::string_view methodName(std::string_view method) {
  static constexpr std::string_view kKnown[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::find(std::begin(kKnown), std::end(kKnown), method) == std::end(kKnown) ? "_OTHER"
                                                                                     : method;
}

std::string errorType(const http::StreamInfo& info, uint16_t status, int least_error) {
  if (status == 0) return info.detail.empty() ? "reset" : std::string(info.detail);
  if (status < least_error) return {};
  return std::to_string(status);
}

std::string_view templateOf(const http::StreamInfo& info) {
  const http::PathTemplate* const shape =
      info.route == nullptr ? nullptr : info.route->pathTemplate();
  return shape == nullptr ? std::string_view() : std::string_view(shape->text());
}

std::string nameOf(const TracedExchange& exchange) {
  const auto& format = exchange.route != nullptr && exchange.route->span_name
                           ? exchange.route->span_name
                           : exchange.config.policy.span_name;
  std::string name;
  if (format) format->appendRaw(exchange.entry, name);
  if (!name.empty()) return name;
  const std::string_view method = methodName(exchange.entry.request.method);
  name = method == "_OTHER" ? "HTTP" : method;
  if (const std::string_view shape = templateOf(exchange.entry.info); !shape.empty()) {
    name.append(" ").append(shape);
  }
  return name;
}

void addRequest(const TracedExchange& exchange, Attributes& to) {
  const http::RequestHead& head = exchange.entry.request;
  to.text("http.request.method", methodName(head.method));
  if (methodName(head.method) == "_OTHER") to.text("http.request.method_original", head.method);
  to.text("url.scheme", head.scheme);
  to.text("url.path", head.pathWithoutQuery());
  const size_t query = head.path.find('?');
  if (exchange.config.include_query && query != std::string_view::npos) {
    to.text("url.query", head.path.substr(query + 1));
  }
  const auto [host, port] = split(head.authority);
  to.text("server.address", host);
  if (port) to.number("server.port", *port);
  to.text("network.protocol.version", protocolVersion(head.version));
  to.text("user_agent.original", head.headers.get(http::HeaderId::kUserAgent));
}

void addServerSpan(const TracedExchange& exchange, SpanExporter& exporter) {
  const http::StreamInfo& info = exchange.entry.info;
  Attributes attributes;
  addRequest(exchange, attributes);
  const std::string client = ipOf(info.downstream_remote);
  const std::string peer = ipOf(info.downstream_direct);
  const std::string error = errorType(info, exchange.status, 500);
  attributes.text("client.address", client);
  attributes.text("network.peer.address", peer);
  attributes.text("http.route", templateOf(info));
  if (exchange.status != 0) attributes.number("http.response.status_code", exchange.status);
  attributes.number("http.request.body.size", static_cast<int64_t>(info.request_bytes));
  attributes.number("http.response.body.size", static_cast<int64_t>(info.response_bytes));
  attributes.text("error.type", error);
  attributes.text("weir.request_id", info.request_id);
  attributes.text("weir.detail", info.detail);
  attributes.text("weir.cluster", info.cluster);
  if (info.route != nullptr) {
    attributes.text("weir.route", info.route->name());
    attributes.text("weir.virtual_host", info.route->virtualHostName());
  }
  const auto& own = exchange.route != nullptr && exchange.route->attributes
                        ? exchange.route->attributes
                        : exchange.config.policy.attributes;
  std::vector<std::string> values(own ? own->size() : 0);
  for (size_t i = 0; i < values.size(); ++i) {
    (*own)[i].second.appendRaw(exchange.entry, values[i]);
    attributes.text((*own)[i].first, values[i]);
  }
  const std::string name = nameOf(exchange);
  exporter.add({.trace_id = exchange.trace_id,
                .span_id = exchange.server_span,
                .parent_id = exchange.parent_span,
                .name = name,
                .kind = Span::Kind::kServer,
                .start = info.start_time,
                .end = info.start_time + std::chrono::duration_cast<event::SystemTime::duration>(
                                             exchange.ended - info.started),
                .attributes = attributes.list(),
                .error = !error.empty()});
}

void addClientSpan(const TracedExchange& exchange, SpanExporter& exporter) {
  const http::StreamInfo& info = exchange.entry.info;
  Attributes attributes;
  const std::string endpoint = ipOf(info.upstream_address);
  const bool answered = info.upstream_first_byte != event::MonotonicTime();
  const uint16_t status = answered ? exchange.status : 0;
  const std::string error = errorType(info, status, 400);
  attributes.text("http.request.method", methodName(exchange.entry.request.method));
  attributes.text("server.address", endpoint);
  if (info.upstream_address != nullptr && info.upstream_address->isIp()) {
    attributes.number("server.port", info.upstream_address->port());
  }
  if (status != 0) attributes.number("http.response.status_code", status);
  if (info.attempts > 1) attributes.number("http.request.resend_count", info.attempts - 1);
  attributes.text("error.type", error);
  attributes.text("weir.cluster", info.cluster);
  const auto at = [&](event::MonotonicTime time) {
    return info.start_time +
           std::chrono::duration_cast<event::SystemTime::duration>(time - info.started);
  };
  exporter.add({.trace_id = exchange.trace_id,
                .span_id = exchange.client_span,
                .parent_id = exchange.server_span,
                .name = methodName(exchange.entry.request.method),
                .kind = Span::Kind::kClient,
                .start = at(std::max(info.upstream_started, info.started)),
                .end = at(exchange.ended),
                .attributes = attributes.list(),
                .error = !error.empty()});
}

}  // namespace

void addSpans(const TracedExchange& exchange, SpanExporter& exporter) {
  addServerSpan(exchange, exporter);
  if (exchange.entry.info.upstream_address != nullptr) addClientSpan(exchange, exporter);
}

}  // namespace weir::extensions::http_filters::tracing
