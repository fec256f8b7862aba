#include "source/config/lua_script.h"

#include <filesystem>
#include <utility>

#include "api/weir/config/v1/lua.pb.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/event/file_watcher.h"

namespace weir::config {
namespace {

// Loads one script again when its files change. Main-thread only.
class LuaReload final : public MainPart {
 public:
  explicit LuaReload(std::shared_ptr<lua::Script> script) : script_(std::move(script)) {}

  void start(base::ServiceMap& services) override {
    block_ = &services.get<stats::Block>();
    watcher_ = &services.shared<event::FileWatcher>([&services] {
      return std::make_shared<event::FileWatcher>(services.get<event::Dispatcher>());
    });
    watch();
    // What has changed since it was read, when the configuration was compiled.
    if (script_->outdated()) reload();
  }
  void stop() override { handle_.reset(); }

 private:
  void watch() {
    files_ = script_->files();
    handle_ = watcher_->watch(files_, [this](const std::vector<std::string>&) { reload(); });
  }
  void reload() {
    // An error is logged, and counted.
    const absl::Status status = script_->reload(*block_);
    (void)status;
    // It may require other packages now.
    if (script_->files() != files_) watch();
  }

  const std::shared_ptr<lua::Script> script_;
  std::vector<std::string> files_;  // that are watched
  stats::Block* block_ = nullptr;
  event::FileWatcher* watcher_ = nullptr;
  std::unique_ptr<event::FileWatcher::Handle> handle_;
};

std::string nameOf(const v1::LuaScript& from, std::string_view fallback) {
  if (!from.name().empty()) return from.name();
  if (!from.has_file()) return std::string(fallback);
  return std::filesystem::path(from.file()).stem().string();
}

void readLimits(const v1::LuaScript& from, const Cursor& at, lua::ScriptConfig& to) {
  to.cpu_time =
      readDuration(from.has_cpu_time() ? &from.cpu_time() : nullptr, to.cpu_time,
                   {std::chrono::milliseconds(0), std::chrono::seconds(60)}, at.field("cpu_time"));
  to.memory_bytes =
      readNumberOr(from.memory_bytes(), to.memory_bytes, {uint64_t{256} << 10, uint64_t{2} << 30},
                   at.field("memory_bytes"));
  to.compile_loops = from.compile_loops();
  to.on_error =
      from.on_error() == v1::LuaScript::CONTINUE ? lua::OnError::kContinue : lua::OnError::kFail;
  if (!from.has_bypass()) return;
  const v1::LuaScript::Bypass& bypass = from.bypass();
  const Cursor inside = at.field("bypass");
  to.bypass_failures = static_cast<uint32_t>(
      readNumber(bypass.failures(), {1, 1'000'000}, inside.field("failures")));
  if (bypass.has_period()) {
    to.bypass_time = readDuration(&bypass.period(), {}, {std::chrono::milliseconds(100)},
                                  inside.field("period"));
  }
}

}  // namespace

std::shared_ptr<lua::Script> compileLuaScript(const v1::LuaScript& from, LuaScriptUse use,
                                              const Cursor& at, CompileContext& context) {
  lua::ScriptConfig config;
  config.name = nameOf(from, use.default_name);
  config.entry_points = std::move(use.entry_points);
  config.modules = std::move(use.modules);
  readLimits(from, at, config);
  if (!use.fails_streams) {
    config.on_error = lua::OnError::kContinue;
    if (from.on_error() != v1::LuaScript::ON_ERROR_UNSPECIFIED) {
      at.field("on_error").error("has no effect here: nothing fails with this script", "remove it");
    }
  }
  for (int i = 0; i < from.package_folders_size(); ++i) {
    const Cursor folder = at.at("package_folders", i);
    config.package_folders.push_back(folder.resolvePath(from.package_folders(i)));
    std::error_code error;
    if (!std::filesystem::is_directory(config.package_folders.back(), error)) {
      folder.error(base::concat("there is no folder \"", config.package_folders.back(), "\""),
                   "create it first");
    }
  }
  const Cursor source = from.has_file() ? at.field("file") : at.field("inline");
  if (from.has_file()) {
    if (!require(from.file(), source, "name the script's file")) return nullptr;
    config.file = source.resolvePath(from.file());
  } else if (!require(from.inline_(), source, "write the script, or name its `file`")) {
    return nullptr;
  }
  config.text = from.inline_();
  auto script = lua::Script::load(std::move(config), context.stats);
  if (!script.ok()) {
    source.error(std::string(base::view(script.status().message())));
    return nullptr;
  }
  if (from.has_file() || from.package_folders_size() != 0) {
    context.main_parts.push_back(std::make_shared<LuaReload>(*script));
  }
  return *std::move(script);
}

}  // namespace weir::config
