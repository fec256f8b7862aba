#include "extensions/access_loggers/lua/lua.h"

#include <cstdint>
#include <cstdio>

#include "extensions/access_loggers/lua/bindings.h"
#include "source/base/concat.h"
#include "source/base/file_writer.h"
#include "source/base/log.h"
#include "source/lua/facts.h"
#include "source/lua/worker_script.h"

namespace weir::extensions::access_loggers::lua {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Whatever a script makes of what peers have sent, it is one line.
void appendLine(std::string_view text, std::string& out) {
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte >= 0x20 && byte != 0x7f) || c == '\t') {
      out.push_back(c);
    } else {
      out.append("\\x");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 0xf]);
    }
  }
}

// Worker-confined.
class LuaLogger final : public http::AccessLogger {
 public:
  LuaLogger(std::shared_ptr<weir::lua::Script> script, base::ServiceMap& services,
            std::shared_ptr<base::LineRing> ring, bool has_path)
      : script_(std::move(script), services, &context_),
        ring_(std::move(ring)),
        has_path_(has_path) {}

  void log(const http::RequestHead& request, const http::ResponseHead& response,
           const http::HeaderMap& response_trailers, const http::StreamInfo& info) override {
    weir::lua::State* const state = script_.state();
    if (state == nullptr) return;
    const http::LogEntry entry{request, response, response_trailers, info};
    const http::LogEntry* const outer = std::exchange(context_.entry, &entry);
    line_.clear();
    const auto outcome = state->call(
        state->entryPoint(0),
        [](lua_State* L) {
          pushInfo(L);
          return 1;
        },
        [this](lua_State* L, int results) { takeLine(L, results); });
    context_.entry = outer;
    if (outcome.failed() || line_.empty() || ring_ == nullptr) return;
    ring_->push(line_);
  }

 private:
  void takeLine(lua_State* L, int results) {
    if (results == 0 || lua_isnil(L, 1)) return;
    if (lua_type(L, 1) != LUA_TSTRING) {
      char problem[80];
      std::snprintf(problem, sizeof problem, "returned a %s; it has to be a string or nil",
                    luaL_typename(L, 1));
      weir::lua::raiseResult(L, "on_log", problem);
    }
    if (!has_path_) {
      weir::lua::raiseResult(L, "on_log", "returned a line, but the configuration has no `path`");
    }
    size_t size = 0;
    const char* const text = lua_tolstring(L, 1, &size);
    appendLine({text, size}, line_);
    line_.push_back('\n');
  }

  LogContext context_;
  weir::lua::WorkerScript script_;
  const std::shared_ptr<base::LineRing> ring_;
  const bool has_path_;
  std::string line_;  // kept, so that its memory is
};

}  // namespace

std::unique_ptr<http::AccessLogger> LuaLoggerFactory::bind(base::ServiceMap& services) const {
  std::shared_ptr<base::LineRing> ring;
  if (!path_.empty()) {
    auto opened = services.get<base::FileWriter>().open(path_);
    if (!opened.ok()) base::log::error("access_log", base::view(opened.status().message()));
    if (opened.ok()) ring = *std::move(opened);
  }
  return std::make_unique<LuaLogger>(script_, services, std::move(ring), !path_.empty());
}

}  // namespace weir::extensions::access_loggers::lua
