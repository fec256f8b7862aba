#include "extensions/http_filters/lua/bindings.h"
#include "source/base/ascii.h"
#include "source/http/semantics.h"

// respond().
namespace weir::extensions::http_filters::lua {
namespace {

using weir::lua::checkMayYield;
using weir::lua::checkText;
using weir::lua::raise;

// What the codec makes, or what belongs to the connection.
bool leftOut(std::string_view name) {
  switch (http::headerId(name)) {
    case http::HeaderId::kConnection:
    case http::HeaderId::kContentLength:
    case http::HeaderId::kKeepAlive:
    case http::HeaderId::kProxyConnection:
    case http::HeaderId::kTransferEncoding:
    case http::HeaderId::kUpgrade:
      return true;
    default:
      return name.front() == ':';
  }
}

int respond(lua_State* L) {
  LuaStream& stream = checkStream(L);
  if (stream.headGone()) raise(L, "respond() cannot be called if headers have been continued");
  lua_settop(L, 3);
  const std::string_view body = lua_isnoneornil(L, 3) ? std::string_view() : checkText(L, 3);
  std::span<TableField> fields = collectFields(L, 2);
  uint16_t status = 0;
  std::string_view type;
  size_t kept = 0;
  for (const TableField& field : fields) {
    if (field.name == ":status") {
      const bool known = http::parseStatus(field.value, status);
      if (!known) status = 0;
    } else if (http::headerId(field.name) == http::HeaderId::kContentType) {
      type = field.value;
    } else if (!leftOut(field.name)) {
      fields[kept++] = field;
    }
  }
  if (status < 200 || status > 599) raise(L, ":status must be between 200-599");
  auto* const sent =
      static_cast<http::ReplyField*>(lua_newuserdata(L, kept * sizeof(http::ReplyField) + 1));
  for (size_t i = 0; i < kept; ++i) {
    new (&sent[i]) http::ReplyField{fields[i].name, fields[i].value};
  }
  checkMayYield(L);
  if (!stream.setReply(status, body, type, {sent, kept})) raise(L, "respond() was called before");
  stream.wait(LuaStream::Wait::kReply);
  return lua_yield(L, 0);
}

}  // namespace

void addReplyMethods(Methods& methods) {
  methods.push_back({"respond", &respond});
}

}  // namespace weir::extensions::http_filters::lua
