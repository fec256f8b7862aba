#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::extensions::stickiness::cookie {

// What the Set-Cookie fields say beside the value (RFC 6265bis). Value.
struct Attributes {
  enum class SameSite : uint8_t { kUnsaid, kLax, kStrict, kNone };
  std::string name = "SERVERID";
  std::chrono::seconds ttl{3600};  // zero: until the browser ends
  std::string path = "/";
  std::string domain = {};  // empty: only the host itself
  bool secure = false;
  bool http_only = true;
  SameSite same_site = SameSite::kUnsaid;
  std::vector<std::string> others = {};  // as they are written
};

// What stands behind the value: "; Path=/; Max-Age=3600; HttpOnly".
std::string attributesText(const Attributes& attributes);

}  // namespace weir::extensions::stickiness::cookie
