#pragma once

#include <google/protobuf/descriptor.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// How messages look as JSON, and what JSON is taken. Value.
struct JsonOptions {
  bool add_whitespace = false;
  bool always_print_primitive_fields = false;
  bool always_print_enums_as_ints = false;
  bool preserve_proto_field_names = false;
  bool ignore_unknown_fields = false;
  bool case_insensitive_enums = false;
};

// The types of a descriptor set, and messages of them in both forms. Types that Protobuf itself
// brings (google/protobuf/*.proto) are known besides. Immutable, but for prepare…(), which are for
// the main thread before any conversion.
class MessageTypes {
 public:
  // `descriptor_set`: a google.protobuf.FileDescriptorSet as `protoc --include_imports
  // --descriptor_set_out` writes it.
  static absl::StatusOr<std::unique_ptr<MessageTypes>> load(std::string_view descriptor_set);
  ~MessageTypes();
  MessageTypes(const MessageTypes&) = delete;
  MessageTypes& operator=(const MessageTypes&) = delete;

  const google::protobuf::DescriptorPool& pool() const;
  // Full names, sorted.
  const std::vector<std::string>& services() const { return services_; }

  // Looks all that messages of this type may be made of up beforehand.
  void prepare(const google::protobuf::Descriptor& type);
  // A message with nothing but `field`, which is called kOnlyField there. Returns its name.
  static constexpr std::string_view kOnlyField = "value";
  std::string prepareOnly(const google::protobuf::FieldDescriptor& field);

  // Levels of brackets that JSON may have, and of messages in each other.
  static constexpr size_t kMaxDepth = 100;

  // `type`: full name of a message. Appends to `binary`. Errors say what is wrong and where. What
  // Protobuf's own parser would need unbounded time, memory or stack for is refused before.
  absl::Status toBinary(std::string_view type, std::string_view json, const JsonOptions& options,
                        std::string& binary) const;
  // Appends to `json`; an error when that would be more than `max_bytes`.
  absl::Status toJson(std::string_view type, std::string_view binary, const JsonOptions& options,
                      size_t max_bytes, std::string& json) const;

 private:
  class Resolver;
  MessageTypes();
  const google::protobuf::Descriptor* findType(std::string_view name) const;
  bool isWhole(const google::protobuf::Descriptor& type, std::string_view bytes,
               size_t depth) const;

  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  std::unique_ptr<Resolver> resolver_;
  std::vector<std::string> services_;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
