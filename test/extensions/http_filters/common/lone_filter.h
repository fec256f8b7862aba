#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "source/http/route.h"
#include "test/http/recorded_chain.h"

namespace weir::extensions::http_filters {

// A chain with one filter alone. Worker-confined.
struct LoneFilter : http::RecordedChain {
  ~LoneFilter() { clear(); }

  // Ends the exchange before. The next one has a filter of `factory` and ends at a fake terminal;
  // its head is the caller's.
  void begin(http::WorkerHttpFilterFactory& factory, const http::Route* route = nullptr);
  void begin(http::WorkerHttpFilterFactory& factory, http::Terminal& to);
};

// A route that says something of the filter. Immutable.
class SettingRoute final : public http::Route {
 public:
  explicit SettingRoute(std::shared_ptr<const http::RouteFilterConfig> settings)
      : filter_{.config = std::move(settings)} {}
  std::string_view name() const override { return {}; }
  std::string_view virtualHostName() const override { return {}; }
  std::string_view clusterName() const override { return {}; }
  const http::RouteFilter* filter(uint32_t) const override { return &filter_; }

 private:
  const http::RouteFilter filter_;
};

// Takes requests and keeps nothing of them. Worker-confined.
class SilentTerminal final : public http::Terminal {
 public:
  void onRequestHead(http::RequestHead&, bool) override {}
  void onRequestBody(buffer::Buffer& data, bool) override { data.clear(); }
  void onRequestTrailers(http::HeaderMap&) override {}
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {}
};

}  // namespace weir::extensions::http_filters
