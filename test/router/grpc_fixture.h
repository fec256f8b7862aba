#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "test/router/router_fixture.h"

// gRPC calls through the router, to two origins that speak HTTP/1 with it: what a call is does not
// depend on the wire.
namespace weir::router {

class GrpcRouterTest : public RouterTest {
 protected:
  // One connection to one of the origins.
  struct At {
    TestOrigin* origin = nullptr;
    size_t number = 0;
    std::string text;  // what came

    void send(std::string_view bytes) { origin->send(number, bytes); }
    // An answer of trailers only.
    void sendStatus(std::string_view status) {
      send(
          "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n"
          "grpc-status: " +
          std::string(status) + "\r\n\r\n");
    }
    void sendHead() {
      send(
          "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n"
          "Transfer-Encoding: chunked\r\n\r\n");
    }
    void sendMessage(std::string_view message) { send("4\r\n" + std::string(message) + "\r\n"); }
    void sendTrailers(std::string_view status) {
      send("0\r\ngrpc-status: " + std::string(status) + "\r\n\r\n");
    }
    std::string field(std::string_view name) const {
      const size_t start = text.find("\r\n" + std::string(name) + ": ");
      if (start == std::string::npos) return "";
      const size_t value = start + name.size() + 4;
      return text.substr(value, text.find("\r\n", value) - value);
    }
  };

  void applyBoth() { worker.clusters.apply({process.config({origin.address(), other.address()})}); }
  std::unique_ptr<Stream> call(std::string_view path = "/c", std::string_view timeout = "") {
    auto s = stream("POST", path);
    s->request.headers.add("content-type", "application/grpc");
    if (!timeout.empty()) s->request.headers.add("grpc-timeout", timeout);
    s->request.framing = http::BodyFraming::kChunked;
    return s;
  }
  // Waits for a request that ends with `end`, at either origin.
  At arrived(std::string_view end = "0\r\n\r\n") {
    At at;
    EXPECT_TRUE(worker.until([&] { return find(end, at); })) << "nothing ends with " << end;
    return at;
  }
  int64_t answers(const std::string& status) {
    return process.store.valueOf("cluster_grpc_responses_total",
                                 {{"cluster", "c"}, {"status", status}});
  }

  TestOrigin other;

 private:
  bool find(std::string_view end, At& at) {
    for (TestOrigin* each : {&origin, &other}) {
      for (size_t i = 0; i < each->accepted(); ++i) {
        std::string& text = texts_[{each, i}];
        if (!closed_[{each, i}]) text += each->read(i);
        if (!text.ends_with(end)) continue;
        at = {each, i, std::exchange(text, {})};
        return true;
      }
    }
    return false;
  }

  std::map<std::pair<TestOrigin*, size_t>, std::string> texts_;

 protected:
  void close(const At& at) {
    at.origin->close(at.number);
    closed_[{at.origin, at.number}] = true;
  }

 private:
  std::map<std::pair<TestOrigin*, size_t>, bool> closed_;
};

}  // namespace weir::router
