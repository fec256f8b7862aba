#include "source/http/grpc_semantics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "source/base/ascii.h"

namespace weir::http {
namespace {

using std::chrono::microseconds;

struct StatusText {
  std::string_view name;
  std::string_view number;
  uint16_t http;
};
constexpr std::array<StatusText, kGrpcStatuses> kStatuses = {{
    {"OK", "0", 200},
    {"CANCELLED", "1", 499},
    {"UNKNOWN", "2", 500},
    {"INVALID_ARGUMENT", "3", 400},
    {"DEADLINE_EXCEEDED", "4", 504},
    {"NOT_FOUND", "5", 404},
    {"ALREADY_EXISTS", "6", 409},
    {"PERMISSION_DENIED", "7", 403},
    {"RESOURCE_EXHAUSTED", "8", 429},
    {"FAILED_PRECONDITION", "9", 400},
    {"ABORTED", "10", 409},
    {"OUT_OF_RANGE", "11", 400},
    {"UNIMPLEMENTED", "12", 501},
    {"INTERNAL", "13", 500},
    {"UNAVAILABLE", "14", 503},
    {"DATA_LOSS", "15", 500},
    {"UNAUTHENTICATED", "16", 401},
}};

const StatusText& textOf(GrpcStatus status) {
  return kStatuses[static_cast<size_t>(status)];
}

// Does a type end where `rest` begins, with its format and parameters behind it?
bool typeEnds(std::string_view rest) {
  return rest.empty() || rest[0] == '+' || rest[0] == ';' || rest[0] == ' ' || rest[0] == '\t';
}

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// All digits, and not none.
bool isNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), isDigit);
}

// Finest first: what formatGrpcTimeout tries.
struct TimeoutUnit {
  char letter;
  int64_t microseconds;
};
constexpr std::array kTimeoutUnits = {
    TimeoutUnit{'u', 1},          TimeoutUnit{'m', 1'000},         TimeoutUnit{'S', 1'000'000},
    TimeoutUnit{'M', 60'000'000}, TimeoutUnit{'H', 3'600'000'000},
};
constexpr int64_t kMaxTimeoutValue = 99'999'999;
static_assert(kMaxTimeoutValue <= std::numeric_limits<int64_t>::max() / 3'600'000'000,
              "the longest timeout is a number of microseconds");

bool staysInMessage(char c) {
  return c >= ' ' && c <= '~' && c != '%';
}

int hexValue(char c) {
  if (isDigit(c)) return c - '0';
  const char lower = base::toLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

bool isGrpcContentType(std::string_view content_type) {
  return base::startsWithIgnoreCase(content_type, kGrpcContentType) &&
         typeEnds(content_type.substr(kGrpcContentType.size()));
}

bool isGrpcWebContentType(std::string_view content_type) {
  constexpr std::string_view kText = "-text";
  if (!base::startsWithIgnoreCase(content_type, kGrpcWebContentType)) return false;
  content_type.remove_prefix(kGrpcWebContentType.size());
  if (base::startsWithIgnoreCase(content_type, kText)) content_type.remove_prefix(kText.size());
  return typeEnds(content_type);
}

std::string_view grpcReplyType(const HeaderMap& request) {
  const std::string_view type = request.get(HeaderId::kContentType);
  if (isGrpcContentType(type)) return kGrpcContentType;
  return isGrpcWebContentType(type) ? type.substr(0, type.find_first_of("; \t"))
                                    : std::string_view();
}

std::string_view grpcStatusName(GrpcStatus status) {
  return textOf(status).name;
}

std::string_view grpcStatusNumber(GrpcStatus status) {
  return textOf(status).number;
}

std::optional<GrpcStatus> grpcStatusFromName(std::string_view name) {
  for (size_t i = 0; i < kStatuses.size(); ++i) {
    if (kStatuses[i].name == name) return static_cast<GrpcStatus>(i);
  }
  return std::nullopt;
}

std::optional<GrpcStatus> parseGrpcStatus(std::string_view number) {
  if (!isNumber(number)) return std::nullopt;
  size_t value = 0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  const bool known = result.ec == std::errc() && value < kGrpcStatuses;
  return known ? static_cast<GrpcStatus>(value) : GrpcStatus::kUnknown;
}

std::optional<GrpcStatus> grpcStatusIn(const HeaderMap& fields) {
  return parseGrpcStatus(fields.get(kGrpcStatusName));
}

GrpcStatus httpToGrpc(uint16_t status) {
  switch (status) {
    case 400:
      return GrpcStatus::kInternal;
    case 401:
      return GrpcStatus::kUnauthenticated;
    case 403:
      return GrpcStatus::kPermissionDenied;
    case 404:
      return GrpcStatus::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcStatus::kUnavailable;
    default:
      return GrpcStatus::kUnknown;
  }
}

GrpcStatus replyToGrpc(uint16_t status) {
  switch (status) {
    case 408:
    case 504:
      return GrpcStatus::kDeadlineExceeded;
    case 413:
    case 414:
    case 431:
      return GrpcStatus::kResourceExhausted;
    case 500:
      return GrpcStatus::kInternal;
    case 501:
      return GrpcStatus::kUnimplemented;
    default:
      return httpToGrpc(status);
  }
}

uint16_t grpcToHttp(GrpcStatus status) {
  return textOf(status).http;
}

std::optional<GrpcTimeout> parseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  const std::string_view digits = text.substr(0, text.size() - 1);
  if (!isNumber(digits)) return std::nullopt;
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const char letter = text.back();
  if (letter == 'n') return microseconds((value + 999) / 1000);
  for (const TimeoutUnit& unit : kTimeoutUnits) {
    if (unit.letter == letter) return microseconds(value * unit.microseconds);
  }
  return std::nullopt;
}

std::string_view formatGrpcTimeout(GrpcTimeout timeout, std::span<char, 9> room) {
  const int64_t count = std::max<int64_t>(timeout.count(), 1);
  const TimeoutUnit* unit = kTimeoutUnits.data();
  while (count / unit->microseconds > kMaxTimeoutValue && unit != &kTimeoutUnits.back()) ++unit;
  const int64_t value = std::min(count / unit->microseconds, kMaxTimeoutValue);
  char* end = std::to_chars(room.data(), room.data() + room.size(), value).ptr;
  *end++ = unit->letter;
  return {room.data(), static_cast<size_t>(end - room.data())};
}

std::string_view encodeGrpcMessage(std::string_view message, base::Arena& arena) {
  const auto escapes = static_cast<size_t>(
      std::count_if(message.begin(), message.end(), [](char c) { return !staysInMessage(c); }));
  if (escapes == 0) return message;
  static constexpr char kHex[] = "0123456789ABCDEF";
  const size_t size = message.size() + 2 * escapes;
  char* const start = static_cast<char*>(arena.allocate(size, 1));
  char* out = start;
  for (const char c : message) {
    if (staysInMessage(c)) {
      *out++ = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    *out++ = '%';
    *out++ = kHex[byte >> 4];
    *out++ = kHex[byte & 15];
  }
  return {start, size};
}

std::string decodeGrpcMessage(std::string_view encoded) {
  std::string out;
  out.reserve(encoded.size());
  for (size_t i = 0; i < encoded.size(); ++i) {
    const bool escape = encoded[i] == '%' && i + 2 < encoded.size() &&
                        hexValue(encoded[i + 1]) >= 0 && hexValue(encoded[i + 2]) >= 0;
    if (!escape) {
      out += encoded[i];
      continue;
    }
    out += static_cast<char>(hexValue(encoded[i + 1]) * 16 + hexValue(encoded[i + 2]));
    i += 2;
  }
  return out;
}

}  // namespace weir::http
