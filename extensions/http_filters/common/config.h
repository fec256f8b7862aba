#pragma once

#include <google/protobuf/repeated_field.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "extensions/http_filters/common/limit_scope.h"
#include "extensions/http_filters/common/rate_limit_answer.h"
#include "extensions/http_filters/common/request_key.h"
#include "source/config/diagnostics.h"
#include "source/config/match_compiler.h"
#include "source/network/cidr_set.h"

namespace weir::extensions::http_filters {

namespace common::v1 {
class RateLimitAnswer;
class RequestKey;
}  // namespace common::v1

// Reading what messages of several filters have in common: each function reports what is wrong at
// the field's cursor, and then returns something harmless. `at`: the message itself, unless it says
// otherwise.
RequestKey compileRequestKey(const common::v1::RequestKey& from, const config::Cursor& at);
RateLimitAnswer compileRateLimitAnswer(const common::v1::RateLimitAnswer& from,
                                       const config::Cursor& at);
// The name of a limit: it stands in statistics and in fields of answers.
void checkLimitName(const std::string& name, const config::Cursor& at);
// `at`: the message that has the list in its field `field`.
network::CidrSet compilePrefixes(const google::protobuf::RepeatedPtrField<std::string>& from,
                                 const config::Cursor& at, std::string_view field);

// The fields that messages of limits have for their scope. `at`: the message.
template <class Message>
LimitScope compileLimitScope(const Message& from, const config::Cursor& at) {
  LimitScope to;
  if (!from.exempt_addresses().empty()) {
    to.exempt_addresses = compilePrefixes(from.exempt_addresses(), at, "exempt_addresses");
  }
  if (!from.exempt_headers().empty()) {
    to.exempt_headers = config::compileHeaderMatches(from.exempt_headers(), at, "exempt_headers");
  }
  if (from.has_enabled()) to.enabled = config::compileFraction(from.enabled(), at.field("enabled"));
  if (from.has_shadow()) to.shadow = from.shadow();
  if (from.has_answer()) to.answer = compileRateLimitAnswer(from.answer(), at.field("answer"));
  return to;
}

}  // namespace weir::extensions::http_filters
