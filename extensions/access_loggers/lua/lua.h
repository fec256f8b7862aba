#pragma once

#include <memory>
#include <string>
#include <utility>

#include "source/http/access_log.h"
#include "source/lua/script.h"

namespace weir::extensions::access_loggers::lua {

// Calls a script's on_log() for each exchange; what it returns is a line of a file. Immutable.
class LuaLoggerFactory final : public http::AccessLoggerFactory {
 public:
  // `path` empty: on_log() must return nothing.
  LuaLoggerFactory(std::shared_ptr<weir::lua::Script> script, std::string path)
      : script_(std::move(script)), path_(std::move(path)) {}

  // A file that cannot be opened is said in the operational log; its lines are then dropped.
  std::unique_ptr<http::AccessLogger> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<weir::lua::Script> script_;
  const std::string path_;
};

}  // namespace weir::extensions::access_loggers::lua
