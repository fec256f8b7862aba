#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "source/base/registry.h"
#include "source/plugin/config_type.h"
#include "source/plugin/kinds.h"
#include "source/plugin/plugin.h"

namespace weir::plugin {

// A plugin that is part of the test. Lives as long as the process, as all plugins do.
inline Plugin& testPlugin() {
  static auto& kept = *new std::vector<Plugin*>;  // so that none counts as lost
  return *kept.emplace_back(new Plugin("tested"));
}

// Registers `kinds`, which live as long as the process, for an InProcessProxy.
inline std::function<absl::Status(base::Registry&)> offering(
    Plugin& plugin, std::initializer_list<const weir_kind*> kinds) {
  const std::vector<const weir_kind*> list(kinds);
  return [&plugin, list](base::Registry& registry) {
    for (const weir_kind* raw : list) {
      const KindType& type = *findKindType(raw->type);
      if (std::string problem = type.check(raw); !problem.empty()) {
        return absl::InvalidArgumentError(problem);
      }
      plugin.addKind(std::make_unique<const Kind>(
          plugin, raw, type.category, ConfigType::plainText(type.category, view(raw->name))));
      absl::Status added = registry.add(type.make(*plugin.kinds().back()));
      if (!added.ok()) return added;
    }
    return absl::OkStatus();
  };
}

// The head of a kind's struct of type T.
template <class T>
weir_kind kindHead(uint32_t type, std::string_view name) {
  weir_kind head{};
  head.size = sizeof(T);
  head.type = type;
  head.name = str(name);
  return head;
}

// What the configuration says in `text`.
inline std::string textOf(const weir_host* host, const weir_config* config) {
  return std::string(view(host->config_text(config)));
}

}  // namespace weir::plugin
