#include "source/explain/request.h"

#include <charconv>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/http/semantics.h"

namespace weir::explain {

using base::concat;

namespace {

constexpr uint16_t kHttp = 80;
constexpr uint16_t kHttps = 443;

absl::Status wrong(std::string text) {
  return absl::InvalidArgumentError(text);
}

// The port behind the last ":" that is not in brackets; nothing: there is none.
std::optional<uint16_t> portOf(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.find(']', colon) != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = authority.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool number = error == std::errc() && end == digits.data() + digits.size();
  return number ? std::optional<uint16_t>(port) : std::nullopt;
}

std::string hostOf(std::string_view authority) {
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return base::lowered(authority.substr(0, colon));
}

}  // namespace

StatedSecurity::StatedSecurity(std::string server_name,
                               const std::optional<StatedCertificate>& certificate)
    : server_name_(std::move(server_name)) {
  if (!certificate) return;
  verified_ = certificate->verified;
  certificate_.emplace();
  certificate_->subject = certificate->subject;
  certificate_->dns_names = certificate->dns_names;
  certificate_->uris = certificate->uris;
}

absl::StatusOr<std::unique_ptr<Request>> Request::make(const Question& question) {
  std::unique_ptr<Request> request(new Request);
  if (!http::isMethod(question.method)) {
    return wrong(concat("\"", question.method, "\" is not a method; write GET, POST, …"));
  }
  request->head.method = request->head.arena.copy(question.method);
  absl::Status status = request->readHeaders(question);
  if (status.ok()) status = request->readUrl(question);
  if (status.ok()) status = request->readSource(question);
  if (!status.ok()) return status;
  return request;
}

absl::Status Request::readHeaders(const Question& question) {
  for (const auto& [name, value] : question.headers) {
    if (!http::isToken(name)) {
      return wrong(concat("\"", name, "\" cannot be the name of a header; write \"name: value\""));
    }
    if (!http::isFieldValue(value)) {
      return wrong(concat("the value of header \"", name, "\" has control characters"));
    }
    if (base::equalsIgnoreCase(name, "host")) {
      if (!http::isAuthority(value)) return wrong(concat("\"", value, "\" is not a Host"));
      head.authority = head.arena.copy(value);
      continue;
    }
    head.headers.add(name, value);
  }
  return absl::OkStatus();
}

absl::Status Request::readUrl(const Question& question) {
  std::string_view rest = question.url;
  bool tls = false;
  if (rest.starts_with("https://")) {
    tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (!rest.starts_with('/') && rest != "*") {
    return wrong(concat("\"", question.url,
                        "\" is not a URL; write \"http://host/path\", or \"/path\" with a Host"));
  }
  if (!rest.starts_with('/') && rest != "*") {
    const size_t end = rest.find_first_of("/?");
    const std::string_view authority = rest.substr(0, end);
    if (!http::isAuthority(authority)) {
      return wrong(concat("\"", authority, "\" in the URL is not a host"));
    }
    const std::optional<uint16_t> port = portOf(authority);
    port_given_ = true;
    port_ = port.value_or(tls ? kHttps : kHttp);
    if (head.authority.empty()) head.authority = head.arena.copy(authority);
    connection.server_name = tls ? hostOf(authority) : std::string();
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  }
  if (!question.server_name.empty()) {
    connection.server_name = base::lowered(question.server_name);
    tls = true;
  }
  tls |= question.certificate.has_value();
  rest = rest.substr(0, rest.find('#'));
  const std::string target = rest.empty() || rest[0] == '?' ? concat("/", rest) : std::string(rest);
  if (!http::isTarget(target)) {
    return wrong(concat("\"", target, "\" is not a path; percent-encode spaces and the like"));
  }
  head.path = head.arena.copy(target);
  if (head.authority.empty()) {
    return wrong("the request has no host; write a whole URL, or a header \"host: NAME\"");
  }
  head.headers.add(http::HeaderId::kHost, head.authority);
  head.scheme = tls ? "https" : "http";
  connection.protocol =
      tls ? network::ConnectionInfo::Protocol::kTls : network::ConnectionInfo::Protocol::kRaw;
  if (!tls) connection.application_protocols = {"http/1.1"};
  if (tls) {
    connection.application_protocols = {"h2", "http/1.1"};
    security_.emplace(connection.server_name, question.certificate);
  }
  return absl::OkStatus();
}

absl::Status Request::readSource(const Question& question) {
  const std::string_view text =
      question.source.empty() ? std::string_view("127.0.0.1") : std::string_view(question.source);
  for (const std::string& form :
       {std::string(text), concat(text, ":0"), concat("[", text, "]:0")}) {
    auto address = network::Address::parse(form);
    if (!address.ok()) continue;
    source = *std::move(address);
    return absl::OkStatus();
  }
  return wrong(concat("\"", text, "\" is not an address; write 192.0.2.7 or [2001:db8::7]:1234"));
}

void Request::arriveAt(const network::Address& address) {
  local = address;
}

http::StreamError Request::prepare(const http::ConnectionManagerConfig& config) {
  info.downstream_direct = info.downstream_remote = &source;
  info.downstream_local = &local;
  info.connection_info = &connection;
  info.requested_server_name = connection.server_name;
  if (security_) info.downstream_tls = &*security_;
  const http::StreamError error = http::normalisePath(head, config.path);
  if (error.reason != http::ErrorReason::kNone) return error;
  http::applyForwardedHeaders(config.forwarded, head, info, client_);
  info.routed_path = head.path;
  return {};
}

}  // namespace weir::explain
