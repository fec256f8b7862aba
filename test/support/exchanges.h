#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Exchanges as scripts that say nothing of the HTTP version, and what each end saw of them as text
// that does not either: for tests that hold versions against each other.
namespace weir::test {

// In the order in which they are sent; names in lower case.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

inline constexpr size_t kNever = std::numeric_limits<size_t>::max();

struct ScriptedBody {
  enum class Length { kNone, kKnown, kUnknown };
  Length length = Length::kNone;
  std::string bytes = {};
  HeaderList trailers = {};  // only with kUnknown
};

struct ScriptedRequest {
  std::string method = "GET";
  std::string path = "/";
  std::string authority = "origin.test";
  HeaderList headers = {};
  std::vector<std::string> cookies = {};  // one field with HTTP/1, crumbs with HTTP/2
  HeaderList http1_fields = {};           // of the connection: HTTP/2 has no such thing
  ScriptedBody body = {};
  bool awaits_continue = false;  // Expect: 100-continue; the body follows the 100
  bool websocket = false;        // then a few bytes there and back
  bool host_only = false;        // HTTP/2: Host, and no :authority
  size_t breaks_after = kNever;  // so many bytes of the body, once an interim response has come
};

struct ScriptedResponse {
  std::vector<std::pair<int, HeaderList>> interim = {};
  int status = 200;
  HeaderList headers = {};
  ScriptedBody body = {};
  bool early = false;                 // before the request's body, which is not read
  bool breaks_at_once = false;        // the request is whole, and no byte of an answer is sent
  size_t breaks_after = kNever;       // so many bytes of the body
  bool until_close = false;           // HTTP/1: the end of the connection ends a body of kUnknown
  std::string announced_length = {};  // for HEAD and 304
};

struct Exchange {
  std::string name;
  ScriptedRequest request = {};
  ScriptedResponse response = {};

  bool connect() const { return request.method == "CONNECT"; }
  bool tunnel() const { return connect() || request.websocket; }
  bool toHead() const { return request.method == "HEAD"; }
  // The client's head: without pseudo-fields and framing, with x-exchange, by which the origin
  // knows what to do.
  HeaderList requestHeaders() const;
};

// What goes through tunnels, and comes back in capitals.
inline constexpr std::string_view kTunnelWords = "through the tunnel";
inline constexpr std::string_view kTunnelEcho = "THROUGH THE TUNNEL";

// What one end saw.
struct Seen {
  std::string line = {};  // "GET origin.test /path", "200"
  std::vector<std::string> interim = {};
  std::multimap<std::string, std::string> headers = {};
  std::string body = {};
  std::multimap<std::string, std::string> trailers = {};
  // "whole", "broken" (it began and did not end), "tunnel" (and what was said through it).
  std::string end = {};

  // All of it. Fields that differ from run to run or belong to one connection are left out; a body
  // of length zero and none are the same.
  std::string text() const;
};

// Whether a field is sent on by any version.
bool endToEnd(std::string_view name);

}  // namespace weir::test
