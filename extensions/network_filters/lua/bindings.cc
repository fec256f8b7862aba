#include "extensions/network_filters/lua/bindings.h"

#include <cmath>

#include "source/lua/common_facts.h"

// `conn`.
namespace weir::extensions::network_filters::lua {
namespace {

using network::ConnectionInfo;
using weir::lua::checkText;
using weir::lua::Fact;
using weir::lua::FactGroup;
using weir::lua::FactType;
using weir::lua::pushText;
using weir::lua::raise;

constexpr double kMostSeconds = 24 * 3600;
// Of what scripts set on one connection.
constexpr size_t kMaxMetadata = 64;
constexpr size_t kMaxMetadataText = 4096;

const LuaFilter& of(const void* object) {
  return *static_cast<const LuaFilter*>(object);
}

const network::Address* directRemote(const LuaFilter& filter) {
  const ConnectionInfo* const info = filter.filterChain().info();
  return info != nullptr && info->direct_source ? &*info->direct_source
                                                : &filter.connection().remoteAddress();
}

template <auto Push>
void remote(lua_State* L, const void* object) {
  Push(L, &of(object).connection().remoteAddress());
}
template <auto Push>
void direct(lua_State* L, const void* object) {
  Push(L, directRemote(of(object)));
}
template <auto Push>
void local(lua_State* L, const void* object) {
  Push(L, &of(object).connection().localAddress());
}

constexpr Fact kConnection[] = {
    {"id", [](lua_State* L, const void* o) { weir::lua::pushNumber(L, of(o).connection().id()); }},
    {"remote_address", remote<&weir::lua::pushAddress>},
    {"remote_ip", remote<&weir::lua::pushIp>},
    {"remote_port", remote<&weir::lua::pushPort>},
    {"direct_remote_address", direct<&weir::lua::pushAddress>},
    {"direct_remote_ip", direct<&weir::lua::pushIp>},
    {"local_address", local<&weir::lua::pushAddress>},
    {"local_ip", local<&weir::lua::pushIp>},
    {"local_port", local<&weir::lua::pushPort>},
    {"bytes_received",
     [](lua_State* L, const void* o) {
       weir::lua::pushNumber(L, of(o).connection().bytesReceived());
     }},
    {"bytes_sent",
     [](lua_State* L, const void* o) { weir::lua::pushNumber(L, of(o).connection().bytesSent()); }},
    {"open", [](lua_State* L, const void* o) { lua_pushboolean(L, of(o).connection().open()); }},
    {"ended",
     [](lua_State* L, const void* o) { lua_pushboolean(L, of(o).connection().remoteEnded()); }},
    {"server_name",
     [](lua_State* L, const void* o) {
       weir::lua::pushTextOrNil(L, of(o).filterChain().serverName());
     }},
    {"application_protocol",
     [](lua_State* L, const void* o) {
       weir::lua::pushTextOrNil(L, of(o).connection().transport().applicationProtocol());
     }},
};

constexpr Fact kInfo[] = {
    {"application_protocols",
     [](lua_State* L, const void* o) {
       weir::lua::pushTexts(L, static_cast<const ConnectionInfo*>(o)->application_protocols);
     }},
    {"cluster",
     [](lua_State* L, const void* o) {
       weir::lua::pushTextOrNil(L, static_cast<const ConnectionInfo*>(o)->cluster);
     }},
};

const void* infoOf(const void* object) {
  return of(object).filterChain().info();
}

// close(["reset" | "now"])
int close(lua_State* L) {
  LuaFilter& filter = checkConnection(L);
  network::CloseMode mode = network::CloseMode::kFlush;
  if (!lua_isnoneornil(L, 2)) {
    const std::string_view how = checkText(L, 2);
    if (how == "reset") {
      mode = network::CloseMode::kReset;
    } else if (how == "now") {
      mode = network::CloseMode::kNow;
    } else {
      luaL_argerror(L, 2, "it has to be \"reset\" or \"now\"");
    }
  }
  filter.connection().close(mode);
  return 0;
}

// write(text [, end_stream])
int write(lua_State* L) {
  LuaFilter& filter = checkConnection(L);
  const std::string_view bytes = checkText(L, 2);
  lua_pushboolean(L, filter.write(bytes, lua_toboolean(L, 3) != 0));
  return 1;
}

int resume(lua_State* L) {
  checkConnection(L).resume();
  return 0;
}

int sleepFor(lua_State* L) {
  LuaFilter& filter = checkConnection(L);
  const lua_Number seconds = luaL_checknumber(L, 2);
  if (!(seconds >= 0 && seconds <= kMostSeconds)) {
    luaL_argerror(L, 2, "it has to be 0 to 86400 seconds");
  }
  weir::lua::checkMayYield(L);
  if (!filter.mayWait()) raise(L, "another connection cannot wait here");
  filter.startTimer(std::chrono::milliseconds(static_cast<int64_t>(std::ceil(seconds * 1000))));
  return lua_yield(L, 0);
}

int setCluster(lua_State* L) {
  LuaFilter& filter = checkConnection(L);
  const std::string_view name = checkText(L, 2);
  bool there = false;
  {
    const upstream::ClusterSet* const clusters = filter.shared().clusters;
    there = clusters != nullptr && clusters->find(name);
    if (there) filter.filterChain().mutableInfo().cluster = name;
  }
  lua_pushboolean(L, there);
  return 1;
}

ConnectionInfo::MetadataEntry* findEntry(ConnectionInfo& info, std::string_view name_space,
                                         std::string_view key) {
  for (ConnectionInfo::MetadataEntry& entry : info.metadata) {
    if (entry.name_space == name_space && entry.key == key) return &entry;
  }
  return nullptr;
}

// Null, or why not.
const char* putMetadata(lua_State* L, ConnectionInfo& info, std::string_view name_space,
                        std::string_view key) {
  ConnectionInfo::MetadataEntry* entry = findEntry(info, name_space, key);
  if (lua_isnil(L, 4)) {
    if (entry != nullptr) info.metadata.erase(info.metadata.begin() + (entry - &info.metadata[0]));
    return nullptr;
  }
  if (entry == nullptr) {
    if (info.metadata.size() >= kMaxMetadata) return "a connection has at most 64 values";
    info.metadata.push_back({std::string(name_space), std::string(key), false});
    entry = &info.metadata.back();
  }
  if (lua_type(L, 4) == LUA_TBOOLEAN) {
    entry->value = lua_toboolean(L, 4) != 0;
  } else if (lua_type(L, 4) == LUA_TNUMBER) {
    entry->value = lua_tonumber(L, 4);
  } else {
    size_t size = 0;
    const char* const text = lua_tolstring(L, 4, &size);
    entry->value = std::string(text, size);
  }
  return nullptr;
}

// setMetadata(namespace, key, value)
int setMetadata(lua_State* L) {
  LuaFilter& filter = checkConnection(L);
  const std::string_view name_space = checkText(L, 2);
  const std::string_view key = checkText(L, 3);
  lua_settop(L, 4);
  const int type = lua_type(L, 4);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN && type != LUA_TNUMBER && type != LUA_TSTRING) {
    luaL_argerror(L, 4, "it has to be a string, a number, a boolean or nil");
  }
  const size_t text = type == LUA_TSTRING ? lua_objlen(L, 4) : 0;
  if (name_space.size() + key.size() + text > kMaxMetadataText) {
    raise(L, "metadata: names and text together have at most 4096 bytes");
  }
  const char* const wrong = putMetadata(L, filter.filterChain().mutableInfo(), name_space, key);
  if (wrong != nullptr) raise(L, wrong);
  return 0;
}

int metadata(lua_State* L) {
  LuaFilter& filter = checkConnection(L);
  const std::string_view name_space = checkText(L, 2);
  const std::string_view key = checkText(L, 3);
  const bool any = filter.filterChain().info() != nullptr;
  const auto* const entry =
      any ? findEntry(filter.filterChain().mutableInfo(), name_space, key) : nullptr;
  if (entry == nullptr) {
    lua_pushnil(L);
  } else if (const auto* const text = std::get_if<std::string>(&entry->value)) {
    pushText(L, *text);
  } else if (const auto* const number = std::get_if<double>(&entry->value)) {
    lua_pushnumber(L, *number);
  } else {
    lua_pushboolean(L, std::get<bool>(entry->value));
  }
  return 1;
}

int proxyTlv(lua_State* L) {
  weir::lua::pushProxyTlv(L, checkConnection(L).filterChain().info(), 2);
  return 1;
}

constexpr luaL_Reg kMethods[] = {
    {"close", &close},
    {"write", &write},
    {"resume", &resume},
    {"sleep", &sleepFor},
    {"httpCall", &httpCall},
    {"setCluster", &setCluster},
    {"setMetadata", &setMetadata},
    {"metadata", &metadata},
    {"proxyTlv", &proxyTlv},
    {nullptr, nullptr},
};

const FactType& factType() {
  static const FactGroup kGroups[] = {
      {kConnection},
      {kInfo, &infoOf},
      {weir::lua::connectionFacts(), &infoOf},
      {weir::lua::securityFacts(),
       [](const void* o) -> const void* { return of(o).connection().transport().security(); }},
  };
  static const FactType kType{
      {"connection object", "connection"}, kGroups, kMethods, [](lua_State* L, int index) {
        return static_cast<const void*>(&checkFilter(L, index, connectionType()));
      }};
  return kType;
}

// Immutable.
class ConnectionModule final : public weir::lua::Module {
 public:
  void install(lua_State* L, weir::lua::State& state) const override {
    weir::lua::defineFacts(L, state, factType());
    defineData(L, state);
  }
};

}  // namespace

const weir::lua::HandleType& connectionType() {
  return factType().handle;
}

std::shared_ptr<const weir::lua::Module> connectionModule() {
  return std::make_shared<ConnectionModule>();
}

void pushNumbered(lua_State* L, const weir::lua::HandleType& type, uint64_t number) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is looked up, never followed.
  weir::lua::pushHandle(L, type, reinterpret_cast<void*>(static_cast<uintptr_t>(number)),
                        weir::lua::stateOf(L).callScope());
}

LuaFilter& checkFilter(lua_State* L, int index, const weir::lua::HandleType& type) {
  const auto* const handle = lua_type(L, index) == LUA_TUSERDATA
                                 ? static_cast<const weir::lua::Handle*>(lua_touserdata(L, index))
                                 : nullptr;
  if (handle == nullptr || handle->type != &type) luaL_typerror(L, index, type.name);
  const auto& filters = weir::lua::stateOf(L).context<Shared>().filters;
  const auto found = filters.find(reinterpret_cast<uintptr_t>(handle->object));
  if (found == filters.end()) {
    weir::lua::raiseMisuse(L, type.name, "used after its connection was closed");
  }
  return *found->second;
}

}  // namespace weir::extensions::network_filters::lua
