#include "extensions/health_checkers/http/config.h"

#include <algorithm>
#include <utility>

#include "api/weir/extensions/health_checkers/http/v1/http.pb.h"
#include "extensions/health_checkers/http/http.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::extensions::health_checkers::http {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr int kMostHeaders = 32;
constexpr int kMostRanges = 32;
constexpr size_t kMostPathBytes = 4096;
constexpr size_t kMostValueBytes = 4096;
constexpr size_t kMostTextBytes = 4096;
constexpr uint64_t kMostBodyBytes = 1024 * 1024;

std::string readMethod(const std::string& text, const config::Cursor& at) {
  if (text.empty()) return "GET";
  if (text == "CONNECT") {
    at.error("CONNECT asks for a tunnel", "use GET, HEAD, OPTIONS or POST");
  } else if (!weir::http::isMethod(text) ||
             std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
    at.error("is not a method", "use one such as GET, HEAD, OPTIONS or POST, in capitals");
  }
  return text;
}

std::string readPath(const std::string& text, std::string_view method, const config::Cursor& at) {
  if (text.empty()) return "/health";
  if (text == "*" && method == "OPTIONS") return text;
  if (!text.starts_with('/') || !weir::http::isTarget(text) || text.size() > kMostPathBytes) {
    at.error("is not a path",
             "it must begin with \"/\", without spaces and \"#\", such as \"/health\"");
  }
  return text;
}

std::string readHost(const std::string& text, const config::Cursor& at) {
  if (!text.empty() && !weir::http::isAuthority(text)) {
    at.error("is not a host", "write a name or an address, such as \"shop.example\"");
  }
  return text;
}

// Fields that frame the message or belong to one connection; Host has a place of its own.
std::string_view whyNotAsField(weir::http::HeaderId id) {
  using weir::http::HeaderId;
  switch (id) {
    case HeaderId::kHost:
      return "use the field \"host\" of the check";
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return "leave it out: it belongs to one connection, which is the check's own affair";
    case HeaderId::kContentLength:
    case HeaderId::kExpect:
      return "leave it out: the request has no body";
    default:
      return {};
  }
}

void readField(const v1::Header& from, const config::Cursor& at, HttpOptions& to) {
  const config::Cursor name = at.field("name");
  if (!config::require(from.name(), name, "name a field such as \"authorization\"")) return;
  if (!weir::http::isToken(from.name())) {
    name.error("is not the name of a field", "use letters, digits and \"-\"");
    return;
  }
  const std::string_view why_not = whyNotAsField(weir::http::headerId(from.name()));
  if (!why_not.empty()) {
    name.error(base::concat("\"", from.name(), "\" cannot be given"), std::string(why_not));
  }
  if (!weir::http::isFieldValue(from.value()) || from.value().size() > kMostValueBytes) {
    at.field("value").error(
        "is not the value of a field",
        base::concat("it must be one line of at most ", kMostValueBytes, " bytes"));
  }
  to.fields.emplace_back(from.name(), from.value());
}

void readFields(const v1::HttpCheck& from, const config::Cursor& at, HttpOptions& to) {
  if (from.headers_size() > kMostHeaders) {
    at.at("headers", kMostHeaders)
        .error(base::concat("at most ", kMostHeaders, " fields can be given"), "leave some out");
  }
  for (int i = 0; i < from.headers_size(); ++i) {
    readField(from.headers(i), at.at("headers", i), to);
  }
}

StatusRange readRange(const v1::StatusRange& from, const config::Cursor& at) {
  StatusRange range;
  range.first =
      static_cast<uint16_t>(config::readNumber(from.start(), {200, 599}, at.field("start")));
  range.last = static_cast<uint16_t>(
      config::readNumberOr(from.end(), range.first, {200, 599}, at.field("end")));
  if (range.last < range.first) {
    at.field("end").error("is before start", base::concat("it must be ", range.first, " to 599"));
  }
  return range;
}

std::vector<StatusRange> readRanges(const RepeatedPtrField<v1::StatusRange>& from,
                                    std::string_view name, const config::Cursor& at) {
  std::vector<StatusRange> ranges;
  if (from.size() > kMostRanges) {
    at.at(name, kMostRanges)
        .error(base::concat("at most ", kMostRanges, " ranges can be given"),
               "join those that meet");
  }
  for (int i = 0; i < from.size(); ++i) ranges.push_back(readRange(from[i], at.at(name, i)));
  return ranges;
}

void readBody(const v1::HttpCheck& from, const config::Cursor& at, Expectation& to) {
  to.max_body_bytes = config::readNumberOr(from.max_body_bytes(), to.max_body_bytes,
                                           {1, kMostBodyBytes}, at.field("max_body_bytes"));
  switch (from.body_case()) {
    case v1::HttpCheck::BODY_NOT_SET:
      return;
    case v1::HttpCheck::kBodyText: {
      const config::Cursor here = at.field("body_text");
      if (!config::require(from.body_text(), here, "leave it out when nothing is expected")) return;
      if (from.body_text().size() > std::min(kMostTextBytes, to.max_body_bytes)) {
        here.error("is too long", base::concat("it must be of at most ", kMostTextBytes,
                                               " bytes, and not longer than max_body_bytes"));
      }
      to.body_text.emplace(from.body_text());
      return;
    }
    case v1::HttpCheck::kBodyRegex: {
      const config::Cursor here = at.field("body_regex");
      if (!config::require(from.body_regex(), here, "leave it out when nothing is expected")) {
        return;
      }
      auto regex = base::Regex::compile(from.body_regex());
      if (!regex.ok()) return config::report(regex.status(), here);
      to.body_regex.emplace(*std::move(regex));
      return;
    }
  }
}

Expectation readExpectation(const v1::HttpCheck& from, std::string_view method,
                            const config::Cursor& at) {
  Expectation to;
  if (from.expected_statuses_size() > 0) {
    to.statuses = readRanges(from.expected_statuses(), "expected_statuses", at);
  }
  to.degraded_statuses = readRanges(from.degraded_statuses(), "degraded_statuses", at);
  if (!from.degraded_header().empty()) to.degraded_header = from.degraded_header();
  if (!weir::http::isToken(to.degraded_header)) {
    at.field("degraded_header")
        .error("is not the name of a field", "use letters, digits and \"-\"");
  }
  readBody(from, at, to);
  if (method == "HEAD" && to.looksAtBody()) {
    at.field(to.body_text.has_value() ? "body_text" : "body_regex")
        .error("answers to HEAD have no body", "use GET");
  }
  return to;
}

std::optional<upstream::HttpProtocol> protocolOf(const v1::HttpCheck& from) {
  switch (from.protocol()) {
    case v1::HttpCheck::PROTOCOL_HTTP1:
      return upstream::HttpProtocol::kHttp1;
    case v1::HttpCheck::PROTOCOL_HTTP2:
      return upstream::HttpProtocol::kHttp2;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::vector<std::string> HttpCheckExtension::applicationProtocols(
    const google::protobuf::Message& config) const {
  const auto protocol = protocolOf(static_cast<const v1::HttpCheck&>(config));
  if (!protocol.has_value()) return {};
  return {*protocol == upstream::HttpProtocol::kHttp2 ? "h2" : "http/1.1"};
}

std::shared_ptr<const upstream::HealthCheckerFactory> HttpCheckExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::HttpCheck&>(config);
  const size_t before = at.diagnostics().list().size();
  auto options = std::make_shared<HttpOptions>();
  options->method = readMethod(from.method(), at.field("method"));
  options->path = readPath(from.path(), options->method, at.field("path"));
  options->host = readHost(from.host(), at.field("host"));
  readFields(from, at, *options);
  options->expected = readExpectation(from, options->method, at);
  options->protocol = protocolOf(from);
  if (at.diagnostics().list().size() > before) return nullptr;
  return std::make_shared<HttpCheckerFactory>(std::move(options));
}

}  // namespace weir::extensions::health_checkers::http
