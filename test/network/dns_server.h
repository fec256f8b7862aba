#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "source/base/fd.h"
#include "source/network/address.h"

namespace weir::network::test {

inline constexpr uint16_t kDnsA = 1;
inline constexpr uint16_t kDnsCname = 5;
inline constexpr uint16_t kDnsAaaa = 28;
inline constexpr uint16_t kDnsSrv = 33;

// What a resolver asked.
struct DnsQuestion {
  uint16_t id = 0;
  std::string name;  // lower case, without the last dot
  uint16_t type = 0;
  bool tcp = false;
};

// Composes an answer; names are written out, or point to the question where they are its name.
class DnsReply {
 public:
  explicit DnsReply(const DnsQuestion& question) : question_(question) {}
  DnsReply& code(int rcode);  // 2: server failure, 3: no such name, 5: refused
  DnsReply& truncated();
  DnsReply& a(std::string_view address, uint32_t ttl = 60, std::string_view owner = {});
  DnsReply& aaaa(std::string_view address, uint32_t ttl = 60, std::string_view owner = {});
  DnsReply& cname(std::string_view target, uint32_t ttl = 60, std::string_view owner = {});
  struct Srv {
    uint16_t priority, weight, port;
  };
  DnsReply& srv(Srv numbers, std::string_view target, uint32_t ttl = 60);
  DnsReply& record(uint16_t type, uint32_t ttl, std::string_view data, std::string_view owner = {});
  // What a server sends: over UDP only the head with the mark of truncation beyond 512 bytes.
  std::string bytes() const;
  static std::string encodeName(std::string_view name);

 private:
  const DnsQuestion question_;
  int rcode_ = 0;
  bool truncated_ = false;
  uint16_t records_ = 0;
  std::string body_;
};

// A name server on a port of 127.0.0.1, UDP and TCP, with a thread of its own. Thread-safe.
class DnsServer {
 public:
  // The bytes to send; nothing: silence. Called on the server's thread.
  using Script = std::function<std::optional<std::string>(const DnsQuestion&)>;

  explicit DnsServer(Script script = {});
  ~DnsServer();
  Address address() const { return address_; }
  void setScript(Script script);
  // All so far, in order.
  std::vector<DnsQuestion> questions() const;
  int asked(uint16_t type) const;

 private:
  void run();
  std::optional<std::string> answer(std::string_view query, bool tcp);
  void serveDatagram();
  void serveStream();

  Address address_;
  base::UniqueFd udp_;
  base::UniqueFd tcp_;
  base::UniqueFd stop_;  // an eventfd
  mutable std::mutex mutex_;
  Script script_;
  std::vector<DnsQuestion> questions_;
  std::thread thread_;
};

}  // namespace weir::network::test
