#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::router {

struct RouteEntry;
struct VirtualHost;

// How a table came to its answer. Pointers live as long as the table. Value.
struct RouteExplanation {
  struct Considered {
    const RouteEntry* route = nullptr;
    uint32_t position = 0;  // among the virtual host's routes
    // The first condition that did not hold: "the path does not begin with \"/api\"", "the method
    // is not GET or HEAD", "header x-user is \"a\": not so". Empty: the route matches.
    std::string reason = {};
  };

  const VirtualHost* host = nullptr;  // null: no domain holds
  // The domain that decided, as configured: "*.shop.example".
  std::string domain = {};
  // "is the host", "the longest suffix that the host has", …
  std::string why = {};
  // In configured order, up to and with the one that matches.
  std::vector<Considered> routes = {};
  const RouteEntry* found = nullptr;  // null: none matches (404)
};

}  // namespace weir::router
