#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "source/base/registry.h"
#include "source/config/extensions.h"
#include "source/config/own_message.h"
#include "source/plugin/config_type.h"
#include "source/plugin/plugin.h"

namespace weir::plugin {

// What Weir knows of one kind of extensions that plugins offer. Immutable.
struct KindType {
  uint32_t type = 0;  // WEIR_HTTP_FILTER, …
  std::string_view category;
  // What a plugin's struct must have at least: all of ABI 1.0.
  size_t least_size = 0;
  // Empty, or what is wrong with it: a function that is missing, a size out of range. `raw` has at
  // least least_size bytes.
  std::string (*check)(const void* raw) = nullptr;
  // What the registry gets.
  std::unique_ptr<base::Extension> (*make)(const Kind& kind) = nullptr;
};

// Null: this Weir does not know it.
const KindType* findKindType(uint32_t type);

// "plugin auth 1.4.2 (/usr/lib/weir/auth.so)"
std::string originOf(const Kind& kind);

// An extension of category `Base` (config::HttpFilterExtension, …) that a plugin offers: what those
// of all categories have in common. Immutable.
template <class Base>
class PluginExtension : public Base, public config::OwnMessage {
 public:
  explicit PluginExtension(const Kind& kind) : kind_(kind) {}
  std::string_view name() const final { return kind_.name(); }
  std::string_view configType() const final { return kind_.configType().name(); }
  const google::protobuf::Message& prototype() const final {
    return kind_.configType().prototype();
  }
  std::string origin() const final { return originOf(kind_); }

 protected:
  const Kind& kind() const { return kind_; }

 private:
  const Kind& kind_;
};

}  // namespace weir::plugin
