#include "source/plugin/inspect.h"

#include "source/base/concat.h"
#include "source/config/describe.h"
#include "source/plugin/loader.h"

namespace weir::plugin {
namespace {

std::string line(std::string_view name, std::string_view value) {
  std::string text = base::concat(name, ":");
  text.resize(9, ' ');
  return base::concat(text, value, "\n");
}

}  // namespace

absl::StatusOr<std::string> inspectPlugin(const std::string& path) {
  const auto plugin = loadPlugin({.path = path, .name = {}, .sha256 = {}});
  base::Registry registry;
  const absl::Status status = plugin.ok() ? registerKinds(**plugin, registry) : plugin.status();
  if (!status.ok()) {
    return absl::InvalidArgumentError(base::concat(path, ": ", status.message()));
  }
  const Plugin::Facts& facts = (*plugin)->facts();
  std::string text = line("name", facts.name);
  if (!facts.version.empty()) text += line("version", facts.version);
  if (!facts.about.empty()) text += line("about", facts.about);
  text += line("file", facts.path);
  text += line("sha256", facts.sha256);
  text += line("abi", base::concat(facts.abi_major, ".", facts.abi_minor, " (this Weir has ",
                                   WEIR_PLUGIN_ABI_MAJOR, ".", WEIR_PLUGIN_ABI_MINOR, ")"));
  for (const auto& kind : (*plugin)->kinds()) {
    text += line("offers", base::concat(kind->category(), "/", kind->name(),
                                        kind->about().empty() ? "" : ": ", kind->about()));
  }
  return base::concat(text, "\n", config::describeExtensions(registry));
}

}  // namespace weir::plugin
