#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir::base {

// What an extension registers: usually the factory of its category's objects. The categories' own
// interfaces (HTTP filter factory, load balancer factory, ...) derive from it and name themselves
// in a `static constexpr std::string_view kCategory`. Immutable.
class Extension {
 public:
  virtual ~Extension() = default;
  // "http_filters", "load_balancing", ...: the folder.
  virtual std::string_view category() const = 0;
  // Unique in the category: the extension's folder.
  virtual std::string_view name() const = 0;
  // Full name of the message that configures it ("weir.extensions.…"), or empty.
  virtual std::string_view configType() const { return {}; }
};

// The extensions that this process knows, filled by main (or a test) before anything starts; no
// other way leads in. Main-thread only while it is filled, Immutable afterwards.
class Registry {
 public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Refuses an empty name, and a name or a config type that the category already has.
  absl::Status add(std::unique_ptr<Extension> extension);

  // nullptr when unknown.
  const Extension* find(std::string_view category, std::string_view name) const;
  const Extension* findByConfigType(std::string_view category, std::string_view config_type) const;
  // NotFound lists what the category has and suggests.
  absl::StatusOr<const Extension*> require(std::string_view category, std::string_view name) const;
  absl::StatusOr<const Extension*> requireByConfigType(std::string_view category,
                                                       std::string_view config_type) const;

  // The same by type: T derives from Extension, and whatever is registered under T::kCategory is a
  // T.
  template <class T>
  const T* find(std::string_view name) const {
    return static_cast<const T*>(find(T::kCategory, name));
  }
  template <class T>
  const T* findByConfigType(std::string_view config_type) const {
    return static_cast<const T*>(findByConfigType(T::kCategory, config_type));
  }
  template <class T>
  absl::StatusOr<const T*> require(std::string_view name) const {
    return narrow<T>(require(T::kCategory, name));
  }
  template <class T>
  absl::StatusOr<const T*> requireByConfigType(std::string_view config_type) const {
    return narrow<T>(requireByConfigType(T::kCategory, config_type));
  }

  // All, sorted by category, then name.
  std::vector<const Extension*> entries() const;

 private:
  using Key = std::pair<std::string, std::string>;

  template <class T>
  static absl::StatusOr<const T*> narrow(absl::StatusOr<const Extension*> found) {
    if (!found.ok()) return found.status();
    return static_cast<const T*>(*found);
  }

  std::map<Key, std::unique_ptr<Extension>> by_name_;
  std::map<Key, const Extension*> by_config_type_;
};

}  // namespace weir::base
