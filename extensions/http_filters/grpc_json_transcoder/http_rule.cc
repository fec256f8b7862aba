#include "extensions/http_filters/grpc_json_transcoder/http_rule.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <utility>

#include "source/http/semantics.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

// Numbers of google/api/annotations.proto and google/api/http.proto.
constexpr int kHttpOption = 72295728;
constexpr int kGet = 2;
constexpr int kPut = 3;
constexpr int kPost = 4;
constexpr int kDelete = 5;
constexpr int kPatch = 6;
constexpr int kBody = 7;
constexpr int kCustom = 8;
constexpr int kAdditionalBindings = 11;
constexpr int kResponseBody = 12;
constexpr int kCustomKind = 1;
constexpr int kCustomPath = 2;

absl::Status malformed() {
  return absl::InvalidArgumentError(
      "its option (google.api.http) is damaged; compile the descriptor set again with protoc");
}

// Reads one rule; bindings that it adds go to `more` as bytes.
class RuleReader {
 public:
  absl::StatusOr<HttpRule> read(const std::string& bytes, std::vector<std::string>& more) {
    UnknownFieldSet fields;
    if (!fields.ParseFromString(bytes)) return malformed();
    for (int i = 0; i < fields.field_count(); ++i) {
      const UnknownField& field = fields.field(i);
      if (field.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;  // of a later HttpRule
      if (!take(field.number(), field.length_delimited(), more)) return malformed();
    }
    if (rule_.http_method.empty()) {
      return absl::InvalidArgumentError(
          "its option (google.api.http) has no pattern; write get, put, post, delete, patch or "
          "custom");
    }
    if (rule_.http_method != "*" && !http::isMethod(rule_.http_method)) {
      return absl::InvalidArgumentError(
          "the kind of its custom pattern is no HTTP method; write a token such as \"HEAD\"");
    }
    return std::move(rule_);
  }

 private:
  bool take(int number, const std::string& value, std::vector<std::string>& more) {
    switch (number) {
      case kGet:
        return setPattern("GET", value);
      case kPut:
        return setPattern("PUT", value);
      case kPost:
        return setPattern("POST", value);
      case kDelete:
        return setPattern("DELETE", value);
      case kPatch:
        return setPattern("PATCH", value);
      case kCustom:
        return takeCustom(value);
      case kBody:
        rule_.body = value;
        return true;
      case kResponseBody:
        rule_.response_body = value;
        return true;
      case kAdditionalBindings:
        more.push_back(value);
        return true;
      default:
        return true;  // the selector, and what later versions add
    }
  }

  // The last of a oneof counts.
  bool setPattern(std::string_view method, const std::string& path) {
    rule_.http_method = method;
    rule_.path_template = path;
    return true;
  }

  bool takeCustom(const std::string& bytes) {
    UnknownFieldSet fields;
    if (!fields.ParseFromString(bytes)) return false;
    setPattern({}, {});
    for (int i = 0; i < fields.field_count(); ++i) {
      const UnknownField& field = fields.field(i);
      if (field.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
      if (field.number() == kCustomKind) rule_.http_method = field.length_delimited();
      if (field.number() == kCustomPath) rule_.path_template = field.length_delimited();
    }
    return true;
  }

  HttpRule rule_;
};

// The option's bytes; pieces of a message on the wire are merged by standing one after the other.
// False when there is none.
bool findOption(const google::protobuf::MethodDescriptor& method, std::string& bytes) {
  const UnknownFieldSet& options = method.options().unknown_fields();
  bool found = false;
  for (int i = 0; i < options.field_count(); ++i) {
    const UnknownField& field = options.field(i);
    if (field.number() != kHttpOption || field.type() != UnknownField::TYPE_LENGTH_DELIMITED) {
      continue;
    }
    bytes += field.length_delimited();
    found = true;
  }
  return found;
}

}  // namespace

absl::StatusOr<std::vector<HttpRule>> httpRulesOf(
    const google::protobuf::MethodDescriptor& method) {
  std::vector<HttpRule> rules;
  std::string bytes;
  if (!findOption(method, bytes)) return rules;
  std::vector<std::string> additional;
  auto first = RuleReader().read(bytes, additional);
  if (!first.ok()) return first.status();
  rules.push_back(*std::move(first));
  for (const std::string& binding : additional) {
    std::vector<std::string> nested;
    auto rule = RuleReader().read(binding, nested);
    if (!rule.ok()) return rule.status();
    if (!nested.empty()) {
      return absl::InvalidArgumentError(
          "an additional binding has additional bindings; list them one level up");
    }
    rules.push_back(*std::move(rule));
  }
  return rules;
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
