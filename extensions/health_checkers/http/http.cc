#include "extensions/health_checkers/http/http.h"

#include "extensions/health_checkers/http/http_probe.h"
#include "source/http/http2/options.h"
#include "source/http/http2/stats.h"
#include "source/stats/stats.h"

namespace weir::extensions::health_checkers::http {
namespace {

using upstream::HttpProtocol;

// Without the port.
std::string_view nameOf(std::string_view host) {
  const size_t colon = host.rfind(':');
  const size_t bracket = host.rfind(']');
  const bool port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  return port ? host.substr(0, colon) : host;
}

// One stream at a time and small answers: little memory, and no timers, as whoever starts a probe
// keeps the time.
weir::http::http2::Options http2Options() {
  weir::http::http2::Options options;
  options.max_concurrent_streams = 1;
  options.stream_window_bytes = 65'535;
  options.connection_window_bytes = 65'535;
  options.max_window_bytes = 65'535;
  options.header_table_bytes = 0;
  options.head_timeout = std::chrono::milliseconds(0);
  options.stalled_window_timeout = std::chrono::milliseconds(0);
  return options;
}

}  // namespace

struct HttpChecker::Http2Parts {
  explicit Http2Parts(base::ServiceMap& services)
      : dispatcher(services.get<network::IoContext>().dispatcher()),
        blocks(services.get<network::IoContext>().blocks()),
        cells(weir::http::http2::Stats::create(services.get<stats::Store>(),
                                               {{"client", "health_checks"}}),
              services.get<stats::Block>()),
        options(http2Options()) {}

  event::Dispatcher& dispatcher;
  buffer::BlockPool& blocks;
  base::Random random;
  const weir::http::http2::Cells cells;
  const weir::http::http2::Options options;
};

HttpChecker::HttpChecker(base::ServiceMap& services, const upstream::ClusterConfig& cluster,
                         const upstream::CheckSettings& settings,
                         std::shared_ptr<const HttpOptions> options)
    : options_(std::move(options)),
      protocol_(options_->protocol.value_or(cluster.http_protocol)),
      limits_(cluster.limits),
      http2_(protocol_ == HttpProtocol::kHttp1 ? nullptr : std::make_unique<Http2Parts>(services)),
      connections_(services, cluster, settings, std::string(nameOf(options_->host))) {}

HttpChecker::~HttpChecker() = default;

std::unique_ptr<upstream::HealthProbe> HttpChecker::createProbe(const upstream::ProbeTarget& target,
                                                                upstream::ProbeListener& listener) {
  return std::make_unique<HttpProbe>(*this, connections_, target, listener);
}

std::unique_ptr<Exchange> HttpChecker::takeExchange() {
  if (spare_.empty()) return std::make_unique<Exchange>(options_->expected, limits_);
  std::unique_ptr<Exchange> exchange = std::move(spare_.back());
  spare_.pop_back();
  return exchange;
}

void HttpChecker::giveExchange(std::unique_ptr<Exchange> exchange) {
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(exchange));
}

const weir::http::RequestHead& HttpChecker::requestTo(const network::Address& address) {
  using weir::http::HeaderId;
  request_.clear();
  request_.method = options_->method;
  request_.scheme = connections_.secure() ? "https" : "http";
  request_.path = options_->path;
  if (!options_->host.empty()) {
    request_.authority = options_->host;
  } else if (address.isIp()) {
    request_.authority = request_.arena.copy(address.toString());
  } else {
    request_.authority = "localhost";
  }
  // A method that may have a body says that there is none.
  const bool may_have_body =
      options_->method != "GET" && options_->method != "HEAD" && options_->method != "OPTIONS";
  if (may_have_body) request_.framing = weir::http::BodyFraming::kContentLength;
  for (const auto& [name, value] : options_->fields) {
    request_.headers.addView(weir::http::headerId(name), name, value);
  }
  if (!request_.headers.has(HeaderId::kUserAgent)) {
    request_.headers.addView(HeaderId::kUserAgent, "User-Agent", "weir-health-check");
  }
  return request_;
}

weir::http::http2::CodecServices HttpChecker::http2Services() {
  return {http2_->dispatcher, http2_->blocks, http2_->random,
          http2_->cells,      limits_,        http2_->options};
}

}  // namespace weir::extensions::health_checkers::http
