#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
}

namespace weir::plugin {

// The configuration message of a plugin's extension, which this program was not built with.
// Immutable.
class ConfigType {
 public:
  // As the plugin describes it: a serialized google.protobuf.FileDescriptorSet and a full name.
  static absl::StatusOr<std::unique_ptr<const ConfigType>> describe(std::string_view descriptor_set,
                                                                    std::string_view message);
  // weir.plugins.CATEGORY.NAME.Config { string text = 1; }
  static std::unique_ptr<const ConfigType> plainText(std::string_view category,
                                                     std::string_view name);
  ~ConfigType();

  const std::string& name() const;
  const google::protobuf::Message& prototype() const;
  // Made by plainText().
  bool isText() const;

 private:
  struct State;
  explicit ConfigType(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::plugin
