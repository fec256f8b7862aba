#include "source/plugin/config_source.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/structs.h"

// What weir_host says of configuration.
namespace weir::plugin {
namespace {

weir_str text(const weir_config* config) {
  return str(ConfigSource::of(config).text());
}

weir_str message(const weir_config* config) {
  return str(ConfigSource::of(config).bytes());
}

int32_t value(const weir_config* config, weir_str path, weir_str* out) {
  *out = {};
  const ConfigSource::Value found = ConfigSource::of(config).value(view(path));
  if (!found.exists) return -1;
  *out = str(found.text);
  return found.given ? 1 : 0;
}

int64_t count(const weir_config* config, weir_str path) {
  return ConfigSource::of(config).count(view(path));
}

weir_str path(const weir_config* config, weir_str name) {
  return str(ConfigSource::of(config).resolvePath(view(name)));
}

}  // namespace

void fillConfig(weir_host& host) {
  host.config_text = text;
  host.config_message = message;
  host.config_value = value;
  host.config_count = count;
  host.config_path = path;
}

}  // namespace weir::plugin
