#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "source/base/registry.h"
#include "source/config/diagnostics.h"
#include "source/plugin/plugin.h"

namespace weir::plugin {

// Which plugin is wanted. Value.
struct PluginRequest {
  std::string path;
  std::string name = {};    // empty: any
  std::string sha256 = {};  // empty: any
  std::chrono::milliseconds slow_callback{20};
};

// Loads one plugin and looks at what it offers, each struct by the size that it claims. The message
// of an error is "what is wrong; what would be right". What was loaded stays, even after an error:
// code whose initialisers have run cannot be taken back. Main-thread only.
absl::StatusOr<Plugin*> loadPlugin(const PluginRequest& request);

// The part of it behind the entry function: reads what that has returned into `plugin`. Of each
// struct no byte is looked at behind the size that it claims.
absl::Status describePlugin(const weir_plugin* raw, Plugin& plugin);

// Registers what `plugin` offers. AlreadyExists when one of its extensions has a name that is
// taken.
absl::Status registerKinds(const Plugin& plugin, base::Registry& registry);

// Loads the plugins that the configuration file at `path` lists and registers their extensions, so
// that the file can then be read as a whole. What is wrong with one goes to `diagnostics`, with its
// place in the file; false then. What else the file has is not looked at. Main-thread only; before
// anything runs.
bool loadPlugins(const std::string& path, base::Registry& registry,
                 config::Diagnostics& diagnostics);

}  // namespace weir::plugin
