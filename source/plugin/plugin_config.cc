#include "source/plugin/plugin_config.h"

#include <google/protobuf/message.h>

#include "source/base/concat.h"
#include "source/plugin/config_source.h"
#include "source/plugin/report.h"

namespace weir::plugin {

std::shared_ptr<const PluginConfig> compilePluginConfig(const Kind& kind, ConfigCreate create,
                                                        const google::protobuf::Message& message,
                                                        const config::Cursor& at) {
  if (create == nullptr) {
    if (message.ByteSizeLong() == 0) return std::make_shared<const PluginConfig>(kind, nullptr);
    at.error(base::concat(kind.category(), "/", kind.name(), " takes no configuration"),
             base::concat("write [", kind.category(), "/", kind.name(), "] {}"));
    return nullptr;
  }
  ConfigSource source(kind, message, at);
  Report report;
  void* const object = create(kind.head().user, source.handle(), report.handle());
  if (!report.empty() || object == nullptr) {
    if (report.empty())
      report.add({}, base::concat("plugin ", kind.plugin().name(), " refuses it"), {});
    report.reportAt(at);
    if (object != nullptr) const PluginConfig dropped(kind, object);
    return nullptr;
  }
  return std::make_shared<const PluginConfig>(kind, object);
}

}  // namespace weir::plugin
