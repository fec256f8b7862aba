#include "extensions/http_filters/tap/record.h"

#include <algorithm>
#include <utility>

#include "source/base/ascii.h"
#include "source/base/json_text.h"
#include "source/base/utf8.h"

namespace weir::extensions::http_filters::tap {
namespace {

constexpr std::string_view kSecrets[] = {"authorization", "proxy-authorization", "cookie",
                                         "set-cookie"};

void appendBase64(std::string_view bytes, std::string& out) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      out.push_back(k <= count ? kDigits[bits >> (18 - 6 * k) & 63] : '=');
    }
  }
}

// A character that the limit has cut through is none of the text.
std::string_view textOf(const RecordedBody& body) {
  std::string_view text = body.bytes;
  for (int cut = 0; cut < 3 && body.size > text.size() && !base::isUtf8(text); ++cut) {
    if (text.empty()) break;
    text.remove_suffix(1);
  }
  return base::isUtf8(text) ? text : std::string_view();
}

}  // namespace

Redaction::Redaction(const std::vector<std::string>& fields, std::vector<base::Regex> patterns)
    : fields_(std::begin(kSecrets), std::end(kSecrets)), patterns_(std::move(patterns)) {
  for (const std::string& field : fields) fields_.push_back(base::lowered(field));
}

bool Redaction::hidesField(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(), [name](const std::string& hidden) {
    return base::equalsIgnoreCase(hidden, name);
  });
}

std::string Redaction::clean(std::string_view text) const {
  std::string cleaned(text);
  for (const base::Regex& pattern : patterns_) cleaned = pattern.replaceAll(cleaned, kRedacted);
  return cleaned;
}

void appendFields(const http::HeaderMap& fields, const Redaction& redaction, std::string& out) {
  out += "\"fields\":[";
  bool first = true;
  fields.forEach([&](const http::HeaderMap::Field& field) {
    out += first ? "[" : ",[";
    first = false;
    base::appendJsonString(field.name, out);
    out += ',';
    if (redaction.hidesField(field.name)) {
      base::appendJsonString(kRedacted, out);
    } else if (redaction.hasPatterns()) {
      base::appendJsonString(redaction.clean(field.value), out);
    } else {
      base::appendJsonString(field.value, out);
    }
    out += ']';
  });
  out += ']';
}

void appendBody(const RecordedBody& body, size_t limit, const Redaction& redaction,
                std::string& out) {
  out += ",\"body_bytes\":" + std::to_string(body.size);
  if (body.size == 0 || limit == 0) return;
  const std::string_view text = textOf(body);
  if (!text.empty() && !(redaction.hasPatterns() && body.encoded)) {
    out += ",\"body\":";
    base::appendJsonString(redaction.hasPatterns() ? redaction.clean(text) : std::string(text),
                           out);
  } else if (redaction.hasPatterns()) {
    out += body.encoded ? ",\"body_omitted\":\"encoded\"" : ",\"body_omitted\":\"not text\"";
  } else {
    out += ",\"body_base64\":\"";
    appendBase64(body.bytes, out);
    out += '"';
  }
  if (body.size > body.bytes.size()) out += ",\"body_truncated\":true";
}

}  // namespace weir::extensions::http_filters::tap
