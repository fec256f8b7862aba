#include "source/lua/library.h"

#include "source/lua/binding.h"
#include "source/lua/library_parts.h"

namespace weir::lua {

void installLibrary(lua_State* L, State& state) {
  lua_newtable(L);
  installLog(L);
  installClocks(L);
  (void)state;
  lua_setglobal(L, "weir");
}

}  // namespace weir::lua
