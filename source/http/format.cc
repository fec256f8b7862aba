#include "source/http/format.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/suggest.h"
#include "source/http/format_escape.h"
#include "source/http/format_operators.h"

namespace weir::http {

const std::string_view kDefaultFormat =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% "
    "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESPONSE_DURATION% \"%REQ(X-FORWARDED-FOR)%\" "
    "\"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"";

const std::string_view kDefaultConnectionFormat =
    "[%START_TIME%] \"%DOWNSTREAM_REMOTE_ADDRESS%\" \"%DOWNSTREAM_LOCAL_ADDRESS%\" "
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    "\"%REQUESTED_SERVER_NAME%\" \"%UPSTREAM_CLUSTER%\" \"%UPSTREAM_HOST%\"";

namespace {

bool parseLength(std::string_view digits, uint32_t& length) {
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, length);
  return result.ec == std::errc() && result.ptr == end;
}

// "224" or "0xE0".
bool parseTlvType(std::string_view text, uint8_t& type) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, type, hex ? 16 : 10);
  return result.ec == std::errc() && result.ptr == end;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

// "NAMESPACE:KEY:KEY", of METADATA behind "ROUTE:" or "VIRTUAL_HOST:".
absl::Status parsePath(std::string_view name, std::string_view text, std::vector<std::string>& path,
                       bool& virtual_host) {
  const bool dynamic = name != "METADATA";
  while (!text.empty()) {
    const size_t colon = text.find(':');
    path.emplace_back(text.substr(0, colon));
    text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  }
  const bool empty_part = std::find(path.begin(), path.end(), std::string()) != path.end();
  if (dynamic) {
    if (path.size() >= 2 && !empty_part) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "needs a namespace and a key; write \"%DYNAMIC_METADATA(NAMESPACE:KEY)%\"");
  }
  virtual_host = !path.empty() && path[0] == "VIRTUAL_HOST";
  if (path.size() < 3 || empty_part || (path[0] != "ROUTE" && !virtual_host)) {
    return absl::InvalidArgumentError(
        "needs ROUTE or VIRTUAL_HOST, a namespace and a key; write "
        "\"%METADATA(ROUTE:NAMESPACE:KEY)%\"");
  }
  path.erase(path.begin());
  return absl::OkStatus();
}

}  // namespace

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
  const std::string_view argument =
      has_argument ? body.substr(open + 1, close - open - 1) : std::string_view();
  if (has_argument || known->argument != Name::Argument::kTime) {
    const absl::Status taken = parseArgument(argument, piece);
    if (!taken.ok()) {
      const std::string_view why = base::view(taken.message());
      const size_t border = why.find("; ");
      return fail(why.substr(0, border), why.substr(border + 2));
    }
  }
  const std::string_view length = has_argument ? body.substr(close + 1) : body.substr(name.size());
  if (!length.empty()) {
    if (length[0] != ':' || !parseLength(length.substr(1), piece.max_length) ||
        piece.max_length == 0) {
      return fail("has a bad length", "write \":N\" with N of 1 or more");
    }
  }
  return piece;
}

// The error reads "has …; write …".
absl::Status Format::parseArgument(std::string_view argument, Piece& piece) {
  const std::string_view name = piece.name->text;
  const auto fail = [&](std::string_view why, std::string_view right) {
    return absl::InvalidArgumentError(base::concat(why, "; ", right));
  };
  switch (piece.name->argument) {
    case Name::Argument::kNone:
      return absl::OkStatus();
    case Name::Argument::kTime:
      piece.text = argument;
      return absl::OkStatus();
    case Name::Argument::kTlvType:
      if (parseTlvType(argument, piece.tlv_type)) return absl::OkStatus();
      return fail("needs the type of a TLV",
                  base::concat("write \"%", name, "(TYPE)%\" with TYPE from 0 to 255"));
    case Name::Argument::kHeader: {
      const size_t question = argument.find('?');
      if (argument.data() == nullptr) {
        return fail("needs the name of a header", base::concat("write \"%", name, "(NAME)%\""));
      }
      piece.text = base::lowered(argument.substr(0, question));
      if (piece.text.empty()) return fail("has an empty header name", "name the header");
      if (question != std::string_view::npos) {
        piece.alternative = base::lowered(argument.substr(question + 1));
      }
      return absl::OkStatus();
    }
    case Name::Argument::kName:
      piece.text = argument;
      if (!argument.empty()) return absl::OkStatus();
      return fail("needs a name", base::concat("write \"%", name, "(NAME)%\""));
    case Name::Argument::kPath:
      return parsePath(name, argument, piece.path, piece.virtual_host);
  }
  return absl::OkStatus();
}

bool Format::isLiteral() const {
  return pieces_.empty() || (pieces_.size() == 1 && pieces_[0].name == nullptr);
}

std::string_view Format::literal() const {
  return pieces_.empty() ? std::string_view() : std::string_view(pieces_[0].text);
}

void Format::appendAll(const LogEntry& entry, Style style, std::string& out) const {
  for (const Piece& piece : pieces_) {
    if (piece.name == nullptr) {
      out.append(piece.text);
    } else if (!value(piece, entry, style, out) && style == Style::kLine) {
      out.push_back('-');
    }
  }
}

void Format::append(const LogEntry& entry, std::string& out) const {
  appendAll(entry, Style::kLine, out);
}

void Format::appendFieldValue(const LogEntry& entry, std::string& out) const {
  appendAll(entry, Style::kFieldValue, out);
}

void Format::appendRaw(const LogEntry& entry, std::string& out) const {
  appendAll(entry, Style::kRaw, out);
}

void Format::appendJson(const LogEntry& entry, std::string& out) const {
  const bool single = pieces_.size() == 1 && pieces_[0].name != nullptr;
  if (single && pieces_[0].name->numeric) {
    if (!value(pieces_[0], entry, Style::kJson, out)) out.append("null");
    return;
  }
  if (single && pieces_[0].name->argument == Name::Argument::kPath) {
    if (!Values::metadataJson(pieces_[0], entry.info, out)) out.append("null");
    return;
  }
  const size_t start = out.size();
  out.push_back('"');
  for (const Piece& piece : pieces_) {
    if (piece.name == nullptr) {
      appendJsonEscaped(piece.text, out);
    } else if (!value(piece, entry, Style::kJson, out)) {
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

}  // namespace weir::http
