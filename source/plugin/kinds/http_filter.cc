#include "source/plugin/kinds/http_filter.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "source/base/concat.h"
#include "source/plugin/guard.h"
#include "source/plugin/host_parts.h"

namespace weir::plugin {
namespace {

using http::Verdict;

constexpr uint32_t kMostState = 64 * 1024;
constexpr uint32_t kDefaultCollectLimit = 1024 * 1024;

// The configured filter. Immutable.
class Factory final : public http::HttpFilterFactory {
 public:
  Factory(const Kind& kind, std::shared_ptr<const PluginConfig> config)
      : kind_(kind), calls_(readKind<weir_http_filter>(kind.raw())), config_(std::move(config)) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override {
    return std::make_unique<HttpFilterWorker>(kind_, calls_, config_, services);
  }

 private:
  const Kind& kind_;
  const weir_http_filter calls_;
  const std::shared_ptr<const PluginConfig> config_;
};

// Immutable.
class HttpFilterKind final : public PluginExtension<config::HttpFilterExtension> {
 public:
  using PluginExtension::PluginExtension;

  std::shared_ptr<const http::HttpFilterFactory> compile(const google::protobuf::Message& config,
                                                         const config::Cursor& at,
                                                         config::CompileContext&) const override {
    auto made = compilePluginConfig(kind(), config, at);
    return made == nullptr ? nullptr : std::make_shared<const Factory>(kind(), std::move(made));
  }
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override {
    const auto create = readKind<weir_http_filter>(kind().raw()).route_config_create;
    if (create == nullptr) return HttpFilterExtension::compileRoute(config, filter, at, context);
    auto made = compilePluginConfig(kind(), create, config, at);
    return made == nullptr ? nullptr : std::make_shared<const PluginRouteConfig>(std::move(made));
  }
};

std::string check(const void* raw) {
  const auto calls = readKind<weir_http_filter>(raw);
  if (calls.state_size > kMostState) {
    return base::concat("state_size is ", calls.state_size, ", more than ", kMostState);
  }
  const uint32_t align = calls.state_align;
  if (align > alignof(std::max_align_t) || (align & (align - 1)) != 0) {
    return base::concat("state_align is ", align, ", not a power of two up to ",
                        alignof(std::max_align_t));
  }
  const bool any = calls.create != nullptr || calls.on_request_head != nullptr ||
                   calls.on_request_body != nullptr || calls.on_request_trailers != nullptr ||
                   calls.on_informational != nullptr || calls.on_response_head != nullptr ||
                   calls.on_response_body != nullptr || calls.on_response_trailers != nullptr ||
                   calls.on_end != nullptr;
  return any ? "" : "has no function that a stream could call";
}

http::BodyMode modeOf(uint32_t mode, bool wanted) {
  if (!wanted) return http::BodyMode::kNone;
  switch (mode) {
    case WEIR_BODY_STREAM:
      return http::BodyMode::kStream;
    case WEIR_BODY_COLLECT:
      return http::BodyMode::kCollect;
    default:
      return http::BodyMode::kNone;
  }
}

}  // namespace

const KindType kHttpFilterType{
    .type = WEIR_HTTP_FILTER,
    .category = config::HttpFilterExtension::kCategory,
    .least_size = offsetof(weir_http_filter, on_end) + sizeof(weir_http_filter::on_end),
    .check = check,
    .make = [](const Kind& kind) -> std::unique_ptr<base::Extension> {
      return std::make_unique<HttpFilterKind>(kind);
    },
};

// ---- worker ---------------------------------------------------------------------------------

HttpFilterWorker::HttpFilterWorker(const Kind& kind, const weir_http_filter& calls,
                                   std::shared_ptr<const PluginConfig> config,
                                   base::ServiceMap& services)
    : calls_(calls), loop_(kind, std::move(config), services) {
  if (calls_.body_needs == nullptr || loop_.failed()) return;
  weir_body_needs needs{};
  needs.size = sizeof needs;
  guarded(loop_.thread(), "body_needs", calls_.body_needs, loop_.worker(), &needs);
  needs_ = readNeeds(needs);
}

http::BodyNeeds HttpFilterWorker::readNeeds(const weir_body_needs& from) {
  if (from.request > WEIR_BODY_COLLECT || from.response > WEIR_BODY_COLLECT) {
    loop_.thread().error("body_needs", base::concat("there is no mode ", from.request, " or ",
                                                    from.response, " of seeing a body"));
  }
  return {.request = modeOf(from.request, calls_.on_request_body != nullptr),
          .response = modeOf(from.response, calls_.on_response_body != nullptr),
          .collect_limit_bytes =
              from.collect_limit_bytes == 0 ? kDefaultCollectLimit : from.collect_limit_bytes};
}

http::HttpFilter* HttpFilterWorker::create(base::Arena& arena) {
  void* state = nullptr;
  if (calls_.state_size > 0) {
    state = arena.allocate(calls_.state_size);
    std::memset(state, 0, calls_.state_size);
  }
  return arena.create<PluginHttpFilter>(*this, state);
}

// ---- stream ---------------------------------------------------------------------------------

PluginHttpFilter::PluginHttpFilter(HttpFilterWorker& worker, void* state)
    : worker_(worker), state_(state), scope_(worker.loop(), state != nullptr ? state : this) {}

// With the request's head, as a filter that a route disables is never told of anything.
bool PluginHttpFilter::begin() {
  begun_ = true;
  if (worker_.loop().failed()) {
    idle_ = true;
    fail("on_request_head", "there is no worker to serve the request");
    return false;
  }
  const auto create = worker_.calls().create;
  if (create == nullptr ||
      guarded(thread(), "create", create, worker_.loop().worker(), stream(), state_) != 0) {
    return true;
  }
  idle_ = true;
  handle().setBodyNeeds({});
  return false;
}

template <class Function, class... Args>
Verdict PluginHttpFilter::call(const char* where, Function function, Args... args) {
  if (function == nullptr || idle_) return Verdict::kContinue;
  const int32_t verdict = guarded(thread(), where, function, state_, stream(), args...);
  if (verdict == WEIR_CONTINUE) return Verdict::kContinue;
  if (verdict != WEIR_PAUSE) {
    fail(where, verdict == WEIR_FAIL ? "has failed"
                                     : base::concat("returned ", verdict, ", which is no verdict"));
  }
  return Verdict::kPause;
}

Verdict PluginHttpFilter::onRequestHead(http::RequestHead&, bool end_stream) {
  if (!begin()) return failed_ ? Verdict::kPause : Verdict::kContinue;
  return call("on_request_head", worker_.calls().on_request_head, int32_t{end_stream});
}

Verdict PluginHttpFilter::onRequestBody(buffer::Buffer& data, bool end_stream) {
  return call("on_request_body", worker_.calls().on_request_body, handleOf(data),
              int32_t{end_stream});
}

Verdict PluginHttpFilter::onRequestTrailers(http::HeaderMap& trailers) {
  request_trailers_ = &trailers;
  return call("on_request_trailers", worker_.calls().on_request_trailers);
}

Verdict PluginHttpFilter::onInformational(http::ResponseHead&) {
  response_seen_ = true;
  const Verdict verdict = call("on_informational", worker_.calls().on_informational);
  response_seen_ = false;  // another head comes
  return verdict;
}

Verdict PluginHttpFilter::onResponseHead(http::ResponseHead&, bool end_stream) {
  response_seen_ = true;
  return call("on_response_head", worker_.calls().on_response_head, int32_t{end_stream});
}

Verdict PluginHttpFilter::onResponseBody(buffer::Buffer& data, bool end_stream) {
  return call("on_response_body", worker_.calls().on_response_body, handleOf(data),
              int32_t{end_stream});
}

Verdict PluginHttpFilter::onResponseTrailers(http::HeaderMap& trailers) {
  response_trailers_ = &trailers;
  return call("on_response_trailers", worker_.calls().on_response_trailers);
}

void PluginHttpFilter::onStreamEnd() {
  scope_.end();
  const auto on_end = worker_.calls().on_end;
  if (begun_ && !idle_ && on_end != nullptr) guarded(thread(), "on_end", on_end, state_, stream());
  ended_ = true;
}

weir_headers* PluginHttpFilter::headers(uint32_t which) {
  switch (which) {
    case WEIR_REQUEST_HEADERS:
      return handleOf(handle().requestHead());
    case WEIR_REQUEST_TRAILERS:
      return request_trailers_ == nullptr ? nullptr : handleOf(*request_trailers_);
    case WEIR_RESPONSE_HEADERS:
      return response_seen_ ? handleOf(handle().responseHead()) : nullptr;
    case WEIR_RESPONSE_TRAILERS:
      return response_trailers_ == nullptr ? nullptr : handleOf(*response_trailers_);
    default:
      return nullptr;
  }
}

void PluginHttpFilter::fail(std::string_view where, std::string_view what) {
  thread().error(where, what);
  failed_ = true;
  if (!ended_) handle().localReply({.status = 500, .detail = "plugin_error"});
}

}  // namespace weir::plugin
