#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace weir::extensions::http_filters::grpc_json_transcoder {

// A field that text of a path or query can be the value of, from the outermost message inwards.
// Value.
struct FieldPath {
  std::vector<std::string> json_names;
  bool repeated = false;
};

// `names`: of fields, as in the .proto file or as in JSON. NotFound: there is no such field; any
// other error: there is one, but text cannot be its value. Errors read "what; what would be right".
absl::StatusOr<FieldPath> findField(const google::protobuf::Descriptor& message,
                                    std::span<const std::string> names);
// One field; null when there is none.
const google::protobuf::FieldDescriptor* findField(const google::protobuf::Descriptor& message,
                                                   std::string_view name);

// Fields of a message that a path and a query give, as text. Worker-confined.
class Parameters {
 public:
  // False when the field has a value already and is not repeated.
  bool set(const FieldPath& field, std::string value);
  bool empty() const { return root_.children.empty(); }
  // {"field":"text","repeated":["text"],"message":{"field":"text"}}
  std::string toJson() const;

 private:
  struct Node {
    std::string name;
    bool repeated = false;
    std::vector<std::string> values;
    std::vector<Node> children;
  };
  static Node& childOf(Node& node, const std::string& name);
  static void append(const Node& node, std::string& out);
  Node root_;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
