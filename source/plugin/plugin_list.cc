// The plugins that a configuration file lists.

#include <map>
#include <string>
#include <vector>

#include "api/weir/config/v1/config.pb.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/config/parsed_file.h"
#include "source/config/snapshot.h"
#include "source/config/text_parser.h"
#include "source/plugin/loader.h"

namespace weir::plugin {
namespace {

constexpr size_t kHashDigits = 64;

bool isHash(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  return text.size() == kHashDigits && text.find_first_not_of(kHex) == std::string_view::npos;
}

// What one entry asks for. Wrong fields are reported; then there is no use in it.
PluginRequest readRequest(const config::v1::Plugin& from, const config::Cursor& at) {
  PluginRequest request;
  config::require(from.name(), at.field("name"), "`weir plugin inspect FILE` says it");
  if (config::require(from.path(), at.field("path"), "name the .so file")) {
    request.path = at.resolvePath(from.path());
  }
  if (!from.sha256().empty() && !isHash(from.sha256())) {
    at.field("sha256").error("is no SHA-256", "64 hexadecimal digits, as sha256sum prints them");
  }
  request.name = from.name();
  request.sha256 = from.sha256();
  request.slow_callback = config::readDuration(
      from.has_slow_callback() ? &from.slow_callback() : nullptr, request.slow_callback,
      {std::chrono::milliseconds(1), std::chrono::seconds(60)}, at.field("slow_callback"));
  return request;
}

void load(const PluginRequest& request, const config::Cursor& at, base::Registry& registry) {
  const auto plugin = loadPlugin(request);
  absl::Status status = plugin.ok() ? registerKinds(**plugin, registry) : plugin.status();
  if (!status.ok()) {
    config::report(absl::InvalidArgumentError(base::concat(request.path, ": ", status.message())),
                   at.field("path"));
  }
}

}  // namespace

bool loadPlugins(const std::string& path, base::Registry& registry,
                 config::Diagnostics& diagnostics) {
  std::string text;
  // What is wrong with the file as a whole is said by who reads it next.
  if (!config::readConfigFile(path, text).empty()) return true;
  config::Diagnostics found;
  config::ParsedFile file(path, found);
  config::v1::Config config;
  if (!config::parseField(text, "plugins", registry, file, config)) return true;
  const config::Cursor at = file.rootCursor();
  std::map<std::string, int> names;
  for (int i = 0; i < config.plugins_size(); ++i) {
    const config::Cursor here = at.at("plugins", i);
    const size_t before = found.list().size();
    const PluginRequest request = readRequest(config.plugins(i), here);
    config::checkUnique(request.name, i, names, "plugin", here.field("name"));
    if (found.list().size() == before) load(request, here, registry);
  }
  for (const config::Diagnostic& diagnostic : found.list()) diagnostics.add(diagnostic);
  return found.ok();
}

}  // namespace weir::plugin
