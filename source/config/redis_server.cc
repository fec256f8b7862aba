#include "source/config/redis_server.h"

#include <algorithm>
#include <string>

#include "api/weir/config/v1/redis.pb.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kMostDatabase = 65'535;

const google::protobuf::Duration* given(bool has, const google::protobuf::Duration& value) {
  return has ? &value : nullptr;
}

}  // namespace

redis::Server compileRedis(const v1::Redis& from, const Cursor& at, CompileContext& context) {
  redis::Server server;
  server.address = readAddress(from.address(), /*allow_port_zero=*/false, at.field("address"));
  server.user = from.user();
  if (!from.user().empty() && from.password_file().empty()) {
    at.field("user").error("a user needs a password", "set password_file");
  }
  if (!from.password_file().empty()) {
    server.password_file = at.resolvePath(from.password_file());
    const absl::StatusOr<std::string> password = redis::readPassword(server.password_file);
    if (!password.ok()) report(password.status(), at.field("password_file"));
  }
  server.database =
      static_cast<uint32_t>(readNumber(from.database(), {0, kMostDatabase}, at.field("database")));
  const DurationRange range{milliseconds(1), std::chrono::minutes(1)};
  server.connect_timeout = readDuration(given(from.has_connect_timeout(), from.connect_timeout()),
                                        server.connect_timeout, range, at.field("connect_timeout"));
  server.response_timeout = readDuration(
      given(from.has_response_timeout(), from.response_timeout()), server.response_timeout,
      {milliseconds(10), std::chrono::minutes(1)}, at.field("response_timeout"));
  if (from.has_transport_socket()) {
    server.transport = context.compiler.compileTransport(
        &from.transport_socket(), /*downstream=*/false, at.field("transport_socket"), context);
  }
  return server;
}

}  // namespace weir::config
