#include "extensions/access_loggers/common/format.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <optional>
#include <span>
#include <utility>

#include "extensions/access_loggers/common/escape.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/suggest.h"
#include "source/base/time.h"
#include "source/http/route.h"

namespace weir::extensions::access_loggers {

const std::string_view kDefaultFormat =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% "
    "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESPONSE_DURATION% \"%REQ(X-FORWARDED-FOR)%\" "
    "\"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"";

enum class Format::Operator : uint8_t {
  kStartTime,
  kRequestHeader,
  kResponseHeader,
  kResponseTrailer,
  kProtocol,
  kResponseCode,
  kResponseCodeDetails,
  kResponseFlags,
  kBytesReceived,
  kBytesSent,
  kDuration,
  kRequestDuration,
  kResponseDuration,
  kUpstreamHost,
  kUpstreamCluster,
  kAttemptCount,
  kRouteName,
  kVirtualHostName,
  kRemoteAddress,
  kRemoteAddressOnly,
  kDirectRemoteAddress,
  kDirectRemoteAddressOnly,
  kLocalAddress,
  kLocalAddressOnly,
  kLocalPort,
  kConnectionId,
  kStreamId,
  kRequestedServerName,
  kHostname,
};

namespace {

using Clock = event::MonotonicTime;

// Milliseconds between two moments, when both were reached.
std::optional<int64_t> elapsed(Clock from, Clock to) {
  if (from == Clock() || to == Clock() || to < from) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
}

void appendNumber(int64_t number, std::string& out) {
  char digits[24];
  const auto result = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, result.ptr);
}

void appendTime(event::SystemTime time, const std::string& format, std::string& out) {
  if (format.empty()) {
    std::array<char, base::kRfc3339Size> text;
    out.append(base::formatRfc3339(time, text));
    return;
  }
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[256];
  out.append(text, std::strftime(text, sizeof text, format.c_str(), &parts));
}

const std::string& hostname() {
  static const std::string name = [] {
    char text[256] = {};
    return ::gethostname(text, sizeof text - 1) == 0 ? std::string(text) : std::string();
  }();
  return name;
}

std::optional<std::string_view> requestField(const http::RequestHead& head,
                                             const std::string& name) {
  if (name.empty()) return std::nullopt;
  std::string_view text;
  if (name == ":method") {
    text = head.method;
  } else if (name == ":path") {
    text = head.path;
  } else if (name == ":authority") {
    text = head.authority;
  } else if (name == ":scheme") {
    text = head.scheme;
  } else if (!head.headers.has(name)) {
    return std::nullopt;
  } else {
    return head.headers.get(name);
  }
  return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<std::string_view> field(const http::HeaderMap& headers, const std::string& name) {
  if (name.empty() || !headers.has(name)) return std::nullopt;
  return headers.get(name);
}

// Appends what a peer sent, escaped for the kind of line.
bool appendPeerText(std::optional<std::string_view> text, uint32_t max_length, bool json,
                    std::string& out) {
  if (!text.has_value()) return false;
  const std::string_view cut = max_length == 0 ? *text : text->substr(0, max_length);
  json ? appendJsonEscaped(cut, out) : appendEscaped(cut, out);
  return true;
}

bool parseLength(std::string_view digits, uint32_t& length) {
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, length);
  return result.ec == std::errc() && result.ptr == end;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

bool appendText(std::string_view text, bool json, std::string& out) {
  if (text.empty()) return false;
  json ? appendJsonEscaped(text, out) : appendEscaped(text, out);
  return true;
}

bool appendElapsed(std::optional<int64_t> milliseconds, std::string& out) {
  if (!milliseconds.has_value()) return false;
  appendNumber(*milliseconds, out);
  return true;
}

bool appendAddress(const network::Address* address, bool with_port, std::string& out) {
  if (address == nullptr || address->family() == network::Address::Family::kNone) return false;
  if (!address->isIp()) {
    appendEscaped(address->toString(), out);
    return true;
  }
  std::array<char, 64> text;
  const std::string_view ip(text.data(), address->formatIp(text.data()));
  const bool v6 = with_port && address->family() == network::Address::Family::kIpv6;
  if (v6) out.push_back('[');
  out.append(ip);
  if (v6) out.push_back(']');
  if (with_port) {
    out.push_back(':');
    appendNumber(address->port(), out);
  }
  return true;
}

}  // namespace

// The one place that names the operators.
struct Format::Name {
  std::string_view text;
  Operator op;
  bool numeric;
  enum class Argument : uint8_t { kNone, kOptional, kRequired } argument;
};

std::span<const Format::Name> Format::names() {
  using Op = Operator;
  using enum Name::Argument;
  static constexpr Name kNames[] = {
      {"START_TIME", Op::kStartTime, false, kOptional},
      {"REQ", Op::kRequestHeader, false, kRequired},
      {"RESP", Op::kResponseHeader, false, kRequired},
      {"TRAILER", Op::kResponseTrailer, false, kRequired},
      {"PROTOCOL", Op::kProtocol, false, kNone},
      {"RESPONSE_CODE", Op::kResponseCode, true, kNone},
      {"RESPONSE_CODE_DETAILS", Op::kResponseCodeDetails, false, kNone},
      {"RESPONSE_FLAGS", Op::kResponseFlags, false, kNone},
      {"BYTES_RECEIVED", Op::kBytesReceived, true, kNone},
      {"BYTES_SENT", Op::kBytesSent, true, kNone},
      {"DURATION", Op::kDuration, true, kNone},
      {"REQUEST_DURATION", Op::kRequestDuration, true, kNone},
      {"RESPONSE_DURATION", Op::kResponseDuration, true, kNone},
      {"UPSTREAM_HOST", Op::kUpstreamHost, false, kNone},
      {"UPSTREAM_CLUSTER", Op::kUpstreamCluster, false, kNone},
      {"UPSTREAM_REQUEST_ATTEMPT_COUNT", Op::kAttemptCount, true, kNone},
      {"ROUTE_NAME", Op::kRouteName, false, kNone},
      {"VIRTUAL_HOST_NAME", Op::kVirtualHostName, false, kNone},
      {"DOWNSTREAM_REMOTE_ADDRESS", Op::kRemoteAddress, false, kNone},
      {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Op::kRemoteAddressOnly, false, kNone},
      {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", Op::kDirectRemoteAddress, false, kNone},
      {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", Op::kDirectRemoteAddressOnly, false, kNone},
      {"DOWNSTREAM_LOCAL_ADDRESS", Op::kLocalAddress, false, kNone},
      {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Op::kLocalAddressOnly, false, kNone},
      {"DOWNSTREAM_LOCAL_PORT", Op::kLocalPort, true, kNone},
      {"CONNECTION_ID", Op::kConnectionId, true, kNone},
      {"STREAM_ID", Op::kStreamId, false, kNone},
      {"REQUESTED_SERVER_NAME", Op::kRequestedServerName, false, kNone},
      {"HOSTNAME", Op::kHostname, false, kNone},
  };
  return kNames;
}

std::vector<std::string> Format::operatorNames() {
  std::vector<std::string> all;
  for (const Name& name : names()) all.emplace_back(name.text);
  return all;
}

absl::StatusOr<Format> Format::parse(std::string_view text) {
  Format format;
  const auto literal = [&format](std::string_view more) {
    if (more.empty()) return;
    if (format.pieces_.empty() || format.pieces_.back().name != nullptr)
      format.pieces_.emplace_back();
    format.pieces_.back().text.append(more);
  };
  while (!text.empty()) {
    const size_t percent = text.find('%');
    literal(text.substr(0, percent));
    if (percent == std::string_view::npos) break;
    text.remove_prefix(percent + 1);
    if (text.starts_with('%')) {
      literal("%");
      text.remove_prefix(1);
      continue;
    }
    // A time format may hold percent signs: the operator ends behind its closing parenthesis.
    const size_t open = text.find_first_of("(%");
    size_t end = open;
    if (open != std::string_view::npos && text[open] == '(') {
      const size_t close = text.find(')', open);
      end = close == std::string_view::npos ? close : text.find('%', close);
    }
    if (end == std::string_view::npos) {
      return absl::InvalidArgumentError(
          base::concat("operator \"%", text,
                       "\" has no end; close it with \"%\", and write \"%%\" for a percent sign"));
    }
    absl::StatusOr<Piece> piece = parseOperator(text.substr(0, end));
    if (!piece.ok()) return piece.status();
    format.pieces_.push_back(*std::move(piece));
    text.remove_prefix(end + 1);
  }
  return format;
}

absl::StatusOr<Format::Piece> Format::parseOperator(std::string_view body) {
  const size_t open = body.find('(');
  const size_t close = body.rfind(')');
  const bool has_argument = open != std::string_view::npos;
  const std::string_view name = body.substr(0, std::min(open, body.find(':')));
  const auto fail = [&](std::string_view why, std::string_view right) {
    return absl::InvalidArgumentError(base::concat("operator \"%", body, "%\" ", why, "; ", right));
  };
  const auto known = std::find_if(names().begin(), names().end(),
                                  [&](const Name& candidate) { return candidate.text == name; });
  if (known == names().end()) {
    const std::string near = base::closest(name, operatorNames());
    return fail("is not known", near.empty() ? base::concat("known are ", joined(operatorNames()))
                                             : base::concat("did you mean \"%", near, "%\"?"));
  }
  Piece piece;
  piece.name = &*known;
  if (has_argument && known->argument == Name::Argument::kNone) {
    return fail("takes no argument", base::concat("write \"%", name, "%\""));
  }
  if (!has_argument && known->argument == Name::Argument::kRequired) {
    return fail("needs the name of a header", base::concat("write \"%", name, "(NAME)%\""));
  }
  std::string_view length = has_argument ? body.substr(close + 1) : body.substr(name.size());
  if (has_argument) {
    const std::string_view argument = body.substr(open + 1, close - open - 1);
    const bool is_time = known->op == Operator::kStartTime;
    const size_t question = is_time ? std::string_view::npos : argument.find('?');
    piece.text = is_time ? std::string(argument) : base::lowered(argument.substr(0, question));
    if (question != std::string_view::npos) {
      piece.alternative = base::lowered(argument.substr(question + 1));
    }
    if (!is_time && piece.text.empty()) return fail("has an empty header name", "name the header");
  }
  if (!length.empty()) {
    if (length[0] != ':' || !parseLength(length.substr(1), piece.max_length) ||
        piece.max_length == 0) {
      return fail("has a bad length", "write \":N\" with N of 1 or more");
    }
  }
  return piece;
}

bool Format::value(const Piece& piece, const LogEntry& entry, bool json, std::string& out) {
  const http::StreamInfo& info = entry.info;
  const auto named = [&](auto&& lookup) {
    auto found = lookup(piece.text);
    if (!found.has_value()) found = lookup(piece.alternative);
    return appendPeerText(found, piece.max_length, json, out);
  };
  switch (piece.name->op) {
    case Operator::kStartTime:
      appendTime(info.start_time, piece.text, out);
      return true;
    case Operator::kRequestHeader:
      return named([&](const std::string& n) { return requestField(entry.request, n); });
    case Operator::kResponseHeader:
      return named([&](const std::string& n) { return field(entry.response.headers, n); });
    case Operator::kResponseTrailer:
      return named([&](const std::string& n) { return field(entry.response_trailers, n); });
    case Operator::kProtocol:
      out.append(http::versionText(entry.request.version));
      return true;
    case Operator::kResponseCode:
      appendNumber(info.status, out);
      return true;
    case Operator::kResponseCodeDetails:
      return appendText(info.detail, json, out);
    case Operator::kResponseFlags:
      http::appendResponseFlags(info.flags, out);
      return true;
    case Operator::kBytesReceived:
      appendNumber(static_cast<int64_t>(info.request_bytes), out);
      return true;
    case Operator::kBytesSent:
      appendNumber(static_cast<int64_t>(info.response_bytes), out);
      return true;
    case Operator::kDuration:
      return appendElapsed(elapsed(info.started, info.ended), out);
    case Operator::kRequestDuration:
      return appendElapsed(elapsed(info.started, info.request_complete), out);
    case Operator::kResponseDuration:
      return appendElapsed(elapsed(info.started, info.upstream_first_byte), out);
    case Operator::kUpstreamHost:
      return appendAddress(info.upstream_address, true, out);
    case Operator::kUpstreamCluster:
      return appendText(info.cluster, json, out);
    case Operator::kAttemptCount:
      appendNumber(info.attempts, out);
      return true;
    case Operator::kRouteName:
      return info.route != nullptr && appendText(info.route->name(), json, out);
    case Operator::kVirtualHostName:
      return info.route != nullptr && appendText(info.route->virtualHostName(), json, out);
    case Operator::kRemoteAddress:
      return appendAddress(info.downstream_remote, true, out);
    case Operator::kRemoteAddressOnly:
      return appendAddress(info.downstream_remote, false, out);
    case Operator::kDirectRemoteAddress:
      return appendAddress(info.downstream_direct, true, out);
    case Operator::kDirectRemoteAddressOnly:
      return appendAddress(info.downstream_direct, false, out);
    case Operator::kLocalAddress:
      return appendAddress(info.downstream_local, true, out);
    case Operator::kLocalAddressOnly:
      return appendAddress(info.downstream_local, false, out);
    case Operator::kLocalPort:
      if (info.downstream_local == nullptr || !info.downstream_local->isIp()) return false;
      appendNumber(info.downstream_local->port(), out);
      return true;
    case Operator::kConnectionId:
      appendNumber(static_cast<int64_t>(info.connection_id), out);
      return true;
    case Operator::kStreamId:
      return appendPeerText(info.request_id.empty() ? std::nullopt : std::optional(info.request_id),
                            0, json, out);
    case Operator::kRequestedServerName:
      return appendPeerText(info.requested_server_name.empty()
                                ? std::nullopt
                                : std::optional(info.requested_server_name),
                            piece.max_length, json, out);
    case Operator::kHostname:
      return appendText(hostname(), json, out);
  }
  return false;
}

void Format::append(const LogEntry& entry, std::string& out) const {
  for (const Piece& piece : pieces_) {
    if (piece.name == nullptr) {
      out.append(piece.text);
    } else if (!value(piece, entry, false, out)) {
      out.push_back('-');
    }
  }
}

void Format::appendJson(const LogEntry& entry, std::string& out) const {
  const bool single = pieces_.size() == 1 && pieces_[0].name != nullptr;
  if (single && pieces_[0].name->numeric) {
    if (!value(pieces_[0], entry, true, out)) out.append("null");
    return;
  }
  const size_t start = out.size();
  out.push_back('"');
  for (const Piece& piece : pieces_) {
    if (piece.name == nullptr) {
      appendJsonEscaped(piece.text, out);
    } else if (!value(piece, entry, true, out)) {
      if (single) {
        out.resize(start);
        out.append("null");
        return;
      }
      out.push_back('-');
    }
  }
  out.push_back('"');
}

absl::StatusOr<JsonFormat> JsonFormat::parse(const std::map<std::string, std::string>& fields) {
  JsonFormat format;
  for (const auto& [name, text] : fields) {
    absl::StatusOr<Format> parsed = Format::parse(text);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          base::concat("field \"", name, "\": ", parsed.status().message()));
    }
    std::string key = "\"";
    appendJsonEscaped(name, key);
    key.append("\":");
    format.fields_.emplace_back(std::move(key), *std::move(parsed));
  }
  return format;
}

void JsonFormat::append(const LogEntry& entry, std::string& out) const {
  char separator = '{';
  for (const auto& [key, format] : fields_) {
    out.push_back(separator);
    separator = ',';
    out.append(key);
    format.appendJson(entry, out);
  }
  if (fields_.empty()) out.push_back('{');
  out.push_back('}');
}

}  // namespace weir::extensions::access_loggers
