#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "source/config/diagnostics.h"
#include "source/plugin/plugin.h"

namespace google::protobuf {
class Message;
}

namespace weir::plugin {

// One place of the configuration file as a plugin reads it: what a weir_config stands for. What it
// returns lives as long as it. Main-thread only.
class ConfigSource {
 public:
  ConfigSource(const Kind& kind, const google::protobuf::Message& message, const config::Cursor& at)
      : kind_(kind), message_(message), at_(at) {}

  std::string_view text();
  std::string_view bytes();
  struct Value {
    bool exists = false;  // there is such a scalar field
    bool given = false;
    std::string_view text;
  };
  Value value(std::string_view path);
  // -1: there is no such field.
  int64_t count(std::string_view path) const;
  std::string_view resolvePath(std::string_view name) { return keep(at_.resolvePath(name)); }

  const weir_config* handle() { return reinterpret_cast<const weir_config*>(this); }
  static ConfigSource& of(const weir_config* handle) {
    return *reinterpret_cast<ConfigSource*>(const_cast<weir_config*>(handle));
  }

 private:
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }

  const Kind& kind_;
  const google::protobuf::Message& message_;
  const config::Cursor at_;
  std::deque<std::string> kept_;
};

}  // namespace weir::plugin
