#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::server {

class Server;

struct AdminRequest {
  std::string_view method;
  std::string_view path;                                  // without the query
  std::map<std::string, std::string, std::less<>> query;  // percent-decoded
  std::string_view body = {};
};

struct AdminReply;

// An answer that comes later. Destroyed when it has come, or when the client has gone: then it is
// not wanted any more. Main-thread only.
class LaterReply {
 public:
  using Give = std::function<void(AdminReply)>;

  virtual ~LaterReply() = default;
  // Called once. `give` is called once at most, never from inside, and destroys this soon.
  virtual void start(Give give) = 0;
};

struct AdminReply {
  uint16_t status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::string allow = {};  // for 405
  // Set: the rest is not, and this gives it.
  std::unique_ptr<LaterReply> later = {};
};

// One path of the admin interface.
struct AdminEndpoint {
  std::string_view path;
  std::string_view method;  // "GET" (HEAD goes with it) or "POST"
  std::string_view help;
  AdminReply (*handle)(Server& server, const AdminRequest& request);
};

// Weir's own, by path; GET / lists them and those of extensions. Main-thread only.
const std::vector<AdminEndpoint>& adminEndpoints();

// Answers a request: 404 for an unknown path, 405 for the wrong method. Main-thread only.
AdminReply handleAdmin(Server& server, const AdminRequest& request);

// For handlers: {"error": what}
AdminReply adminError(uint16_t status, std::string what);
// Empty when it is not there.
std::string_view queryValue(const AdminRequest& request, std::string_view name);
// Nothing when it is no number.
std::optional<uint64_t> queryNumber(const AdminRequest& request, std::string_view name);

// "a=1&b=%20" into names and values; the last of a name wins.
std::map<std::string, std::string, std::less<>> parseQuery(std::string_view query);

}  // namespace weir::server
