#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace weir::http {

// An exchange that is over, as it is remembered. Texts may be cut. Value.
struct RecentRequest {
  event::SystemTime start_time = {};
  std::string request_id, method, authority, path, virtual_host, route, cluster, client, endpoint,
      detail;
  std::string filter;     // that has answered; empty: none
  uint64_t sequence = 0;  // on its worker, from 1
  uint64_t connection_id = 0;
  uint64_t request_bytes = 0;   // body
  uint64_t response_bytes = 0;  // body
  uint32_t flags = 0;           // ResponseFlag
  uint32_t attempts = 0;
  // From the first byte of the request on, in microseconds; nothing: it never came so far.
  std::optional<uint32_t> request_complete_us, upstream_us, first_byte_us, response_us;
  uint32_t took_us = 0;
  uint16_t status = 0;  // 0: none was sent
  std::optional<GrpcStatus> grpc_status = {};
  bool local = false;  // Weir's own answer
};

// Which of them. Value.
struct RecentQuery {
  std::string request_id = {};  // empty: any
  std::optional<uint16_t> status = {};
  uint32_t limit = 100;
};

// The last exchanges of a worker, in a ring that is allocated once. Adding one costs some copies
// into memory of its own: no lock, no allocation. Worker-confined.
class RecentRequests {
 public:
  // Of an exchange, what its stream knows.
  struct Answer {
    bool local = false;
    std::string_view filter = {};
  };

  // How many are kept; 0: none. Those that there are go when it changes.
  void setCapacity(uint32_t entries);
  bool enabled() const { return !ring_.empty(); }
  void add(const RequestHead& request, const StreamInfo& info, const Answer& answer);
  // The newest first.
  std::vector<RecentRequest> find(const RecentQuery& query) const;

 private:
  enum Text : uint8_t {
    kId,
    kDetail,
    kFilter,
    kCluster,
    kRoute,
    kHost,
    kMethod,
    kAuthority,
    kPath
  };
  static constexpr size_t kTexts = 9;
  struct Entry {
    event::SystemTime start_time;
    uint64_t sequence = 0;
    uint64_t connection_id;
    uint64_t request_bytes;
    uint64_t response_bytes;
    network::Address client;
    network::Address endpoint;
    uint32_t flags;
    uint32_t attempts;
    event::MonotonicTime started, request_complete, upstream_started, first_byte, response_started,
        ended;
    uint16_t status;
    uint8_t grpc_status;
    bool local;
    std::array<uint16_t, kTexts> ends;
    std::array<char, 346> text;

    std::string_view at(Text which) const;
  };
  class TextWriter;
  static RecentRequest shown(const Entry& entry);

  std::vector<Entry> ring_;
  size_t next_ = 0;    // of the ring: what is added to
  uint64_t last_ = 0;  // sequence
};

}  // namespace weir::http
