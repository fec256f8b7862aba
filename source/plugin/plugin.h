#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/weir/plugin/plugin.h"
#include "source/base/log.h"
#include "source/plugin/structs.h"

namespace google::protobuf {
class Message;
}

namespace weir::plugin {

class ConfigType;
class Plugin;

// One extension that a plugin offers. Immutable; lives as long as the process.
class Kind {
 public:
  // `raw` begins with a weir_kind of at least that size.
  Kind(Plugin& plugin, const weir_kind* raw, std::string_view category,
       std::unique_ptr<const ConfigType> config_type);
  ~Kind();

  Plugin& plugin() const { return plugin_; }
  const weir_kind& head() const { return head_; }
  // The whole of it: readKind<weir_http_filter>(kind.raw()).
  const void* raw() const { return raw_; }
  std::string_view category() const { return category_; }
  const std::string& name() const { return name_; }
  const std::string& about() const { return about_; }
  const ConfigType& configType() const { return *config_type_; }

 private:
  Plugin& plugin_;
  const void* const raw_;
  const weir_kind head_;
  const std::string_view category_;
  const std::string name_;
  const std::string about_;
  const std::unique_ptr<const ConfigType> config_type_;
};

// A shared object that was loaded, and what it is given of Weir. Never destroyed, as its code is
// never unloaded: threads of its own may still run when main() returns. Thread-safe.
class Plugin {
 public:
  struct Facts {
    std::string name;
    std::string path;
    std::string sha256;  // of the file, in lower-case hex
    // As it says itself.
    std::string version;
    std::string about;
    uint32_t abi_major = 0;
    uint32_t abi_minor = 0;
    // What no callback should take, as it holds up everything else on its thread.
    std::chrono::milliseconds slow_callback{20};
  };
  // `name`: as configured, or to begin with any.
  explicit Plugin(std::string name);
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  const weir_host* host() const { return &host_; }
  static Plugin& of(const weir_host* host);
  const Facts& facts() const { return facts_; }
  const std::string& name() const { return facts_.name; }
  // Of the log.
  const std::string& area() const { return area_; }
  const std::vector<std::unique_ptr<const Kind>>& kinds() const { return kinds_; }

  // While it is loaded, on the main thread.
  Facts& mutableFacts() { return facts_; }
  void rename(std::string name);
  void addKind(std::unique_ptr<const Kind> kind) { kinds_.push_back(std::move(kind)); }

  // An error of the plugin outside of any stream: logged, at most once in a second, and counted by
  // the next worker that calls it.
  void fault(std::string_view text);
  // How many came since somebody asked.
  uint64_t takeFaults() {
    if (faults_.load(std::memory_order_relaxed) == 0) return 0;
    return faults_.exchange(0, std::memory_order_relaxed);
  }

 private:
  // What the plugin sees; leads back here.
  struct Host : weir_host {
    Plugin* plugin = nullptr;
  };

  Host host_;
  Facts facts_;
  std::string area_;
  std::vector<std::unique_ptr<const Kind>> kinds_;
  std::atomic<uint64_t> faults_{0};
  std::mutex log_mutex_;
  base::log::LogLimiter log_limiter_;
};

// Fills in what ABI of this Weir says, for a plugin's table. The parts are in host_*.cc.
void fillHostTable(weir_host& host);

}  // namespace weir::plugin
