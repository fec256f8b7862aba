#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/buffer/buffer.h"
#include "source/http/filter_chain.h"
#include "source/router/http_calls.h"
#include "source/router/resilience.h"
#include "source/stats/stats.h"

namespace weir::router {

class MirrorCopy;

// Copies of requests to other clusters, of all routes on one worker. Worker-confined.
class Mirroring {
 public:
  // Without HttpCalls in `services` there are none.
  explicit Mirroring(base::ServiceMap& services);

  // For a request whose route has mirrors: what gathers its body, in the stream's arena. Null: this
  // one is not copied.
  MirrorCopy* begin(http::FilterChain& chain, const std::shared_ptr<const Resilience>& route,
                    base::Random& random);

 private:
  friend class MirrorCopy;
  static constexpr size_t kMostRoutes = 4096;

  struct Cells {
    explicit Cells(base::ServiceMap& services);
    stats::Cell& sent;
    stats::Cell& refused_body;
    stats::Cell& refused_limit;
  };
  struct Route {
    std::shared_ptr<const Resilience> policy;
    std::vector<base::LocalRef<HttpCallCount>> counts;  // by mirror
  };
  Route* find(const std::shared_ptr<const Resilience>& route);

  HttpCalls* const calls_;
  Cells cells_;
  std::vector<std::unique_ptr<Route>> routes_;  // by the address of the policy
};

// The copy of one request, gathered by reference until the request is complete: then each of the
// chosen mirrors is sent one that goes its own way. Lives in the stream's arena and is never
// destroyed: end() gives everything back. Worker-confined.
class MirrorCopy {
 public:
  // `chosen`: a bit for each of the route's mirrors.
  MirrorCopy(Mirroring& mirroring, Mirroring::Route& route, uint32_t chosen,
             http::FilterChain& chain);

  // Some of the body; takes nothing.
  void add(const buffer::Buffer& data);
  // The request is complete, and its head as it is sent. Once.
  void send();
  void end();

 private:
  void drop(size_t mirror, stats::Cell& reason);
  void sendTo(size_t mirror, const HttpCallRequest& request);

  Mirroring& mirroring_;
  Mirroring::Route& route_;
  uint32_t chosen_;
  http::FilterChain& chain_;
  buffer::Buffer body_;
};

}  // namespace weir::router
