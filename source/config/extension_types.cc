#include "source/config/extension_types.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"

#include "source/base/concat.h"
#include "source/base/suggest.h"

namespace weir::config {
namespace {

constexpr size_t kMostListed = 12;

std::string fullName(const base::Extension& extension) {
  return base::concat(extension.category(), "/", extension.name());
}

// Who knows Envoy looks for it among the HTTP filters.
ExtensionType theRouter(std::string_view written) {
  return {
      .extension = nullptr,
      .config_type = {},
      .what = base::concat("\"", written, "\": the router is no filter, it comes behind the last ",
                           "one by itself"),
      .right = "remove it; what routes do stands in virtual_hosts"};
}

ExtensionType byMessage(const base::Registry& registry, std::string_view type) {
  std::vector<std::string> known;
  for (const base::Extension* extension : registry.entries()) {
    if (extension->configType() == type) {
      return {.extension = extension, .config_type = std::string(type), .what = {}, .right = {}};
    }
    known.emplace_back(extension->configType());
  }
  if (type.ends_with(".filters.http.router.v3.Router")) return theRouter(type);
  const std::string nearest = base::closest(type, known);
  return {.extension = nullptr,
          .config_type = {},
          .what = base::concat("no extension is configured by \"", type, "\""),
          .right = nearest.empty() ? "`weir extensions` lists what there is"
                                   : base::concat("did you mean \"", nearest, "\"?")};
}

ExtensionType unknownCategory(const base::Registry& registry, std::string_view category) {
  std::set<std::string> categories;
  for (const base::Extension* extension : registry.entries()) {
    categories.emplace(extension->category());
  }
  return {.extension = nullptr,
          .config_type = {},
          .what = base::concat("there is no category of extensions \"", category, "\""),
          .right = suggestion(category, {categories.begin(), categories.end()})};
}

}  // namespace

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  if (known.empty()) return {};
  const std::string nearest = base::closest(word, known);
  std::string text;
  if (!nearest.empty()) text += base::concat("did you mean \"", nearest, "\"?");
  if (known.size() > kMostListed || (!nearest.empty() && known.size() == 1)) return text;
  text += base::concat(text.empty() ? "" : " ", "known: ", absl::StrJoin(known, ", "));
  return text;
}

std::vector<std::string> extensionsOfType(const base::Registry& registry,
                                          std::string_view config_type) {
  std::vector<std::string> found;
  for (const base::Extension* extension : registry.entries()) {
    if (extension->configType() == config_type) found.push_back(fullName(*extension));
  }
  return found;
}

ExtensionType resolveExtensionType(const base::Registry& registry, std::string_view bracketed) {
  if (bracketed.starts_with(kTypeUrlPrefix)) {
    return byMessage(registry, bracketed.substr(kTypeUrlPrefix.size()));
  }
  const size_t slash = bracketed.find('/');
  const std::string_view category = bracketed.substr(0, slash);
  const std::string_view name =
      slash == std::string_view::npos ? std::string_view() : bracketed.substr(slash + 1);
  if (const base::Extension* found = registry.find(category, name)) {
    return {.extension = found,
            .config_type = std::string(found->configType()),
            .what = {},
            .right = {}};
  }
  if (category == "http_filters" && name == "router") return theRouter(bracketed);
  std::vector<std::string> names;
  for (const base::Extension* extension : registry.entries()) {
    if (extension->category() == category) names.emplace_back(extension->name());
  }
  if (names.empty()) return unknownCategory(registry, category);
  return {.extension = nullptr,
          .config_type = {},
          .what = base::concat("there is no extension \"", bracketed, "\""),
          .right = suggestion(name, names)};
}

}  // namespace weir::config
