#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "extensions/http_filters/grpc_json_transcoder/fields.h"
#include "extensions/http_filters/grpc_json_transcoder/http_rule.h"
#include "extensions/http_filters/grpc_json_transcoder/message_types.h"
#include "extensions/http_filters/grpc_json_transcoder/path_template.h"
#include "extensions/http_filters/grpc_json_transcoder/path_trie.h"
#include "source/base/string_map.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// How messages of a stream stand one after the other.
enum class StreamFormat : uint8_t { kJsonLines, kJsonArray, kServerSentEvents };

// What a filter is configured with, besides the services. Value.
struct Options {
  JsonOptions json = {};
  StreamFormat stream_format = StreamFormat::kJsonLines;
  bool auto_mapping = false;
  bool ignore_unknown_query_parameters = false;
  std::vector<std::string> ignored_query_parameters = {};  // sorted
  bool plus_is_space = false;
  bool convert_grpc_status = false;
  bool refuse_unmatched = false;
  bool match_incoming_request_route = false;
  uint32_t max_request_message_bytes = 1024 * 1024;
  uint32_t max_response_message_bytes = 4 * 1024 * 1024;
};

// A method of a service. Immutable.
struct Method {
  std::string name;  // "package.Service.Method"
  std::string path;  // "/package.Service/Method"
  const google::protobuf::Descriptor* request = nullptr;
  const google::protobuf::Descriptor* response = nullptr;
  bool client_streaming = false;
  bool server_streaming = false;
};

// One way in which HTTP reaches a method. Immutable.
struct Binding {
  enum class Body : uint8_t { kNone, kMessage, kField };

  const Method* method = nullptr;
  PathTemplate path_template;
  std::vector<FieldPath> variables;  // by index, of path_template.variables
  Body body = Body::kNone;
  std::string body_field;  // name in JSON
  uint32_t body_number = 0;
  bool body_is_raw = false;  // google.api.HttpBody
  // What the response's body is: the message, or one field of it.
  std::string response_type;     // full name of a message; with a field, of one that has only it
  uint32_t response_number = 0;  // 0: the message
  std::string_view response_absent;  // JSON of the field when it is not there; empty: its default
  bool response_is_raw = false;
};

// Which requests become calls of which methods, and their messages. Immutable once services have
// been added.
class Transcoding {
 public:
  Transcoding(std::unique_ptr<MessageTypes> types, Options options);

  // Errors read "what; what would be right". `name` is one of types().services().
  absl::Status addService(const std::string& name);

  // Null: not ours. `path` without query. No allocation.
  const Binding* match(std::string_view method, std::string_view path) const;
  // Methods that `path` has bindings for, ", " between them.
  std::string allowedMethods(std::string_view path) const;

  // The message's fields that path and query (behind "?") give, in binary.
  absl::StatusOr<std::string> parameters(const Binding& binding, std::string_view path,
                                         std::string_view query) const;
  // Appends the message of `body` to `message`: JSON, or raw bytes of `content_type`.
  absl::Status requestMessage(const Binding& binding, std::string_view body,
                              std::string_view content_type, std::string& message) const;
  // Appends what the client gets of `message`, which is JSON.
  absl::Status responseJson(const Binding& binding, std::string_view message, bool in_stream,
                            std::string& json) const;
  // google.rpc.Status as JSON; `status_bin`: that message, or empty. Details of unknown types stay
  // in base64.
  std::string errorJson(int code, std::string_view message, std::string_view status_bin) const;

  const MessageTypes& types() const { return *types_; }
  const Options& options() const { return options_; }

 private:
  absl::Status addMethod(const google::protobuf::MethodDescriptor& descriptor);
  absl::Status addBinding(const Method& method, const HttpRule& rule);
  absl::Status bindBody(const HttpRule& rule, Binding& binding);
  absl::Status bindResponse(const HttpRule& rule, Binding& binding);
  absl::Status bindVariables(Binding& binding);
  absl::Status setVariables(const Binding& binding, std::string_view path,
                            Parameters& parameters) const;
  absl::Status setQuery(const Binding& binding, std::string_view query,
                        Parameters& parameters) const;
  absl::Status setQueryParameter(const Binding& binding, std::string_view pair,
                                 Parameters& parameters) const;

  const std::unique_ptr<MessageTypes> types_;
  const Options options_;
  std::vector<std::unique_ptr<const Method>> methods_;
  std::vector<std::unique_ptr<const Binding>> bindings_;  // by what the tries answer
  base::StringMap<PathTrie> tries_;                       // by HTTP method
  PathTrie any_method_;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
