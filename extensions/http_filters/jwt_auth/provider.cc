#include "extensions/http_filters/jwt_auth/provider.h"

#include <charconv>
#include <cmath>

#include "source/http/semantics.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using http::MetadataValue;
using Kind = MetadataValue::Kind;

constexpr size_t kMaxClaimBytes = 4096;
constexpr double kMaxWhole = 9'007'199'254'740'992;  // 2^53

void appendNumber(double number, std::string& out) {
  char digits[32];
  const bool whole = std::floor(number) == number && std::abs(number) < kMaxWhole;
  const auto result =
      whole ? std::to_chars(digits, digits + sizeof digits, static_cast<int64_t>(number))
            : std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, result.ptr);
}

bool appendScalar(const MetadataValue& value, std::string& out) {
  switch (value.kind) {
    case Kind::kText:
      out.append(value.text);
      return true;
    case Kind::kNumber:
      appendNumber(value.number, out);
      return true;
    case Kind::kBool:
      out.append(value.flag ? "true" : "false");
      return true;
    case Kind::kNull:
    case Kind::kList:
    case Kind::kStruct:
      break;
  }
  return false;
}

}  // namespace

bool claimText(const MetadataValue& claims, const std::vector<std::string>& path,
               std::string& out) {
  out.clear();
  const MetadataValue* value = &claims;
  for (const std::string& member : path) {
    value = value->find(member);
    if (value == nullptr) return false;
  }
  if (value->kind == Kind::kList) {
    for (const http::MetadataField& member : value->members()) {
      if (&member != value->first) out.push_back(',');
      if (!appendScalar(member.value, out)) return false;
    }
  } else if (!appendScalar(*value, out)) {
    return false;
  }
  return out.size() <= kMaxClaimBytes && http::isFieldValue(out);
}

const TokenPlace* Provider::placeWithToken(const http::RequestHead& head) const {
  for (const TokenPlace& place : places) {
    if (place.find(head)) return &place;
  }
  return nullptr;
}

}  // namespace weir::extensions::http_filters::jwt_auth
