#include "source/base/registry.h"

#include "source/base/concat.h"
#include "source/base/suggest.h"

namespace weir::base {
namespace {

std::pair<std::string, std::string> keyOf(std::string_view category, std::string_view name) {
  return {std::string(category), std::string(name)};
}

// Why `wanted` was not found among what `index` has in the category.
template <class Index>
absl::Status unknown(const Index& index, std::string_view category, std::string_view wanted) {
  std::vector<std::string> known;
  for (const auto& [key, extension] : index) {
    if (key.first == category) known.push_back(key.second);
  }
  std::string message = concat("unknown extension \"", wanted, "\" in category ", category);
  if (known.empty()) return absl::NotFoundError(concat(message, ", which has none"));
  message += didYouMean(wanted, known);
  message += message.ends_with('?') ? " known: " : "; known: ";
  for (size_t i = 0; i < known.size(); ++i) message += (i == 0 ? "" : ", ") + known[i];
  return absl::NotFoundError(message);
}

template <class Index>
const Extension* lookUp(const Index& index, std::string_view category, std::string_view name) {
  const auto found = index.find(keyOf(category, name));
  return found == index.end() ? nullptr : &*found->second;
}

}  // namespace

absl::Status Registry::add(std::unique_ptr<Extension> extension) {
  const std::string_view category = extension->category();
  const std::string_view name = extension->name();
  const std::string_view type = extension->configType();
  if (category.empty() || name.empty()) {
    return absl::InvalidArgumentError(
        concat("extension \"", name, "\" in category \"", category, "\": both need a name"));
  }
  if (find(category, name) != nullptr) {
    return absl::AlreadyExistsError(
        concat("extension \"", name, "\" is registered twice in category ", category));
  }
  if (const Extension* other = findByConfigType(category, type); other != nullptr) {
    return absl::AlreadyExistsError(concat("extensions \"", other->name(), "\" and \"", name,
                                           "\" in category ", category,
                                           " claim the same configuration message ", type));
  }
  if (!type.empty()) by_config_type_.emplace(keyOf(category, type), extension.get());
  by_name_.emplace(keyOf(category, name), std::move(extension));
  return absl::OkStatus();
}

const Extension* Registry::find(std::string_view category, std::string_view name) const {
  return lookUp(by_name_, category, name);
}

const Extension* Registry::findByConfigType(std::string_view category,
                                            std::string_view config_type) const {
  return lookUp(by_config_type_, category, config_type);
}

absl::StatusOr<const Extension*> Registry::require(std::string_view category,
                                                   std::string_view name) const {
  if (const Extension* found = find(category, name); found != nullptr) return found;
  return unknown(by_name_, category, name);
}

absl::StatusOr<const Extension*> Registry::requireByConfigType(std::string_view category,
                                                               std::string_view config_type) const {
  const Extension* found = findByConfigType(category, config_type);
  if (found != nullptr) return found;
  return unknown(by_config_type_, category, config_type);
}

std::vector<const Extension*> Registry::entries() const {
  std::vector<const Extension*> sorted;
  for (const auto& [key, extension] : by_name_) sorted.push_back(extension.get());
  return sorted;
}

}  // namespace weir::base
