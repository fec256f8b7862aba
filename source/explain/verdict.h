#pragma once

#include <string>
#include <vector>

#include "source/http/recent_requests.h"

namespace weir::explain {

// What became of an exchange, in words. Value.
struct Verdict {
  // Who gave the answer, or where it broke off: "the client never got an answer", "Weir answered
  // 503 itself, behind all filters: …".
  std::string what;
  // How far it came: "received", "routed", "sent to an endpoint", "answered by the endpoint",
  // "answered".
  std::string stage;
  struct Flag {
    std::string name;
    std::string meaning;
    std::string look;
  };
  std::vector<Flag> flags = {};
};
Verdict judge(const http::RecentRequest& request);

}  // namespace weir::explain
