#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::explain {

// What the client shows in its TLS handshake. Value.
struct StatedCertificate {
  std::string subject;
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
  bool verified = true;
};

// A request that somebody asks about, as they have described it. Value.
struct Question {
  std::string method = "GET";
  // "https://shop.example/cart?a=1"; or a path, and then Host is among the headers.
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string listener = {};     // empty: that of the URL's port
  std::string source = {};       // "192.0.2.7" or "192.0.2.7:1234"; empty: 127.0.0.1
  std::string server_name = {};  // SNI; empty: the URL's host, where that is https
  std::optional<StatedCertificate> certificate = {};
};

}  // namespace weir::explain
