#include "source/lua/library.h"

#include "source/lua/binding.h"
#include "source/lua/library_data.h"
#include "source/lua/library_parts.h"

namespace weir::lua {

base::WorkerPlace workerPlace(const State& state) {
  if (state.trial()) return {};
  const auto* const place = state.host().services->find<base::WorkerPlace>();
  return place == nullptr ? base::WorkerPlace() : *place;
}

void installLibrary(lua_State* L, State& state) {
  lua_newtable(L);
  installLog(L);
  installClocks(L);
  installWorker(L, state);
  installText(L, state);
  installCrypto(L);
  installTimers(L);
  installShared(L, state);
  installMetrics(L, state);
  lua_setglobal(L, "weir");
  installPatterns(L);
}

}  // namespace weir::lua
