#pragma once

#include <google/protobuf/repeated_field.h>

#include <string_view>
#include <vector>

#include "source/config/diagnostics.h"
#include "source/http/matchers.h"

namespace weir::config::v1 {
class HeaderMatch;
class ParameterMatch;
class Percentage;
class StringMatch;
}  // namespace weir::config::v1

// Reading the messages of match.proto: each function reports what is wrong at the field's cursor,
// and then returns something harmless.
namespace weir::config {

// `at`: the message itself, here and where it is not a list.
http::TextMatcher compileStringMatch(const v1::StringMatch& from, const Cursor& at);
http::HeaderMatcher compileHeaderMatch(const v1::HeaderMatch& from, const Cursor& at);

// `at`: the message that has the list in its field `field`.
std::vector<http::HeaderMatcher> compileHeaderMatches(
    const google::protobuf::RepeatedPtrField<v1::HeaderMatch>& from, const Cursor& at,
    std::string_view field);
enum class ParameterKind : uint8_t { kQuery, kCookie };
std::vector<http::ParameterMatcher> compileParameterMatches(
    const google::protobuf::RepeatedPtrField<v1::ParameterMatch>& from, ParameterKind kind,
    const Cursor& at, std::string_view field);
std::vector<http::TextMatcher> compileStringMatches(
    const google::protobuf::RepeatedPtrField<v1::StringMatch>& from, const Cursor& at,
    std::string_view field);

http::Fraction compileFraction(const v1::Percentage& from, const Cursor& at);

}  // namespace weir::config
