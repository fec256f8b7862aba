#include "extensions/network_filters/lua/lua.h"

#include "extensions/network_filters/lua/filter.h"

namespace weir::extensions::network_filters::lua {
namespace {

// Worker-confined.
class WorkerLuaFilterFactory final : public network::WorkerNetworkFilterFactory {
 public:
  WorkerLuaFilterFactory(std::shared_ptr<weir::lua::Script> script, base::ServiceMap& services)
      : shared_(std::move(script), services) {}
  std::unique_ptr<network::NetworkFilter> create() override {
    return std::make_unique<LuaFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<network::WorkerNetworkFilterFactory> LuaFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerLuaFilterFactory>(script_, services);
}

std::vector<std::string> entryPoints() {
  return {"on_new_connection", "on_data", "on_write", "on_close"};
}

}  // namespace weir::extensions::network_filters::lua
