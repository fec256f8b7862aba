#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace google::protobuf {
class MethodDescriptor;
}

namespace weir::extensions::http_filters::grpc_json_transcoder {

// One binding of google.api.HttpRule. Value.
struct HttpRule {
  std::string http_method;    // "GET", or what `custom` names; "*": any
  std::string path_template;  // as written
  std::string body;           // empty: none; "*": the whole message; else a field of it
  std::string response_body;  // empty: the whole message; else a field of it
};

// The rule of option (google.api.http) of `method`, with its additional bindings behind it; none
// when the method has no such option. Read from the option's bytes, whether or not the descriptors
// bring google/api/annotations.proto along.
absl::StatusOr<std::vector<HttpRule>> httpRulesOf(const google::protobuf::MethodDescriptor& method);

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
