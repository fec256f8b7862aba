#pragma once

#include <memory>
#include <string>
#include <utility>

#include "source/upstream/health_checker.h"
#include "source/upstream/probe_connections.h"

namespace weir::extensions::health_checkers::redis {

// Value.
struct RedisOptions {
  std::string key = {};       // empty: PING
  std::string username = {};  // empty: the default one
  std::string password = {};  // empty: nobody logs in
};

// Main-thread only.
class RedisChecker final : public upstream::HealthChecker {
 public:
  RedisChecker(base::ServiceMap& services, const upstream::ClusterConfig& cluster,
               const upstream::CheckSettings& settings, const RedisOptions& options);
  std::unique_ptr<upstream::HealthProbe> createProbe(const upstream::ProbeTarget& target,
                                                     upstream::ProbeListener& listener) override;
  // As they are sent.
  const std::string& login() const { return login_; }  // empty: none
  const std::string& question() const { return question_; }
  bool asksForKey() const { return asks_for_key_; }

 private:
  const std::string login_;
  const std::string question_;
  const bool asks_for_key_;
  upstream::ProbeConnections connections_;
};

// Immutable.
class RedisCheckerFactory final : public upstream::HealthCheckerFactory {
 public:
  explicit RedisCheckerFactory(RedisOptions options) : options_(std::move(options)) {}
  std::string_view name() const override { return "redis"; }
  std::unique_ptr<upstream::HealthChecker> create(
      base::ServiceMap& services, const upstream::ClusterConfig& cluster,
      const upstream::CheckSettings& settings) const override {
    return std::make_unique<RedisChecker>(services, cluster, settings, options_);
  }

 private:
  const RedisOptions options_;
};

}  // namespace weir::extensions::health_checkers::redis
