#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "source/base/service_map.h"
#include "source/http/route.h"
#include "source/stats/stats.h"
#include "test/extensions/http_filters/common/lone_filter.h"
#include "test/fakes/fake_http_calls.h"

namespace weir::extensions::http_filters {

// A chain with one filter alone, with calls and time that the test makes. Worker-confined.
class FilterStage : public LoneFilter {
 public:
  FilterStage() {
    services.put(stats.block(1));
    services.put<event::Dispatcher>(dispatcher);
    services.put<router::HttpCalls>(calls);
  }
  ~FilterStage() { chain.clear(); }  // before the factory of its filter

  void use(const http::HttpFilterFactory& factory) { factory_ = factory.bind(services); }
  // A request without a body; the address is of a client and its connection.
  void ask(std::string_view target, Fields fields = {}, std::string_view method = "GET",
           std::string_view address = "192.0.2.1:4711", bool end_stream = true) {
    begin(*factory_);
    address_ = *network::Address::parse(address);
    request_head.method = method;
    request_head.scheme = "http";
    request_head.authority = "shop.example";
    request_head.path = request_head.arena.copy(target);
    if (!end_stream) request_head.framing = http::BodyFraming::kChunked;
    for (const auto& [name, value] : fields) request_head.headers.add(name, value);
    info.downstream_remote = info.downstream_direct = &address_;
    chain.requestHead(end_stream);
  }
  // It has come to the end of the chain.
  bool passed() const { return !seen().line.empty(); }

  base::ServiceMap services;
  stats::Store stats;
  router::FakeHttpCalls calls;

 private:
  network::Address address_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

}  // namespace weir::extensions::http_filters
