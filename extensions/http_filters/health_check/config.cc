#include "extensions/http_filters/health_check/config.h"

#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/health_check/v1/health_check.pb.h"
#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/config/admin_paths.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"

namespace weir::extensions::http_filters::health_check {
namespace {

using config::Cursor;
using std::chrono::milliseconds;

constexpr int kMostClusters = 64;

// Where the operator says whether checks are to fail. Main-thread only.
class WordPaths final : public config::MainPart {
 public:
  explicit WordPaths(std::shared_ptr<HealthWord> word) : word_(std::move(word)) {}

  void start(base::ServiceMap& services) override {
    auto* const paths = services.find<config::AdminPaths>();
    if (paths == nullptr) return;
    fail_ = add(*paths, "/healthcheck/fail", "Answer health checks with 503.", true);
    ok_ = add(*paths, "/healthcheck/ok", "Answer health checks as usual again.", false);
  }
  void stop() override {
    fail_.reset();
    ok_.reset();
  }

 private:
  config::AdminPathHandle add(config::AdminPaths& paths, const char* path, const char* help,
                              bool failing) {
    return paths.add(
        {.path = path,
         .method = "POST",
         .help = help,
         .handle = [word = word_, failing](const config::AdminPathRequest&) {
           word->failing = failing;
           base::log::info("health_check",
                           failing ? "checks fail from now on" : "checks are as usual again");
           return config::AdminPathReply{.body = base::concat("{\"failing\":", failing, "}\n")};
         }});
  }

  const std::shared_ptr<HealthWord> word_;
  config::AdminPathHandle fail_;
  config::AdminPathHandle ok_;
};

std::vector<HealthCheckSettings::Cluster> readClusters(const v1::HealthCheckAnswers& from,
                                                       const Cursor& at,
                                                       config::CompileContext& context) {
  std::vector<HealthCheckSettings::Cluster> to;
  if (from.clusters_size() > kMostClusters) {
    at.at("clusters", kMostClusters).error(base::concat("there are more than ", kMostClusters));
    return to;
  }
  for (int i = 0; i < from.clusters_size(); ++i) {
    const v1::ClusterHealth& one = from.clusters(i);
    const Cursor here = at.at("clusters", i);
    if (config::require(one.cluster(), here.field("cluster"))) {
      context.compiler.checkCluster(one.cluster(), here.field("cluster"));
    }
    double least = 0.5;
    if (one.has_min_healthy()) {
      const http::Fraction share =
          config::compileFraction(one.min_healthy(), here.field("min_healthy"));
      least = static_cast<double>(share.millionths) / http::Fraction::kAll;
    }
    to.push_back({one.cluster(), least});
  }
  return to;
}

}  // namespace

HealthCheckSettings HealthCheckExtension::read(const google::protobuf::Message& config,
                                               const Cursor& at,
                                               config::CompileContext& context) const {
  const auto& from = static_cast<const v1::HealthCheckAnswers&>(config);
  HealthCheckSettings to;
  to.word = word_;
  to.path = from.path();
  if (from.path().empty() && from.headers().empty()) {
    at.field("path").error("is required", "write path: \"/healthz\", or `headers`");
  }
  const bool plain = from.path().find_first_of("?#") == std::string::npos;
  if (!from.path().empty() && (from.path().front() != '/' || !plain)) {
    at.field("path").error(base::concat("\"", from.path(), "\" is no path"),
                           "it begins with \"/\" and has no query");
  }
  to.headers = config::compileHeaderMatches(from.headers(), at, "headers");
  to.pass_through = from.pass_through();
  if (from.has_cache_time()) {
    if (!to.pass_through) {
      at.field("cache_time").error("has no meaning without pass_through", "leave it out");
    }
    to.cache_time =
        config::readDuration(&from.cache_time(), milliseconds(0),
                             {milliseconds(1), milliseconds(60'000)}, at.field("cache_time"));
  }
  to.clusters = readClusters(from, at, context);
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", name}});
  };
  to.stats = {.well = counter("health_check_ok_total", "Checks answered here that all is well."),
              .failing = counter("health_check_failing_total", "Checks answered here with 503."),
              .kept = counter("health_check_kept_total",
                              "Checks answered with what an endpoint said before."),
              .passed = counter("health_check_passed_total", "Checks that went to an endpoint.")};
  return to;
}

std::shared_ptr<const http::HttpFilterFactory> HealthCheckExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  HealthCheckSettings settings = read(config, at, context);
  context.main_parts.push_back(std::make_shared<WordPaths>(word_));
  return std::make_shared<HealthCheckFactory>(std::move(settings));
}

std::shared_ptr<const http::RouteFilterConfig> HealthCheckExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&, const Cursor& at,
    config::CompileContext& context) const {
  return std::make_shared<HealthCheckRoute>(read(config, at, context));
}

}  // namespace weir::extensions::http_filters::health_check
