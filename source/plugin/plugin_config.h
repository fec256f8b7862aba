#pragma once

#include <memory>
#include <string_view>

#include "source/config/diagnostics.h"
#include "source/plugin/plugin.h"

namespace google::protobuf {
class Message;
}

namespace weir::plugin {

// What a plugin has made of one place of the configuration file. Immutable; shared by all workers.
class PluginConfig {
 public:
  PluginConfig(const Kind& kind, void* object) : kind_(kind), object_(object) {}
  ~PluginConfig() {
    if (object_ != nullptr && kind_.head().config_destroy != nullptr) {
      kind_.head().config_destroy(object_);
    }
  }
  PluginConfig(const PluginConfig&) = delete;
  PluginConfig& operator=(const PluginConfig&) = delete;

  void* object() const { return object_; }

 private:
  const Kind& kind_;
  void* const object_;
};

// Lets the plugin read `message`, of its configType(), with weir_kind.config_create, or with
// `create` when that is another one. What it finds wrong is reported at the fields of `at`; then
// null. Main-thread only.
using ConfigCreate = void* (*)(void* user, const weir_config* config, weir_report* report);
std::shared_ptr<const PluginConfig> compilePluginConfig(const Kind& kind, ConfigCreate create,
                                                        const google::protobuf::Message& message,
                                                        const config::Cursor& at);
inline std::shared_ptr<const PluginConfig> compilePluginConfig(
    const Kind& kind, const google::protobuf::Message& message, const config::Cursor& at) {
  return compilePluginConfig(kind, kind.head().config_create, message, at);
}

}  // namespace weir::plugin
