#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters {

// A whole proxy with one filter before an origin that answers with the request as it came.
// Worker-confined (the test's thread).
class AccessProxy {
 public:
  // `filter`: "[http_filters/x] { … }"; `routes` and `clusters` are text of the configuration.
  explicit AccessProxy(std::string_view filter,
                       std::string_view routes = R"(routes { route { cluster: "origin" } })",
                       std::string_view clusters = {})
      : origin_(test::ScriptedOrigin::echoing()),
        proxy_(text(filter, routes, clusters, origin_.address())) {}

  // `fields`: "name: value\r\n"…
  test::RawMessage ask(std::string_view target, std::string_view fields = {},
                       std::string_view method = "GET", std::string_view body = {}) {
    auto client = test::RawConnection::connectTo(proxy_.port("edge"));
    std::string request = std::string(method) + " " + std::string(target) +
                          " HTTP/1.1\r\nHost: shop.example\r\n" + std::string(fields);
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    client.send(request + "\r\n" + std::string(body));
    return client.readMessage(method == "HEAD");
  }
  int status(std::string_view target, std::string_view fields = {}) {
    return ask(target, fields).status();
  }
  test::InProcessProxy& operator*() { return proxy_; }
  test::InProcessProxy* operator->() { return &proxy_; }
  test::ScriptedOrigin& origin() { return origin_; }

  static std::string text(std::string_view filter, std::string_view routes,
                          std::string_view clusters, const std::string& origin) {
    return test::runtime(1) +
           test::edgeListener("forwarded { trusted_hops: 1 } http_filters { config { " +
                                  std::string(filter) + " } }",
                              routes) +
           test::cluster("origin", {origin}) + std::string(clusters);
  }

 private:
  test::ScriptedOrigin origin_;
  test::InProcessProxy proxy_;
};

}  // namespace weir::extensions::http_filters
