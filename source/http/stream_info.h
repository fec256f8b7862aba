#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string_view>

#include "source/event/dispatcher.h"
#include "source/http/grpc_semantics.h"
#include "source/http/message.h"
#include "source/http/stream_error.h"
#include "source/network/address.h"
#include "source/network/connection_info.h"
#include "source/network/transport_socket.h"

namespace weir::network {
class Connection;
}

namespace weir::http {

class DynamicMetadata;
class Route;
struct TraceContext;

// Facts of one exchange, gathered as it goes: for access logs, filters and statistics.
// Worker-confined; views are valid while the stream lives. Times are zero until reached.
struct StreamInfo {
  event::SystemTime start_time;
  event::MonotonicTime started;  // first byte of the request head seen
  event::MonotonicTime request_complete;
  event::MonotonicTime upstream_started;
  event::MonotonicTime upstream_first_byte;
  event::MonotonicTime response_started;
  event::MonotonicTime ended;

  uint64_t request_bytes = 0;   // body
  uint64_t response_bytes = 0;  // body
  uint16_t status = 0;          // sent; 0: none
  uint32_t flags = 0;           // ResponseFlag
  // Of a gRPC call: from the answer's head or trailers, or of our own. Not set when it broke off.
  std::optional<GrpcStatus> grpc_status;
  std::string_view detail;  // static text: why Weir itself answered ("route_not_found")

  const network::Address* downstream_remote =
      nullptr;  // trusted client address after X-Forwarded-For
  const network::Address* downstream_direct = nullptr;  // the peer of the socket
  const network::Address* downstream_local = nullptr;   // null: nobody observes it
  // The client's, for what is asked of it seldom, as its local address. Null in a chain without
  // one.
  const network::Connection* downstream_connection = nullptr;
  uint64_t connection_id = 0;
  std::string_view request_id;
  std::string_view requested_server_name;
  // Of the client's connection; null when it is plain, or nobody looked at it.
  const network::SecurityInfo* downstream_tls = nullptr;
  const network::ConnectionInfo* connection_info = nullptr;

  // By chance, once for each exchange: what is decided by it stays decided when the route is looked
  // up again.
  uint64_t draw = 0;

  const Route* route = nullptr;
  // The target, with its query, that `route` was found by: rewriting does not change it. What a
  // path template captures is found in it (Route::pathTemplate).
  std::string_view routed_path;
  std::string_view cluster;
  // What endpoints are asked for where the route rewrites it, with its query; empty: as the
  // request's head says, which keeps what the client has asked for (TargetSwap).
  std::string_view upstream_path;
  std::string_view upstream_authority;
  const network::Address* upstream_address = nullptr;
  uint32_t attempts = 0;
  uint32_t internal_redirects = 0;  // of endpoints, followed here
  // The endpoint that a filter wants it to go to: its id or address (load_balancing/override).
  // Lives as long as the stream.
  std::string_view override_host;
  bool override_strict = false;  // and to no other
  bool health_check = false;     // of a checker: a filter has found that
  // What filters have set; null: nothing. dynamicMetadata() makes it.
  DynamicMetadata* dynamic_metadata = nullptr;
  const TraceContext* trace = nullptr;  // null: nobody traces

  // In place: a new one that is assigned is written twice.
  void clear() {
    std::destroy_at(this);
    ::new (static_cast<void*>(this)) StreamInfo;
  }
  void addFlag(ResponseFlag flag) { flags |= static_cast<uint32_t>(flag); }
  bool hasFlag(ResponseFlag flag) const { return (flags & static_cast<uint32_t>(flag)) != 0; }
};

}  // namespace weir::http
