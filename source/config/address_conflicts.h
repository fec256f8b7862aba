#pragma once

#include <string>
#include <vector>

#include "source/config/diagnostics.h"
#include "source/network/address.h"

namespace weir::config {

// Finds two users of one address: the same one, or the same port on one interface and on all of
// them. IPv4 and IPv6 do not meet (sockets are IPv6-only), nor do ports that the kernel chooses.
// Main-thread only.
class AddressConflicts {
 public:
  // `user` is for messages: listener "edge". Reports at `at`.
  void add(const network::Address& address, const std::string& user, const Cursor& at);

 private:
  struct Taken {
    network::Address address;
    std::string user;
  };
  std::vector<Taken> taken_;
};

}  // namespace weir::config
