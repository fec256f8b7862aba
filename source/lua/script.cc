#include "source/lua/script.h"

#include <algorithm>
#include <limits>

#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/lua/packages.h"
#include "source/lua/state.h"
#include "source/lua/watchdog.h"

namespace weir::lua {
namespace {

constexpr std::string_view kArea = "lua";

int64_t milliseconds(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

ScriptMetrics::ScriptMetrics(stats::Store& store, const std::string& script) {
  const stats::Labels labels{{"script", script}};
  const auto counter = [&](std::string_view name, std::string_view help) {
    return store.counter(name, help, labels);
  };
  calls = counter("lua_calls_total", "Entries into Lua: functions called and coroutines resumed");
  errors = counter("lua_errors_total", "Entries that ended with an error of any kind");
  budget_kills = counter("lua_budget_kills_total", "Entries ended as their CPU time was used up");
  memory_refusals = counter("lua_memory_refusals_total", "Allocations beyond the memory limit");
  misuses = counter("lua_misuses_total", "Handles used after their end or in another coroutine");
  time_us = counter("lua_time_us_total", "Time in Lua, estimated from every 16th entry");
  allocated_bytes = counter("lua_allocated_bytes_total", "Bytes allocated by Lua");
  reloads = counter("lua_reloads_total", "New versions taken from changed files");
  failed_reloads = counter("lua_failed_reloads_total", "New versions that were refused");
  bypasses = counter("lua_bypasses_total", "Times the script was by-passed for failing in a row");
  bypassed_streams = counter("lua_bypassed_streams_total", "Streams that went without the script");
  memory_bytes = store.gauge("lua_memory_bytes", "Bytes that the states hold now", labels);
  states = store.gauge("lua_states", "States of all workers, old versions in use included", labels);
}

Script::Script(ScriptConfig config, stats::Store& stats)
    : config_(std::move(config)), metrics_(stats, config_.name) {
  if (config_.cpu_time.count() != 0) watchdog_ = Watchdog::get();
}

Script::~Script() = default;

absl::StatusOr<std::shared_ptr<Script>> Script::load(ScriptConfig config, stats::Store& stats) {
  std::shared_ptr<Script> script(new Script(std::move(config), stats));
  if (absl::Status status = script->renew(); !status.ok()) return status;
  return script;
}

absl::Status Script::renew() {
  read_.clear();
  auto source = std::make_shared<ScriptSource>();
  source->text = config_.text;
  source->chunk_name = base::concat("=", config_.name);
  if (!config_.file.empty()) {
    auto text = readSource(config_.file);
    if (!text.ok()) return text.status();
    source->text = *std::move(text);
    source->chunk_name = chunkName(config_.file);
  }
  source->version = version() + 1;
  Error error;
  {
    const auto trial = State::create(*this, source, {}, error);
    if (!trial) return absl::InvalidArgumentError(error.message);
    source->packages = trial->packages();
  }
  const std::lock_guard lock(mutex_);
  source_ = std::move(source);
  version_.store(source_->version, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status Script::reload(stats::Block& block) {
  absl::Status status = renew();
  if (status.ok()) {
    block.counter(metrics_.reloads).add();
    failures_.store(0, std::memory_order_relaxed);
    bypassed_until_ms_.store(0, std::memory_order_relaxed);
    base::log::info(kArea, "script ", config_.name, ": version ", version(), " is in use");
  } else {
    block.counter(metrics_.failed_reloads).add();
    base::log::error(kArea, "script ", config_.name,
                     ": the old version stays: ", base::view(status.message()));
  }
  return status;
}

std::shared_ptr<const ScriptSource> Script::source() const {
  const std::lock_guard lock(mutex_);
  return source_;
}

std::vector<std::string> Script::files() const {
  std::vector<std::string> files = read_;
  if (!config_.file.empty()) files.push_back(config_.file);
  for (const auto& [name, package] : source()->packages) files.push_back(package.path);
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

bool Script::outdated() const {
  const auto source = this->source();
  const auto differs = [](const std::string& path, const std::string& text) {
    const auto now = readSource(path);
    return !now.ok() || *now != text;
  };
  if (!config_.file.empty() && differs(config_.file, source->text)) return true;
  for (const auto& [name, package] : source->packages) {
    if (differs(package.path, package.text)) return true;
  }
  return false;
}

bool Script::noteFailure(std::chrono::steady_clock::time_point now) {
  if (config_.bypass_failures == 0) return false;
  if (failures_.fetch_add(1, std::memory_order_relaxed) + 1 < config_.bypass_failures) return false;
  const int64_t until = config_.bypass_time.count() == 0
                            ? std::numeric_limits<int64_t>::max()
                            : milliseconds(now) + config_.bypass_time.count();
  int64_t none = 0;
  return bypassed_until_ms_.compare_exchange_strong(none, until, std::memory_order_relaxed);
}

bool Script::bypassedAt(std::chrono::steady_clock::time_point now) {
  int64_t until = bypassed_until_ms_.load(std::memory_order_relaxed);
  if (until == 0) return false;
  if (milliseconds(now) < until) return true;
  // One failure is enough to by-pass it again.
  if (bypassed_until_ms_.compare_exchange_strong(until, 0, std::memory_order_relaxed)) {
    failures_.store(config_.bypass_failures - 1, std::memory_order_relaxed);
    base::log::info(kArea, "script ", config_.name, ": its by-pass is over");
  }
  return false;
}

}  // namespace weir::lua
