#include "extensions/routing/lua/result_reader.h"

#include <algorithm>
#include <bit>

#include <luajit-2.1/lua.hpp>

#include "source/base/concat.h"
#include "source/base/hash.h"
#include "source/http/semantics.h"

namespace weir::extensions::routing::lua {
namespace {

using router::RouteEntry;
using Option = TableReader::Option;
using std::chrono::milliseconds;

constexpr size_t kMaxBodyBytes = 64 * 1024;

// What one result says, as it is read.
struct Draft {
  RouteEntry& entry;
  bool cluster = false;
  bool options = false;  // of a cluster
  int others = 0;        // redirect, direct_response
};

Draft& draft(void* target) {
  return *static_cast<Draft*>(target);
}
// Of options that only a cluster has.
router::ClusterAction& action(void* target) {
  draft(target).options = true;
  return draft(target).entry.cluster;
}

bool readMetadataMatch(TableReader& reader, lua_State* L, void* target) {
  auto& match = action(target).metadata_match;
  if (lua_type(L, -1) != LUA_TTABLE) return reader.refuse("is no table");
  bool good = true;
  const int table = lua_gettop(L);
  lua_pushnil(L);
  while (good && lua_next(L, table) != 0) {
    good = lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING &&
           match.size() < TableReader::kMaxPairs;
    if (good) match.emplace_back(lua_tostring(L, -2), lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_settop(L, table);
  std::sort(match.begin(), match.end());
  return good || reader.refuse("has a key or value that is no string");
}

bool readStatus(TableReader& reader, lua_State* L, void* target) {
  uint64_t status = 0;
  if (!reader.whole(L, {301, 308}, status)) return false;
  draft(target).entry.redirect.status = static_cast<uint16_t>(status);
  return (status != 304 && status != 305 && status != 306) ||
         reader.refuse("is not the status of a redirect");
}

constexpr Option kRedirect[] = {
    {"status", &readStatus},
    {"scheme",
     [](TableReader& reader, lua_State* L, void* target) {
       std::string& scheme = draft(target).entry.redirect.scheme.emplace();
       if (!reader.text(L, scheme)) return false;
       return scheme == "http" || scheme == "https" || reader.refuse("is not http or https");
     }},
    {"host",
     [](TableReader& reader, lua_State* L, void* target) {
       std::string& host = draft(target).entry.redirect.host.emplace();
       return reader.text(L, host) && (http::isAuthority(host) || reader.refuse("is not a host"));
     }},
    {"path",
     [](TableReader& reader, lua_State* L, void* target) {
       std::string& path = draft(target).entry.redirect.path.emplace();
       if (!reader.text(L, path)) return false;
       return (path.starts_with('/') && http::isTarget(path)) || reader.refuse("is not a path");
     }},
    {"strip_query",
     [](TableReader& reader, lua_State* L, void* target) {
       return reader.flag(L, draft(target).entry.redirect.strip_query);
     }},
};

bool readRedirect(TableReader& reader, lua_State* L, void* target) {
  RouteEntry& entry = draft(target).entry;
  entry.kind = RouteEntry::Kind::kRedirect;
  ++draft(target).others;
  if (!reader.walk(L, kRedirect, target)) return false;
  const router::RedirectAction& to = entry.redirect;
  if (to.scheme || to.host || to.path || to.strip_query) return true;
  return reader.refuse("would send every request back to where it came from");
}

constexpr Option kDirectResponse[] = {
    {"status",
     [](TableReader& reader, lua_State* L, void* target) {
       uint64_t status = 0;
       if (!reader.whole(L, {200, 599}, status)) return false;
       draft(target).entry.direct.status = static_cast<uint16_t>(status);
       return true;
     }},
    {"body",
     [](TableReader& reader, lua_State* L, void* target) {
       std::string& body = draft(target).entry.direct.body;
       if (!reader.text(L, body)) return false;
       return body.size() <= kMaxBodyBytes || reader.refuse("is larger than 64 KiB");
     }},
    {"content_type",
     [](TableReader& reader, lua_State* L, void* target) {
       std::string& type = draft(target).entry.direct.content_type;
       return reader.text(L, type) &&
              (http::isFieldValue(type) || reader.refuse("has control characters"));
     }},
};

bool readDirectResponse(TableReader& reader, lua_State* L, void* target) {
  RouteEntry& entry = draft(target).entry;
  entry.kind = RouteEntry::Kind::kDirectResponse;
  ++draft(target).others;
  if (!reader.walk(L, kDirectResponse, target)) return false;
  return entry.direct.body.empty() || !http::statusHasNoBody(entry.direct.status) ||
         reader.refuse("has a body, which its status does not allow");
}

constexpr Option kOptions[] = {
    {"cluster",
     [](TableReader& reader, lua_State* L, void* target) {
       draft(target).cluster = true;
       return reader.text(L, draft(target).entry.cluster.cluster);
     }},
    {"name", [](TableReader& reader, lua_State* L,
                void* target) { return reader.text(L, draft(target).entry.route_name); }},
    {"timeout",
     [](TableReader& reader, lua_State* L, void* target) {
       return reader.duration(L, milliseconds(0), action(target).timeout);
     }},
    {"idle_timeout",
     [](TableReader& reader, lua_State* L, void* target) {
       return reader.duration(L, milliseconds(1), action(target).idle_timeout);
     }},
    {"priority",
     [](TableReader& reader, lua_State* L, void* target) {
       uint64_t priority = 0;
       if (!reader.whole(L, {0, 255}, priority)) return false;
       action(target).priority = static_cast<uint8_t>(priority);
       return true;
     }},
    {"sticky", [](TableReader& reader, lua_State* L,
                  void* target) { return reader.flag(L, action(target).sticky); }},
    {"retry",
     [](TableReader& reader, lua_State* L, void* target) {
       draft(target).options = true;
       return readRetry(reader, L, &draft(target).entry);
     }},
    {"metadata_match", &readMetadataMatch},
    {"hash",
     [](TableReader& reader, lua_State* L, void* target) {
       draft(target).options = true;
       const int type = lua_type(L, -1);
       return type == LUA_TSTRING || type == LUA_TNUMBER ||
              reader.refuse("is neither a string nor a number");
     }},
    {"redirect", &readRedirect},
    {"direct_response", &readDirectResponse},
};

}  // namespace

bool readResult(lua_State* L, TableReader& reader, RouteEntry& entry) {
  Draft draft{entry};
  if (!reader.walk(L, kOptions, &draft)) return false;
  if (draft.others + (draft.cluster ? 1 : 0) != 1) {
    return reader.refuse("has to have one of cluster, redirect and direct_response");
  }
  if (draft.options && !draft.cluster) return reader.refuse("has options of a cluster without one");
  const auto& retry = entry.cluster.retry;
  if (retry && entry.cluster.timeout.count() > 0 &&
      retry->per_try_timeout >= entry.cluster.timeout) {
    return reader.refuse("has a per_try_timeout that is not shorter than its timeout");
  }
  return true;
}

std::optional<uint64_t> readHash(lua_State* L) {
  const int table = lua_gettop(L);
  std::optional<uint64_t> hash;
  lua_pushnil(L);
  while (!hash && lua_next(L, table) != 0) {
    size_t size = 0;
    if (lua_type(L, -2) == LUA_TSTRING && std::string_view(lua_tostring(L, -2)) == "hash") {
      if (lua_type(L, -1) == LUA_TSTRING) {
        const char* const text = lua_tolstring(L, -1, &size);
        hash = base::hash64({text, size});
      } else if (lua_type(L, -1) == LUA_TNUMBER) {
        hash = base::mix64(std::bit_cast<uint64_t>(lua_tonumber(L, -1)));
      }
    }
    lua_pop(L, 1);
  }
  lua_settop(L, table);
  return hash;
}

}  // namespace weir::extensions::routing::lua
