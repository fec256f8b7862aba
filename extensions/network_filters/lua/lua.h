#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/lua/script.h"
#include "source/network/network_filter.h"

namespace weir::extensions::network_filters::lua {

// What a script has to define at least one of, in the order of entry points.
enum class Function : uint8_t { kNewConnection, kData, kWrite, kClose };

// Runs a script for each connection. Immutable.
class LuaFilterFactory final : public network::NetworkFilterFactory {
 public:
  // The script's modules have connectionModule(); its entry points are entryPoints().
  explicit LuaFilterFactory(std::shared_ptr<weir::lua::Script> script)
      : script_(std::move(script)) {}
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<weir::lua::Script> script_;
};

// `conn` and `data`.
std::shared_ptr<const weir::lua::Module> connectionModule();
std::vector<std::string> entryPoints();

}  // namespace weir::extensions::network_filters::lua
