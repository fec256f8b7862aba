#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::server {

class Server;

struct AdminRequest {
  std::string_view method;
  std::string_view path;                     // without the query
  std::map<std::string, std::string> query;  // percent-decoded
};

struct AdminReply {
  uint16_t status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::string allow = {};  // for 405
};

// One path of the admin interface.
struct AdminEndpoint {
  std::string_view path;
  std::string_view method;  // "GET" (HEAD goes with it) or "POST"
  std::string_view help;
  AdminReply (*handle)(Server& server, const AdminRequest& request);
};

// All of them, by path: also what GET / lists. Main-thread only.
const std::vector<AdminEndpoint>& adminEndpoints();

// Answers a request: 404 for an unknown path, 405 for the wrong method. Main-thread only.
AdminReply handleAdmin(Server& server, const AdminRequest& request);

// "a=1&b=%20" into names and values; the last of a name wins.
std::map<std::string, std::string> parseQuery(std::string_view query);

}  // namespace weir::server
