#include "source/plugin/kinds/access_logger.h"

#include <cstddef>
#include <utility>

#include "source/config/extensions.h"
#include "source/plugin/guard.h"
#include "source/plugin/handles.h"
#include "source/plugin/kinds/all.h"
#include "source/plugin/loop.h"

namespace weir::plugin {
namespace {

// Worker-confined.
class PluginAccessLogger final : public http::AccessLogger {
 public:
  PluginAccessLogger(const Kind& kind, std::shared_ptr<const PluginConfig> config,
                     bool of_connections, base::ServiceMap& services)
      : log_(readKind<weir_access_logger>(kind.raw()).log),
        of_connections_(of_connections),
        loop_(kind, std::move(config), services) {}

  void log(const http::RequestHead& request, const http::ResponseHead& response,
           const http::HeaderMap& trailers, const http::StreamInfo& info) override {
    if (loop_.failed()) return;
    const bool answered = !of_connections_ && response.status != 0;
    const weir_headers* const none = nullptr;
    guarded(loop_.thread(), "log", log_, loop_.worker(), of_connections_ ? none : handleOf(request),
            answered ? handleOf(response) : none,
            answered && !trailers.empty() ? handleOf(trailers) : none, handleOf(info));
  }

 private:
  void (*const log_)(void* worker, const weir_headers* request, const weir_headers* response,
                     const weir_headers* trailers, const weir_info* info);
  const bool of_connections_;
  Loop loop_;
};

// Immutable.
class PluginAccessLoggerExtension final : public PluginExtension<config::AccessLoggerExtension> {
 public:
  using PluginExtension::PluginExtension;
  std::shared_ptr<const http::AccessLoggerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override {
    auto compiled = compilePluginConfig(kind(), config, at);
    if (compiled == nullptr) return nullptr;
    return std::make_shared<PluginAccessLoggerFactory>(kind(), std::move(compiled),
                                                       context.logs_connections);
  }
};

std::string check(const void* raw) {
  return readKind<weir_access_logger>(raw).log == nullptr ? "log is missing" : "";
}

}  // namespace

std::unique_ptr<http::AccessLogger> PluginAccessLoggerFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<PluginAccessLogger>(kind_, config_, of_connections_, services);
}

constinit const KindType kAccessLoggerType{
    .type = WEIR_ACCESS_LOGGER,
    .category = config::AccessLoggerExtension::kCategory,
    .least_size = offsetof(weir_access_logger, log) + sizeof(weir_access_logger::log),
    .check = check,
    .make = [](const Kind& kind) -> std::unique_ptr<base::Extension> {
      return std::make_unique<PluginAccessLoggerExtension>(kind);
    },
};

}  // namespace weir::plugin
