#include "extensions/http_filters/grpc_json_transcoder/wire.h"

#include <algorithm>
#include <limits>

#include "extensions/http_filters/grpc_json_transcoder/escapes.h"
#include "source/base/concat.h"
#include "source/base/json_text.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

enum class WireType : uint8_t { kVarint, kFixed64, kBytes, kGroup, kEndGroup, kFixed32 };

constexpr uint32_t kContentType = 1;  // of google.api.HttpBody
constexpr uint32_t kData = 2;

void appendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

// Calls visit(field) for each; false when `bytes` are no message.
template <class F>
bool forEachField(std::string_view bytes, F visit) {
  WireReader reader(bytes);
  WireField field;
  for (;;) {
    switch (reader.next(field)) {
      case WireReader::Result::kField:
        visit(field);
        break;
      case WireReader::Result::kEnd:
        return true;
      case WireReader::Result::kDamaged:
        return false;
    }
  }
}

}  // namespace

bool WireReader::readVarint(uint64_t& value) {
  constexpr size_t kMostBytes = 10;
  value = 0;
  for (size_t i = 0; i < std::min(kMostBytes, rest_.size()); ++i) {
    const auto byte = static_cast<unsigned char>(rest_[i]);
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      rest_.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool WireReader::skip(uint64_t bytes) {
  if (bytes > rest_.size()) return false;
  rest_.remove_prefix(bytes);
  return true;
}

WireReader::Result WireReader::next(WireField& field) {
  while (!rest_.empty()) {
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!readVarint(tag) || tag >> 3 == 0 || tag > std::numeric_limits<uint32_t>::max()) {
      return Result::kDamaged;
    }
    bool whole = false;
    switch (static_cast<WireType>(tag & 7)) {
      case WireType::kVarint:
        whole = readVarint(value);
        break;
      case WireType::kFixed64:
        whole = skip(8);
        break;
      case WireType::kFixed32:
        whole = skip(4);
        break;
      case WireType::kGroup:
        ++groups_;
        continue;
      case WireType::kEndGroup:
        if (groups_ == 0) return Result::kDamaged;
        --groups_;
        continue;
      case WireType::kBytes:
        if (!readVarint(value) || value > rest_.size()) return Result::kDamaged;
        field = {static_cast<uint32_t>(tag >> 3), rest_.substr(0, value)};
        whole = skip(value);
        if (groups_ == 0) return Result::kField;
        break;
    }
    if (!whole) return Result::kDamaged;
  }
  return groups_ == 0 ? Result::kEnd : Result::kDamaged;
}

void appendField(uint32_t number, std::string_view value, std::string& out) {
  appendVarint(uint64_t{number} << 3 | static_cast<uint64_t>(WireType::kBytes), out);
  appendVarint(value.size(), out);
  out += value;
}

std::optional<std::string> fieldOf(std::string_view bytes, uint32_t number) {
  std::string found;
  const bool whole = forEachField(bytes, [&](const WireField& field) {
    if (field.number == number) found += field.value;
  });
  if (!whole) return std::nullopt;
  return found;
}

std::string encodeHttpBody(std::string_view content_type, std::string_view data) {
  std::string out;
  out.reserve(content_type.size() + data.size() + 16);
  if (!content_type.empty()) appendField(kContentType, content_type, out);
  if (!data.empty()) appendField(kData, data, out);
  return out;
}

std::optional<HttpBody> decodeHttpBody(std::string_view bytes) {
  HttpBody body;
  const bool whole = forEachField(bytes, [&](const WireField& field) {
    if (field.number == kContentType) body.content_type = field.value;
    if (field.number == kData) body.data = field.value;
  });
  if (!whole) return std::nullopt;
  return body;
}

std::string statusJson(int code, std::string_view message, std::string_view details) {
  std::string out = base::concat("{\"code\":", code, ",\"message\":");
  base::appendJsonString(message, out);
  out += base::concat(",\"details\":[", details, "]}");
  return out;
}

std::string opaqueAnyJson(std::string_view any) {
  constexpr uint32_t kTypeUrl = 1;
  constexpr uint32_t kValue = 2;
  const std::string type = fieldOf(any, kTypeUrl).value_or(std::string());
  const std::string value = fieldOf(any, kValue).value_or(std::string());
  std::string out = "{\"@type\":";
  base::appendJsonString(type, out);
  out += base::concat(",\"value\":\"", encodeBase64(value), "\"}");
  return out;
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
